"""Groups: their shares, their means, and counts against equal ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expectations.stats.rankings import LEAST_EXPECTED, Summary, together
from expectations.words import count
from runner.insights import columns
from runner.insights.columns import Unanswerable
from runner.insights.contrasts import (
    Contrast,
    Group,
    compare_means,
    compare_shares,
    design_effect,
    summaries,
    uneven,
)
from runner.insights.definition import Definition
from runner.insights.finding import (
    MINUS,
    Finding,
    Row,
    Test,
    Verdict,
    amount,
    between,
    between_points,
    capital,
    interval,
    many,
    points,
    signed,
)
from runner.insights.intervals import Interval, share

if TYPE_CHECKING:
    import pyarrow as pa

    from runner.insights.intervals import Floats

MOST_NAMED = 3  # groups that a sentence names


def shares(definition: Definition, path: Path, confidence: float) -> Finding:
    """Returns whether the share that reaches something differs between groups."""
    group, cluster = definition.column("group"), definition.settings.get("cluster")
    table = _trials(definition, path, [group, *([cluster] if cluster else [])])
    cells = table.group_by([group]).aggregate([("trials", "sum"), ("successes", "sum")])
    labels = columns.texts(cells, group)
    trials, successes = columns.numbers(cells, "trials_sum"), columns.numbers(cells, "successes_sum")
    if trials.sum() <= 0:
        raise Unanswerable("no row is of those that shares are of.")
    if (successes > trials).any():
        raise Unanswerable("more are said to have reached it than there are; shares need parts of a whole.")
    members = definition.settings.get("members")
    effect = _effect(definition, path, table, group)
    found = compare_shares(labels, list(successes), list(trials), effect=effect, confidence=confidence)
    reached, total = float(successes.sum()), float(trials.sum())
    factor = effect(labels)
    overall = share(reached / factor, total / factor, confidence)
    whole = (
        f"{capital(definition.called)} is {amount(reached / total, 'share')}: {count(reached)} of {count(total)} "
        f"{definition.things} ({interval(confidence)} {between(overall, 'share')})."
    )
    if cluster:
        by = (
            f" {capital(definition.things)} of one {cluster} are not independent of each other: counts are divided by their "
            f"design effect, {factor:.2f} over all (Rao and Scott)."
        )
    elif members:
        by = (
            f" The same members stand in several rows: as many count as independent as {members} says in its largest row, "
            f"not all {count(total)} {definition.things}."
        )
    else:
        by = f" {capital(definition.things)} are taken as independent of each other."
    if found is None:
        rarest = f"{LEAST_EXPECTED:g} that reach it and {LEAST_EXPECTED:g} that do not are expected"
        return Finding(
            size=f"{count(total)} {definition.things}",
            method=f"Wilson's interval.{by}",
            tell=lambda _: [
                whole,
                f"{capital(many(definition.each))} are not compared: there are no two of which {rarest}.",
            ],
        )
    return Finding(
        size=f"{count(total)} {definition.things}",
        method=f"Pearson's chi-square that all are alike; each against all others with Newcombe's interval, which holds for "
        f"all at once ({confidence * 100:g} %, Bonferroni).{by}{_pooled(found, definition)}",
        tell=_teller(definition, found, whole, points),
        tests=(Test.of(found.test),),
        label=definition.each,
        columns=(definition.things, "share", "against the others, points", "interval"),
        rows=_rows(found, "share"),
        is_drawn=True,
        null=0.0,
    )


def means(definition: Definition, path: Path, confidence: float) -> Finding:
    """Returns whether means differ between groups.

    Each row is one of what is compared; with `count` and `deviation` it is that many of a group, with that mean and
    that sample standard deviation.
    """
    given = _given(definition, path) if "count" in definition.settings else _measured(definition, path)
    known = [one for one in given.values() if one.size > 0]
    found = compare_means(given, confidence=confidence) if len(known) > 1 else None
    if found is None:
        raise Unanswerable("there are no two groups that are large enough to be compared.")
    size = f"{count(sum(one.size for one in known))} {definition.things}"
    whole = (
        f"{capital(definition.called)} is {amount(found.overall.value, definition.unit)} on average over {size} "
        f"({interval(confidence)} {between(found.overall, definition.unit)})."
    )
    return Finding(
        size=size,
        method=f"An F test that all means are alike; each against all others by Welch's t, with intervals that hold for all "
        f"at once ({confidence * 100:g} %, Bonferroni).{_pooled(found, definition)} "
        f"{capital(definition.things)} are taken as independent of each other.",
        tell=_teller(definition, found, whole, lambda gap: signed(gap, definition.unit)),
        tests=(Test.of(found.test),),
        label=definition.each,
        columns=(definition.things, "mean", "against the others", "interval"),
        rows=_rows(found, definition.unit),
        is_drawn=True,
        null=0.0,
    )


def _measured(definition: Definition, path: Path) -> dict[str, Summary]:
    """Returns what each group's rows come to."""
    import numpy as np

    group, value = definition.column("group"), definition.column("value")
    table = columns.read(path, [group, value], definition.where)
    values = columns.numbers(table, value)
    known = ~np.isnan(values)
    return summaries(list(np.asarray(columns.texts(table, group), dtype=object)[known]), values[known])


