"""Every expectation that a suite can name: Great Expectations' own, and this project's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from expectations.checks import (
    averages,
    baskets,
    clock,
    columns,
    days,
    distribution,
    evenness,
    fields,
    funnel,
    grain,
    groups,
    matching,
    mixture,
    pairs,
    paths,
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
    units,
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
    evenness.TOO_EVEN,
    distribution.TAIL,
    groups.ALIKE,
    averages.NOT_AVERAGED,
    columns.ALIVE,
    fields.DECLARED,
    paths.PATHS,
    units.FIT,
    segments.DEGENERATE,
    series.SANE,
    funnel.DESCEND,
    matching.MATCHED,
    clock.WITHIN,
    days.DAYS,
    ranking.SIGNAL,
    pairs.BEYOND_CHANCE,
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
