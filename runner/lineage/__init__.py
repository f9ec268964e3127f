"""Where columns come from: from a mart's column back to the field of the store it was landed from.

shapes       what a value is made of: of columns, of fields within them, of parts of arrays and maps
scope        what names mean at one place of a query
functions    Spark's functions by what they do to where values come from
expressions  what an expression is made of
query        what a query makes, walked from its text
reading      the project's models, read
columns      the graph of columns through the project
panels       on into dashboards
hidden       what is sensitive, by lineage too
"""