def _given(definition: Definition, path: Path) -> dict[str, Summary]:
    """Returns each group as its rows say it: how many, their mean and their standard deviation, none of a single one."""
    import numpy as np

    names = [definition.column(key) for key in ("group", "count", "value", "deviation")]
    table = columns.read(path, names, definition.where)
    sizes, values, deviations = (np.nan_to_num(columns.numbers(table, name)) for name in names[1:])
    rows: dict[str, list[Summary]] = {}
    for label, n, mean, deviation in zip(columns.texts(table, names[0]), sizes, values, deviations, strict=True):
        if n > 0:
            squares = float((n - 1) * deviation**2)
            rows.setdefault(label, []).append(Summary(size=float(n), mean=float(mean), squares=squares))
    return {label: together(parts) for label, parts in rows.items()}


def even(definition: Definition, path: Path, confidence: float) -> Finding:
    """Returns whether counts are spread evenly over labels; apart for each value of `by`."""
    import numpy as np

    label, number, by = definition.column("label"), definition.column("count"), definition.settings.get("by")
    table = columns.read(path, [label, number, *([by] if by else [])], definition.where)
    names = columns.texts(table, label)
    numbers = np.nan_to_num(columns.numbers(table, number))
    parts = columns.texts(table, str(by)) if by else [""] * len(names)
    found = []
    for part in sorted(set(parts)):
        counts: dict[str, float] = {}
        for name, n, of in zip(names, numbers, parts, strict=True):
            if of == part:
                counts[name] = counts.get(name, 0.0) + float(n)
        told = uneven(list(counts), list(counts.values()), confidence=confidence)
        if told is None:
            raise Unanswerable(
                f"{part or 'the whole'} has too few {definition.things} for its {many(definition.each)}."
            )
        found.append((part, told[0], Test.of(told[1])))

    def tell(verdicts: Sequence[Verdict]) -> list[str]:
        return [
            _evenly(definition, part, rows, verdict) for (part, rows, _), verdict in zip(found, verdicts, strict=True)
        ]

    return Finding(
        size=f"{count(float(numbers.sum()))} {definition.things}",
        method=f"Pearson's chi-square against an equal share for each {definition.each}; Wilson intervals that hold for all "
        f"at once ({confidence * 100:g} %, Bonferroni). {capital(definition.things)} are taken as independent of each other.",
        tell=tell,
        tests=tuple(test for _, _, test in found),
        label=definition.each,
        columns=(*([str(by).replace("_", " ")] if by else []), definition.things, "share", "interval"),
        rows=tuple(
            Row(
                label=name,
                said=(*([part] if by else []), count(n), amount(value.value, "share"), between(value, "share")),
                value=value,
            )
            for part, rows, _ in found
            for name, n, value in rows
        ),
        is_drawn=True,
    )


def _evenly(definition: Definition, part: str, rows: Sequence[tuple[str, float, Interval]], verdict: Verdict) -> str:
    first, last, equal = rows[0], rows[-1], amount(1 / len(rows), "share")
    place = f"Of {part} {definition.things}" if part else f"Of all {definition.things}"
    ends = (
        f"the most are {first[0]}, {amount(first[2].value, 'share')} (interval {between(first[2], 'share')}), the fewest "
        f"{last[0]}, {amount(last[2].value, 'share')} (interval {between(last[2], 'share')})"
    )
    if verdict.is_signal:
        return f"{place}, {ends}; they are not spread evenly over the {len(rows)} {many(definition.each)} ({verdict.said()})."
    return (
        f"{place}, no {definition.each} can be told apart from an equal share of {equal}, since {verdict.excused()}: "
        f"{ends} ({verdict.said()})."
    )


def _trials(definition: Definition, path: Path, keys: Sequence[str]) -> pa.Table:
    """Returns the keys with the columns `trials` and `successes`, added up over the same keys."""
    of, reached = definition.settings["of"], definition.settings["reached"]
    used = [name for part in (of, reached) for name in (part["column"], *part["where"]) if name]
    table = columns.read(path, [*keys, *used], definition.where)
    table = table.append_column("trials", [_counted(table, of)]).append_column("successes", [_counted(table, reached)])
    added = table.group_by(list(keys)).aggregate([("trials", "sum"), ("successes", "sum")])
    return added.rename_columns(
        [name.removesuffix("_sum") if name in ("trials_sum", "successes_sum") else name for name in added.column_names]
    )


