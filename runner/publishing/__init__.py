"""What happens between a candidate and its readers when one commit is not all that there is to it.

journal         several publications as one, finished or undone when a process dies between their commits
row_quarantine  rows that fail a check, put aside instead of stopping the build
staging         what a run has built and not yet published: children read it, all or nothing is published at the end
"""
