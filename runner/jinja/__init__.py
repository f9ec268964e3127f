"""Jinja as dbt's templates know it: macros of packages, dispatch, the adapter, relations, query results."""
