"""What checks said in earlier runs.

identity   what makes a check the same check in two runs
results    the Delta table that keeps every result: one row for each check and run, written without Spark
replay     how often a check would have fired over the past itself
"""
