"""Where the columns that a panel shows come from: the tables that its query reads, and the fields in the stores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runner.lineage.columns import Field, Lineage
from runner.project.dashboards import Dashboard
from runner.site.address import column_address

_SHOWN = 3  # of what a column comes from that its line names


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A column of a table that a panel's column is made of.

    Attributes:
        said: as people say it: `clv.clv`, `rows of daily_sales`.
        address: its page.
    """

    said: str
    address: str
    is_copy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A column that a panel shows.

    Attributes:
        address: the page of its whole way.
        steps: the first of what it is made of, one step up; more: how many there are besides.
        stored: the fields of stores in words, each with whether its values are taken over as they are; none for a constant.
        more_stored: how many there are besides.
    """

    name: str
    address: str
    steps: tuple[Step, ...]
    more: int
    stored: tuple[tuple[str, bool], ...]
    more_stored: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Origins:
    """The columns of a panel; `unknown` says why they cannot be followed."""

    lines: tuple[Line, ...]
    unknown: str


def origins_of_panels(lineage: Lineage, dashboard: Dashboard) -> Mapping[int, Origins]:
    """Returns by number of a panel with a query where its columns come from."""
    return {
        shown.panel.number: Origins(
            lines=tuple(_line(lineage, unique_id, shown.label, name) for name in shown.followed.columns),
            unknown=shown.followed.unknown,
        )
        for unique_id, shown in lineage.panels.items()
        if shown.dashboard.name == dashboard.name
    }


def _line(lineage: Lineage, unique_id: str, label: str, name: str) -> Line:
    above = sorted(lineage.parents(unique_id, name))
    fields = lineage.fields(unique_id, name)
    steps = (
        Step(
            said=Field(table=lineage.label(one.table), path=one.written(), stored="", is_copy=one.is_copy).said(),
            address=column_address(lineage.label(one.table), one.written()),
            is_copy=one.is_copy,
        )
        for one in above[:_SHOWN]
    )
    return Line(
        name=name,
        address=column_address(label, name),
        steps=tuple(steps),
        more=max(0, len(above) - _SHOWN),
        stored=tuple((one.said(), one.is_copy) for one in fields[:_SHOWN]),
        more_stored=max(0, len(fields) - _SHOWN),
    )
