"""The runs: what each took and why, and what every table took from run to run.

timeline   a run as spans of time: who waited for whom, the chain that made it last, how busy the threads were
series     every table over the kept runs: seconds, rows, bytes, and whether the newest figure is unusual
drawn      both as drawings
section    the pages
"""
