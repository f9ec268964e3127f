"""Drafts a suite from the data: what is true of a table now and looks meant.

figures   the figures of a table that a draft needs: one pass over it, and a few small queries
shapes    a regular expression that all of some ids match
draft     from figures to expectations, each with its reason
written   the draft as the YAML of a suite
"""
