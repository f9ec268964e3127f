"""Every expectation that a suite can name: Great Expectations' own, and this project's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from expectations.checks import (
    baskets,
    clock,
    columns,
    days,
    distribution,
    fields,
    funnel,
    grain,
    matching,
    mixture,
    query,
    ranking,
    rounding,
    rows,
    segments,
    series,
    slices,
    source,
    store,
    trend,
)
from expectations.definition import Argument, Definition

BUILTIN_FILE = Path(__file__).with_name("builtin.json")
CUSTOM: tuple[Definition, ...] = (
    rows.SATISFY,
    rows.SHARE,
    rows.EXIST_IN,
    rows.RECONCILE,
    grain.GRAIN,
    source.AGREE,
    distribution.MAGNITUDE,
    distribution.DISPERSION,
    slices.CLUSTERED,
    distribution.LATTICE,
    rounding.ROUNDED,
    distribution.TAIL,
    columns.ALIVE,
    fields.DECLARED,
    segments.DEGENERATE,
    series.SANE,
    funnel.DESCEND,
    matching.MATCHED,
    clock.WITHIN,
    days.DAYS,
    ranking.SIGNAL,
    mixture.APART,
    baskets.BASKETS,
    query.QUERY,
    *trend.TRENDS,
    store.MATCH,
)


@cache
def definitions() -> Mapping[str, Definition]:
    """Returns type → definition, built-in and custom."""
    return {definition.type: definition for definition in (*_builtin(), *CUSTOM)}


def _builtin() -> list[Definition]:
    """Reads the names and arguments of Great Expectations' own expectations, recorded from the pinned release.

    Importing the release itself takes seconds; a test holds the record against it.
    """
    return [
        Definition(
            type=entry["type"],
            filters=entry["filters"],
            arguments=tuple(
                Argument(
                    name=argument["name"],
                    kind=argument["kind"],
                    required=argument["required"],
                    default=argument["default"],
                    choices=tuple(argument["choices"]),
                )
                for argument in entry["arguments"]
            ),
        )
        for entry in json.loads(BUILTIN_FILE.read_text(encoding="utf-8"))
    ]
