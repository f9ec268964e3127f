"""Rules for templates and properties, each with a place and a way out; see `runner.lint.rules`.

mask     the template with its Jinja replaced, each character at its place
sql      what a masked template says: its CTEs, its tables, its stars
rules    the rules, a function each
check    all rules over the chosen models, what `-- noqa` silences, what can be mended
"""
