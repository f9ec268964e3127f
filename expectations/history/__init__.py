"""What checks said in earlier runs, and what that makes of a figure of today.

identity   what makes a check the same check in two runs
results    the Delta table that keeps every result: one row for each check and run, written without Spark
usual      what a figure should be by its own past: robust, aware of weekdays and of growth
sketch     a column's distribution in a few numbers, and how far two of them are apart
"""
