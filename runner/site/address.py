"""Where each node's page is, and the way from one page to another."""

from __future__ import annotations

import posixpath
from urllib.parse import quote

from runner.model import DataTest, Exposure, Group, Macro, Model, SourceTable

_FOLDERS = {"model": "models", "seed": "seeds", "snapshot": "snapshots", "analysis": "analyses"}

Node = Model | SourceTable | Exposure | Macro | Group | DataTest


def address_of(node: Node, project: str) -> str:
    """Returns the page of a node, from the site's root: `models/clv.html`, `sources/mongodb.users.html`.

    Args:
        node: of data tests only singular ones have a page; the others are a part of their table's.
        project: the project's name; nodes of other packages have theirs before their own.
    """
    if isinstance(node, SourceTable):
        return f"sources/{node.source}.{node.name}.html"
    package = f"{node.package}." if node.package not in ("", project) else ""
    if isinstance(node, Model):
        return f"{_FOLDERS[node.resource_type]}/{package}{node.label}.html"
    folder = {Exposure: "exposures", Macro: "macros", Group: "groups", DataTest: "checks"}[type(node)]
    return f"{folder}/{package}{node.name}.html"


def column_anchor(column: str) -> str:
    """Returns the anchor of a column on its table's page."""
    return f"column-{column.lower()}"


def lineage_address(select: str) -> str:
    """Returns the page of lineage with what a selector chooses: `lineage.html?select=%2Bclv%2B`."""
    return f"lineage.html?select={quote(select, safe='')}"


def column_address(table: str, column: str) -> str:
    """Returns the page of lineage with the way of a column: `columns.html#column=clv.revenue`.

    Args:
        table: the table's label.
    """
    return f"columns.html#column={table}.{column}"


def way(page: str, address: str) -> str:
    """Returns the link from one page to another address, both from the site's root; addresses elsewhere stay as they are.

    A query stays as it is written. Relative, so that it holds on a disk, on a server, and below any folder of one.
    """
    if "://" in address or address.startswith(("#", "mailto:")):
        return address
    rest, mark, anchor = address.partition("#")
    path, asks, query = rest.partition("?")
    return (
        quote(posixpath.relpath(path, posixpath.dirname(page) or ".")) + asks + query + mark + quote(anchor, safe="/=")
    )
