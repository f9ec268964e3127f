"""Where each node's page is, and the way from one page to another."""

from __future__ import annotations

import posixpath
from urllib.parse import quote

from runner.model import Exposure, Model, SourceTable

_FOLDERS = {"model": "models", "seed": "seeds", "snapshot": "snapshots"}


def address_of(node: Model | SourceTable | Exposure, project: str) -> str:
    """Returns the page of a node, from the site's root: `models/clv.html`, `sources/mongodb.users.html`.

    Args:
        project: the project's name; nodes of other packages have theirs before their own.
    """
    if isinstance(node, SourceTable):
        return f"sources/{node.source}.{node.name}.html"
    if isinstance(node, Exposure):
        return f"exposures/{node.name}.html"
    package = f"{node.package}." if node.package not in ("", project) else ""
    return f"{_FOLDERS[node.resource_type]}/{package}{node.label}.html"


def column_anchor(column: str) -> str:
    """Returns the anchor of a column on its table's page."""
    return f"column-{column.lower()}"


def lineage_address(select: str) -> str:
    """Returns the page of lineage with what a selector chooses: `lineage.html?select=%2Bclv%2B`."""
    return f"lineage.html?select={quote(select, safe='')}"


def way(page: str, address: str) -> str:
    """Returns the link from one page to another address, both from the site's root; addresses elsewhere stay as they are.

    A query stays as it is written. Relative, so that it holds on a disk, on a server, and below any folder of one.
    """
    if "://" in address or address.startswith(("#", "mailto:")):
        return address
    rest, mark, anchor = address.partition("#")
    path, asks, query = rest.partition("?")
    return quote(posixpath.relpath(path, posixpath.dirname(page) or ".")) + asks + query + mark + quote(anchor)
