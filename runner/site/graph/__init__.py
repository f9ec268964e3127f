"""Lineage: the graph from the stores to the charts, and each column's way back to the field that it was landed from.

tables     what a page has to know of each node to choose it by a selector, draw it and tell of it
columns    of each column what it is made of and what is made of it, a file for each table, loaded when it is asked for
sections   the pages and files
"""

from runner.site.graph.sections import pages

__all__ = ["pages"]
