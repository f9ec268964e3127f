"""Dashboards: what their queries give, kept until it may have changed, and charts of it.

questions   a query of a panel, its tables and their versions: what its answer hangs on
answers     the answers: kept below target/dashboards, asked of Spark where there is none
values      numbers, days and texts as pages show them
rankings    whether a ranking says more than chance
picture     charts as SVG, from Altair, with colours of the page's style sheet
lines, bars, spread, grid    what each mark draws of an answer
panel       a panel made ready for a page: its chart, its table, its words

What dashboards are, and their files: `runner.project.dashboards`.
"""
