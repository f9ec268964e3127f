"""What the checks say: of every table now, run by run, and of each check how often it fired.

past       the kept results of checks, by table and check
drawn      small drawings: a check's figure from run to run
section    the pages, and the validation reports beside them
"""
