"""From results to what a person should know: the cause, where the failing rows lie, the store that they come from.

builtin    words for what Great Expectations' own expectations found
diagnose   what the numbers of a flagged check can still tell, asked once it is flagged
where      where failing rows lie: the device, store, page or dates that hold nearly all of them
origins    the stores that a model's rows and columns come from
explain    all of this for the flagged checks of a suite, in few jobs
verdict    the likeliest cause over a suite
"""
