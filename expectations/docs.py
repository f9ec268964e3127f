"""Great Expectations' own Data Docs, from the results of its expectations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from expectations.result import SuiteResult


def write_data_docs(results: Sequence[SuiteResult], folder: Path) -> Path:
    """Writes Great Expectations' pages of the results into the folder; returns their index.

    Rendering asks no network; the pages themselves, as Great Expectations makes them, load their style sheets from the
    public network when they are opened.
    """
    from expectations import gx

    return gx.write_pages([(one.model, one.gx_result) for one in results if one.gx_result is not None], folder)
