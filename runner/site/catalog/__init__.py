"""The catalog: everything that the project is made of, each with a page of its own.

tree       the first page: all of it by kind and folder
table      the page of a source, model, seed or snapshot
around     the pages of macros, exposures, groups, analyses and singular tests
library    what the pages share: who reads what, last runs, last verdicts
stored     what a Delta log says of a table: size, versions, statistics of columns
views      what a query counted of views: rows, columns
verdicts   the checks of a table, each with what it said last
highlight  SQL, Jinja and Python in colours, names linked to their pages
markup     descriptions, Markdown in a safe subset
"""

from __future__ import annotations

from collections.abc import Iterator

from runner.site.catalog import around, table, tree
from runner.site.catalog.library import Library
from runner.site.facts import Facts
from runner.site.page import Page


def pages(facts: Facts) -> Iterator[Page]:
    """Yields the catalog's first page and a page for each thing in it."""
    library = Library(facts=facts)
    rows = []
    for node in library.tables:
        page, row = table.table_page(library, node)
        rows.append(row)
        yield page
    yield from around.pages(library)
    yield tree.tree_page(library, rows)
