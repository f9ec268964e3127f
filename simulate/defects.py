"""The faults that can be planted in a shop, by name, and the truth that is written about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from runner.errors import NotFoundError, ProjectError, nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class DefectKind:
    """One fault that real exports have.

    Attributes:
        rate: the default rate; `of` says of what it is a share.
        what: what a reader of the data sees.
        check: the check expected to find it: an id of the quality layer (D1 to D16) or a rule of the landing contract.
        json_only: the fault is one of text, which Parquet cannot hold.
        apart: `all` leaves it out, since it would hide what others did, or be hidden by them.
    """

    name: str
    rate: float
    of: str
    what: str
    check: str
    json_only: bool = False
    apart: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """A fault to plant, and its rate in (0, 1]."""

    name: str
    rate: float

    def __post_init__(self) -> None:
        kind(self.name)
        if not 0 < self.rate <= 1:
            raise ProjectError(
                f'simulate: the rate of "{self.name}" is {self.rate:g}. Give a share above 0, at most 1.'
            )

    def __str__(self) -> str:
        return f"{self.name}:{self.rate:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """What one defect did to the data: the truth that checks are scored against.

    Attributes:
        affected: how many rows (or products, for stock) carry the fault.
        table: the table they are in.
        slice: column values that bound the fault, where it keeps to a slice.
        ids: up to `ID_LIMIT` of the affected keys.
    """

    name: str
    table: str
    affected: int
    slice: Mapping[str, Any] = field(default_factory=dict)
    ids: tuple[str, ...] = ()

    def joined(self, other: Planted) -> Planted:
        """Returns the truth of two parts of one table."""
        return Planted(
            name=self.name,
            table=self.table,
            affected=self.affected + other.affected,
            slice=self.slice,
            ids=(self.ids + other.ids)[:ID_LIMIT],
        )


ID_LIMIT = 1_000

_KINDS = (
    DefectKind(
        name="clustered_durations",
        rate=1.0,
        of="mobile sessions of 14 days",
        what="durations of one device class over some days take six values in a narrow band",
        check="D5",
    ),
    DefectKind(
        name="ms_durations",
        rate=1.0,
        of="tablet sessions",
        what="duration_seconds holds milliseconds in one device class",
        check="D2",
    ),
    DefectKind(
        name="duplicate_sessions",
        rate=0.005,
        of="sessions",
        what="the same session is written twice, with the same session_id",
        check="unique",
    ),
    DefectKind(
        name="dead_columns",
        rate=0.995,
        of="sessions",
        what="geo_data.state and referrer are empty strings",
        check="D10",
    ),
    DefectKind(
        name="mixed_types",
        rate=0.01,
        of="sessions and orders",
        what="duration_seconds and total hold text that is no number",
        check="contract",
        json_only=True,
    ),
    DefectKind(
        name="broken_rows",
        rate=0.002,
        of="sessions and orders",
        what="objects that are no valid JSON: a key without its value",
        check="contract",
        json_only=True,
    ),
    DefectKind(
        name="extra_fields",
        rate=0.05,
        of="sessions",
        what="a field campaign_code that nobody declared",
        check="contract",
        json_only=True,
    ),
    DefectKind(
        name="orphan_orders",
        rate=0.02,
        of="orders",
        what="orders whose session_id, or whose user_id, exists nowhere",
        check="relationships",
    ),
    DefectKind(
        name="unlinked_conversions",
        rate=0.15,
        of="orders of a session",
        what="converted sessions, spread over time, whose order is missing",
        check="D14",
    ),
    DefectKind(
        name="cut_off_orders",
        rate=0.1,
        of="orders of a session",
        what="converted sessions at the end of the window whose order is missing",
        check="D14",
    ),
    DefectKind(
        name="missing_days",
        rate=0.05,
        of="days",
        what="consecutive days without any order",
        check="D16",
    ),
    DefectKind(
        name="null_timestamps",
        rate=0.03,
        of="orders",
        what="orders without a timestamp, which fall on one null date",
        check="D16",
    ),
    DefectKind(
        name="negative_totals",
        rate=0.01,
        of="orders",
        what="orders whose total has the wrong sign",
        check="range",
    ),
    DefectKind(
        name="stock_leaks",
        rate=0.05,
        of="products",
        what="stock fell by more than the units sold, for one in three below zero",
        check="range",
    ),
    DefectKind(
        name="rounded_clock",
        rate=0.5,
        of="sessions",
        what="durations are whole minutes, as a rounded clock gives them",
        check="D5",
        apart=True,
    ),
    DefectKind(
        name="capped_durations",
        rate=0.3,
        of="sessions",
        what="durations are 1,800 seconds, which a timeout wrote",
        check="D5",
        apart=True,
    ),
    DefectKind(
        name="swapped_times",
        rate=0.01,
        of="sessions",
        what="start and end are in each other's place",
        check="D2",
        apart=True,
    ),
    DefectKind(
        name="cart_cents",
        rate=0.1,
        of="sessions with a cart",
        what="prices in the cart are cents, orders are not",
        check="D2",
        apart=True,
    ),
    DefectKind(
        name="split_referrer",
        rate=0.05,
        of="sessions",
        what="the referrer is written in capitals or with a space behind it",
        check="spelling",
        apart=True,
    ),
    DefectKind(
        name="late_sessions",
        rate=0.05,
        of="the window",
        what="the sessions of the last days were not delivered, their orders were",
        check="relationships",
        apart=True,
    ),
    DefectKind(
        name="renamed_field",
        rate=0.05,
        of="sessions",
        what="duration_seconds is called duration_sec, by a newer exporter",
        check="contract",
        json_only=True,
        apart=True,
    ),
    DefectKind(
        name="doubled_orders",
        rate=0.02,
        of="orders",
        what="the same order is written twice, with the same transaction_id",
        check="unique",
        apart=True,
    ),
    DefectKind(
        name="shifted_clock",
        rate=0.2,
        of="orders",
        what="the time of the order is three hours late, as of a clock in another zone",
        check="D2",
        apart=True,
    ),
    DefectKind(
        name="stray_dates",
        rate=0.01,
        of="orders",
        what="orders dated 1970-01-01, as a time of 0 is read",
        check="range",
        apart=True,
    ),
)
KINDS: Mapping[str, DefectKind] = {each.name: each for each in _KINDS}


def kind(name: str) -> DefectKind:
    """Returns the kind of that name. Raises NotFoundError, with the nearest name, where there is none."""
    if name not in KINDS:
        known = "" if nearest(name, KINDS) else f" Known: {', '.join(KINDS)}, or all."
        raise NotFoundError(f'simulate: "{name}" is no defect.{known}', name=name, known=KINDS)
    return KINDS[name]


def parse_defects(text: str) -> tuple[Defect, ...]:
    """Returns the defects that a text such as `clustered_durations,orphan_orders:0.02` names, in the order of `KINDS`.

    `all` stands for every defect at its default rate, but for those that would hide others (`DefectKind.apart`); a name
    beside it adds such a one, or overrides a rate.

    Raises:
        NotFoundError: a name that no defect has.
        ProjectError: a rate that is no share, or a defect given twice.
    """
    chosen: dict[str, Defect] = {}
    everything = False
    for word in (part.strip() for part in text.split(",")):
        if not word:
            continue
        name, _, rate = (part.strip() for part in word.partition(":"))
        if name == "all" and not rate:
            everything = True
            continue
        if name in chosen:
            raise ProjectError(f'simulate: defect "{name}" is given twice. Keep one.')
        chosen[name] = Defect(name=name, rate=_rate(name, rate))
    return tuple(
        chosen.get(each.name) or Defect(name=each.name, rate=each.rate)
        for each in _KINDS
        if (everything and not each.apart) or each.name in chosen
    )


def check_format(defects: Iterable[Defect], file_format: str) -> None:
    """Raises ProjectError where a defect cannot be written in that format, or is given twice."""
    seen: set[str] = set()
    for defect in defects:
        if defect.name in seen:
            raise ProjectError(f'simulate: defect "{defect.name}" is given twice. Keep one.')
        seen.add(defect.name)
        if file_format != "json" and kind(defect.name).json_only:
            raise ProjectError(
                f'simulate: "{defect.name}" is a fault of text, which {file_format} cannot hold. '
                "Leave it out, or write json."
            )


def truth(defects: Iterable[Defect], planted: Iterable[Planted]) -> dict[str, Any]:
    """Returns the document that is written as `truth.json`: per defect what was planted, where, and who should see it.

    A defect that touched nothing, for want of rows, is there with `affected` 0.
    """
    by_name: dict[str, list[Planted]] = {}
    for each in planted:
        by_name.setdefault(each.name, []).append(each)
    return {
        "defects": [
            {
                "name": defect.name,
                "rate": defect.rate,
                "of": kind(defect.name).of,
                "what": kind(defect.name).what,
                "check": kind(defect.name).check,
                "affected": sum(part.affected for part in by_name.get(defect.name, [])),
                "parts": [
                    {"table": part.table, "affected": part.affected, "slice": dict(part.slice), "ids": list(part.ids)}
                    for part in by_name.get(defect.name, [])
                ],
            }
            for defect in defects
        ]
    }


def _rate(name: str, text: str) -> float:
    if not text:
        return kind(name).rate
    try:
        return float(text)
    except ValueError:
        raise ProjectError(f'simulate: "{text}" is no rate for "{name}". Give a share such as {name}:0.02.') from None
