"""The analytics integration report: one page, and the same as Markdown.

document   what both are made of: sections of paragraphs, lists, tables, insights
section    the report of a project; `report.html` and `report.md`
origins    each analysis: which stores, tables and fields it is made of, how it is computed, what is checked
flow       the tables on the way from the stores to the analyses, with their rows
told       the insights, and why one must be left out
standing   what the checks said last, and what is set aside
scale      what was measured: rows, seconds, bytes
limits     what cannot be known from what is there
markdown   a document as Markdown

Every sentence is made of what was read: the project's files, the tables' logs and rows, records of runs and checks.
"""