def _counted(table: pa.Table, part: Mapping[str, Any]) -> Any:
    """Returns for each row how many it counts for: its column's value, or 1, and 0 where it is not of those rows."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    found = np.nan_to_num(columns.numbers(table, part["column"])) if part["column"] else np.ones(len(table))
    for name, value in part["where"].items():
        column = table.column(name)
        asked = value if isinstance(value, list) else [value]
        try:
            holds = pc.is_in(column, value_set=pa.array(asked).cast(column.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
            raise Unanswerable(f'its column "{name}" is of type {column.type}, which {value!r} is not.') from error
        found = np.where(holds.to_numpy(zero_copy_only=False), found, 0.0)
    return pa.array(found)


def _effect(definition: Definition, path: Path, table: pa.Table, group: str) -> Callable[[Sequence[str]], float]:
    """Returns what says of some groups together how many times more their share varies than if trials were independent."""
    import numpy as np

    if "members" in definition.settings:
        most, trials = _members(definition, path, group)
        return lambda labels: max(1.0, sum(trials[one] for one in labels) / max(sum(most[one] for one in labels), 1.0))
    cluster = definition.settings.get("cluster")
    if not cluster:
        return lambda _: 1.0
    names = np.asarray(columns.texts(table, group), dtype=object)
    _, of = np.unique(np.asarray(columns.texts(table, str(cluster)), dtype=object).astype(str), return_inverse=True)
    trials_of, successes_of = columns.numbers(table, "trials"), columns.numbers(table, "successes")

    def effect(labels: Sequence[str]) -> float:
        kept = np.isin(names, list(labels)) & (trials_of > 0)
        trials: Floats = np.bincount(of[kept], weights=trials_of[kept]).astype(np.float64)
        successes: Floats = np.bincount(of[kept], weights=successes_of[kept]).astype(np.float64)
        return design_effect(successes[trials > 0], trials[trials > 0])

    return effect


def _members(definition: Definition, path: Path, group: str) -> tuple[dict[str, float], dict[str, float]]:
    """Returns of each group the most members that one row has, and how many there are over all rows."""
    members = definition.column("members")
    table = columns.read(path, [group, members], definition.where)
    most: dict[str, float] = {}
    total: dict[str, float] = {}
    for label, n in zip(columns.texts(table, group), columns.numbers(table, members), strict=True):
        most[label] = max(most.get(label, 0.0), float(n))
        total[label] = total.get(label, 0.0) + float(n)
    return most, total


def _teller(
    definition: Definition, found: Contrast, whole: str, told: Callable[[float], str]
) -> Callable[[Sequence[Verdict]], list[str]]:
    unit = "share" if told is points else definition.unit

    def one(group: Group) -> str:
        return (
            f"{group.label} {amount(group.value.value, unit)}, {told(group.difference.value)} against the others "
            f"(interval {_limits(group.difference, unit)})"
        )

    def tell(verdicts: Sequence[Verdict]) -> list[str]:
        verdict = verdicts[0]
        if not verdict.is_signal:
            widest = max(found.groups, key=lambda group: abs(group.difference.value))
            return [
                whole,
                f"No {definition.each} can be told apart from the others: {verdict.excused()} "
                f"({verdict.said()}). The largest: {one(widest)}.",
            ]
        limit = verdict.limit
        clear = [group for group in found.groups if group.probability < limit]
        text = [
            whole,
            f"It differs between the {len(found.groups)} {many(definition.each)} by more than chance gives ({verdict.said()}).",
        ]
        if not clear:
            return [*text, f"No single {definition.each} stands out against all others."]
        named = sorted(clear, key=lambda group: -abs(group.difference.value))[:MOST_NAMED]
        rest = f", and {len(clear) - len(named)} more in the table" if len(clear) > len(named) else ""
        return [*text, f"What stands out: {'; '.join(one(group) for group in named)}{rest}."]

    return tell


def _rows(found: Contrast, unit: str) -> tuple[Row, ...]:
    def gap(value: float) -> str:
        return f"{value * 100:+.1f}".replace("-", MINUS) if unit == "share" else signed(value, unit)

    return tuple(
        Row(
            label=group.label,
            said=(
                count(group.size),
                amount(group.value.value, unit),
                gap(group.difference.value),
                _limits(group.difference, unit),
            ),
            value=group.difference,
        )
        for group in found.groups
    )


def _limits(difference: Interval, unit: str) -> str:
    return between_points(difference) if unit == "share" else between(difference, unit, sign=True)


def _pooled(found: Contrast, definition: Definition) -> str:
    return f" {found.pooled} {many(definition.each)} too small for it are taken together." if found.pooled > 1 else ""
