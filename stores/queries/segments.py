"""Users by bands of value and frequency, cut where MongoDB finds the quantiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from math import ceil
from typing import Any

from runner.errors import FormatError, ProjectError
from stores.queries.answer import Answer, Cut, several, share
from stores.queries.orders import TOTALS, Shop, Stage, money, orders_in, plan, run
from stores.queries.paths import Read, check_paths
from stores.queries.window import Window

QUANTILES = (Decimal("0.3333"), Decimal("0.6667"))
_BAND_NAMES: Mapping[str, tuple[str, str, str]] = {
    "value": ("low", "middle", "high"),
    "frequency": ("rare", "regular", "frequent"),
}


def user_segments(
    database: Shop,
    *,
    quantiles: Sequence[Decimal] = QUANTILES,
    window: Window | None = None,
    explain: bool = False,
) -> Answer:
    """Returns users who ordered by bands of value (revenue) and frequency (orders), cut at quantiles.

    Columns: value_band, frequency_band, user_count, user_share, order_count, revenue, revenue_share, and the least and
    greatest of both measures in the segment (value_least, value_greatest, frequency_least, frequency_greatest). A band
    begins above its cut, so equal values are in one band wherever the cut lies; the segments without users are there,
    with zeros. `cuts` has each cut's value and its position in the distribution.

    The cuts are values that occur (nearest rank: the ceil(q·n)-th of n), found by the server in two steps: it counts
    the users, then sorts their totals and hands out one value a cut. `$percentile` is approximate and `$bucketAuto`
    cuts where it likes at ties, and neither is in servers before 7.0 or in the emulator; so there is one way for all.

    Args:
        quantiles: ascending shares of users, each above 0 and below 1.

    Raises:
        ProjectError: the collection or a path is missing, or orders were removed meanwhile.
        FormatError: the quantiles are no ascending shares.
    """
    query = "user-segments"
    _check_quantiles(quantiles)
    window = window or Window()
    notes = check_paths(database, (*TOTALS, Read("transactions", "user_id", "text")), query=query)
    totals = _user_totals(window)
    counting = [*totals, {"$count": "users"}]
    count = next((each["users"] for each in run(database, counting, query)), 0)
    steps = [("the users", counting)]
    segments: list[dict[str, Any]] = []
    cuts: tuple[Cut, ...] = ()
    if count:
        picking = [*totals, {"$facet": _picks(quantiles, count)}]
        picked = run(database, picking, query)[0]
        values = _cut_values(picked, quantiles)
        cutting = [*totals, {"$facet": _bands(values)}]
        steps += [("the cuts", picking), ("the segments", cutting)]
        found = run(database, cutting, query)[0]
        if not found["positions"]:
            raise _moved()
        segments = found["segments"]
        cuts = _cuts(found["positions"][0], values, quantiles, count)
    return Answer(
        query=query,
        columns=(
            "value_band", "frequency_band", "user_count", "user_share", "order_count", "revenue", "revenue_share",
            "value_least", "value_greatest", "frequency_least", "frequency_greatest",
        ),
        rows=_segment_rows(segments, len(quantiles) + 1) if count else (),
        cuts=cuts,
        notes=(*notes, *_of_cuts(cuts, window)),
        plan=plan(database, steps, window, explain),
    )  # fmt: skip


def _user_totals(window: Window) -> list[Stage]:
    """Returns the stages that give a document a user who ordered: `value`, `frequency`."""
    return [
        {"$match": orders_in(window)},
        {"$group": {"_id": "$user_id", "value": {"$sum": "$total"}, "frequency": {"$sum": 1}}},
        # Not before: MongoDB would go through all of the index of user_id for it, and fetch each order by itself.
        {"$match": {"$expr": {"$ne": ["$_id", None]}}},
    ]


def _picks(quantiles: Sequence[Decimal], count: int) -> dict[str, list[Stage]]:
    """Returns the facets that each pick the one value at a rank; sorted by id as well, so that ties are no matter."""
    return {
        f"{measure}_{number}": [
            {"$sort": {measure: 1, "_id": 1}},
            {"$skip": _rank(quantile, count) - 1},
            {"$limit": 1},
            {"$project": {measure: 1}},
        ]
        for measure in _BAND_NAMES
        for number, quantile in enumerate(quantiles)
    }


def _rank(quantile: Decimal, count: int) -> int:
    """Returns ceil(q·n), the nearest rank, from 1."""
    return ceil(quantile * count)


def _cut_values(picked: Mapping[str, Any], quantiles: Sequence[Decimal]) -> dict[str, list[Any]]:
    """Returns each measure's cuts as the server's own values, so that they compare equal to themselves."""
    values: dict[str, list[Any]] = {}
    for measure in _BAND_NAMES:
        for number in range(len(quantiles)):
            found = picked[f"{measure}_{number}"]
            if not found:
                raise _moved()
            values.setdefault(measure, []).append(found[0][measure])
    return values


def _bands(values: Mapping[str, Sequence[Any]]) -> dict[str, list[Stage]]:
    """Returns the facets that count the users of each segment, and those below and at each cut."""

    def band(measure: str) -> Stage:
        # How many cuts a value is above. `$bucket` wants boundaries that differ, and cuts at ties do not.
        return {"$add": [0, *({"$cond": [{"$gt": [f"${measure}", cut]}, 1, 0]} for cut in values[measure])]}

    segment: Stage = {"_id": {measure: band(measure) for measure in values}, "users": {"$sum": 1}}
    segment |= {measure: {"$sum": f"${measure}"} for measure in values}
    segment |= {f"{measure}_least": {"$min": f"${measure}"} for measure in values}
    segment |= {f"{measure}_greatest": {"$max": f"${measure}"} for measure in values}
    position: Stage = {"_id": None}
    for measure, cuts in values.items():
        for number, cut in enumerate(cuts):
            for word, operator in (("below", "$lt"), ("equal", "$eq"), ("above", "$gt")):
                case = {"$cond": [{operator: [f"${measure}", cut]}, 1, 0]}
                position[f"{measure}_{number}_{word}"] = {"$sum": case}
    return {"segments": [{"$group": segment}], "positions": [{"$group": position}]}


def _cuts(
    positions: Mapping[str, int], values: Mapping[str, Sequence[Any]], quantiles: Sequence[Decimal], count: int
) -> tuple[Cut, ...]:
    return tuple(
        Cut(
            measure=measure,
            quantile=quantile,
            rank=_rank(quantile, count),
            value=money(cut) if measure == "value" else int(cut),
            below=positions[f"{measure}_{number}_below"],
            equal=positions[f"{measure}_{number}_equal"],
            above=positions[f"{measure}_{number}_above"],
        )
        for measure, cuts in values.items()
        for number, (quantile, cut) in enumerate(zip(quantiles, cuts, strict=True))
    )


def _segment_rows(segments: Sequence[Mapping[str, Any]], bands: int) -> tuple[tuple[Any, ...], ...]:
    by_band = {(each["_id"]["value"], each["_id"]["frequency"]): each for each in segments}
    users = sum(each["users"] for each in segments)
    revenue = sum((money(each["value"]) for each in segments), Decimal(0))
    rows: list[tuple[Any, ...]] = []
    for value in reversed(range(bands)):
        for frequency in reversed(range(bands)):
            names = (_band_name("value", value, bands), _band_name("frequency", frequency, bands))
            found = by_band.get((value, frequency))
            if found is None:
                nothing = Decimal("0.0000")
                rows.append((*names, 0, nothing, 0, Decimal("0.00"), nothing, None, None, None, None))
                continue
            worth = money(found["value"])
            rows.append(
                (
                    *names,
                    found["users"],
                    share(found["users"], users),
                    found["frequency"],
                    worth,
                    share(worth, revenue),
                    money(found["value_least"]),
                    money(found["value_greatest"]),
                    found["frequency_least"],
                    found["frequency_greatest"],
                )
            )
    return tuple(rows)


def _band_name(measure: str, band: int, bands: int) -> str:
    return _BAND_NAMES[measure][band] if bands == 3 else f"{band + 1} of {bands}"


def _of_cuts(cuts: Sequence[Cut], window: Window) -> list[str]:
    """Returns what ties and one-sided cuts do to the bands."""
    notes = []
    for number, cut in enumerate(cuts):
        others = [each for each in cuts[:number] if each.measure == cut.measure]
        if others and others[-1].value == cut.value:
            notes.append(
                f"{cut.measure}: the quantiles {others[-1].quantile} and {cut.quantile} fall on the same value "
                f"{cut.value}, so the band between them is empty"
            )
        elif cut.equal > 1:
            notes.append(
                f"{cut.measure}: {several(cut.equal, 'user')} at the cut {cut.value} share a band, so {cut.position} "
                f"of users are at or below it and not {cut.quantile}"
            )
        if not cut.above:
            notes.append(f"{cut.measure}: no user is above the cut {cut.value}, so the bands above it are empty")
    if cuts and not window.is_open:
        notes.append("value and frequency are of the window only")
    return notes


def _check_quantiles(quantiles: Sequence[Decimal]) -> None:
    ascending = all(lower < upper for lower, upper in pairwise(quantiles))
    if not quantiles or not ascending or not all(0 < each < 1 for each in quantiles):
        raise FormatError(
            f'the quantiles "{", ".join(map(str, quantiles))}" are no ascending shares. '
            "Give numbers above 0 and below 1, each greater than the one before: 0.3333,0.6667"
        )


def _moved() -> ProjectError:
    return ProjectError("mongodb.transactions: orders were removed while user-segments counted them. Run it again.")
