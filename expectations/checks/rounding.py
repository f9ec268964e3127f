"""D5: a measured time is not rounded to whole minutes, quarters or hours."""

from __future__ import annotations

from expectations.causes import QUANTISED
from expectations.definition import (
    Aggregate,
    Argument,
    Arguments,
    Definition,
    Finding,
    Level,
    Need,
    Table,
    Values,
    quoted,
)
from expectations.stats.arrays import np
from expectations.stats.shape import grid_call, top_share
from expectations.words import count, duration, percent


def _needs(arguments: Arguments, table: Table) -> dict[str, Need]:
    column = quoted(arguments["column"])
    value = f"CAST({column} AS DOUBLE)"
    return {
        "rows": Aggregate(call=f"count({column})", where=table.where),
        "grid": Aggregate(call=grid_call(column), where=table.where),
        **{
            f"multiples {step}": Aggregate(
                call=f"count_if({value} > 0 AND {value} % {float(step)!r} = 0)", where=table.where
            )
            for step in arguments["steps"]
        },
    }


def _judge(arguments: Arguments, values: Values) -> Finding:
    column, rows = arguments["column"], values["rows"]
    if rows < max(arguments["min_rows"], 1) or values["grid"] is None:
        said = f"{count(rows)} values are too few to judge; {count(arguments['min_rows'])} are needed."
        return Finding(level="pass", observed=f"{count(rows)} values", message=said)
    grid = np.array(values["grid"], dtype=float)
    top = top_share(grid)
    points, runs = np.unique(grid, return_counts=True)
    commonest = float(points[int(runs.argmax())])
    excesses = {
        step: _excess(values[f"multiples {step}"] / rows, step, top if commonest % step == 0 else 0.0)
        for step in arguments["steps"]
    }
    highest = max(excesses.values())
    # Whole hours are whole minutes, too: the coarsest step that holds nearly as much is the clock's.
    step = max(step for step, excess in excesses.items() if excess >= 0.9 * highest)
    share = values[f"multiples {step}"] / rows
    numbers = {"rows": rows, "step_seconds": step, "share": share, "excess": excesses[step]}
    level: Level = "pass"
    if excesses[step] >= arguments["warn_excess"]:
        level = "fail" if excesses[step] >= arguments["fail_excess"] else "warn"
    said = f"{percent(share)} of {count(rows)} values of {column} are multiples of {duration(step)}"
    if level == "pass":
        return Finding(level="pass", observed=f"{percent(share)} whole", message=f"{said}.", numbers=numbers)
    return Finding(
        level=level,
        observed=f"{percent(share)} are whole multiples of {duration(step)}",
        message=f"{said}; a clock of whole seconds gives {percent(1 / step)}.",
        cause=QUANTISED,
        evidence=(f"Beyond chance, and beside the commonest single value, {percent(excesses[step])} are rounded.",),
        what_to_do="Check how the time is measured: a clock of whole minutes, a rounded or truncated timestamp.",
        numbers=numbers,
        failing=f"CAST({quoted(column)} AS DOUBLE) % {float(step)!r} = 0",
        plot=column,
    )


def _excess(share: float, step: float, top: float) -> float:
    """Returns the share of values that are rounded to `step`, beyond chance, among those that are not the commonest."""
    left = (share - top) / (1 - top) if top < 1 else 0.0
    return max(0.0, (left - 1 / step) / (1 - 1 / step))


def _refuse(arguments: Arguments) -> str:
    steps = arguments["steps"]
    if not steps or any(isinstance(step, bool) or not isinstance(step, (int, float)) or step <= 1 for step in steps):
        return '"steps" are numbers of seconds above 1.'
    return ""


ROUNDED = Definition(
    type="expect_column_not_to_be_rounded",
    check="D5",
    doc="""A measured time in seconds is not rounded to whole minutes, quarters of an hour or hours.

    For each of `steps` s (60, 300, 900, 3,600 seconds): the share of values that are multiples of it, less the 1/s that
    chance gives, the commonest single value (a default, a cap) left out. Warns from .10, fails from .40, n >= min_rows
    (500). A lattice of few values is found by expect_column_not_to_be_a_lattice; whole minutes of long times are many.""",
    arguments=(
        Argument(name="column", kind="column", required=True),
        Argument(name="steps", kind="list", default=[60, 300, 900, 3_600]),
        Argument(name="warn_excess", kind="share", default=0.10),
        Argument(name="fail_excess", kind="share", default=0.40),
        Argument(name="min_rows", kind="integer", default=500),
    ),
    needs=_needs,
    judge=_judge,
    refuse=_refuse,
)
