"""Figures in words: plain digits with separators, shares in percent, durations in the unit a person would use."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime


def count(value: float) -> str:
    """Returns a count: 1,234."""
    return f"{round(value):,}"


def figure(value: float | None) -> str:
    """Returns a number with about three significant digits and no exponent: 0.0123, 1,234, 7,461,000."""
    if value is None:
        return "none"
    if math.isnan(value):
        return "undefined"
    if math.isinf(value):
        return "infinite"
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    digits = min(max(0, 2 - math.floor(math.log10(size))), 9)
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(share: float) -> str:
    """Returns a share as a percentage: 12.3 %. Shares near 0 and 1 keep enough digits not to read as 0 or 100."""
    value = share * 100
    if value == 0 or value == 100:
        return f"{value:.0f} %"
    if value < 1 or value > 99:
        text = f"{value:.2f}"
        if text in ("0.00", "100.00"):
            return "< 0.01 %" if value < 1 else "> 99.99 %"
        return f"{text} %"
    return f"{value:.1f} %" if value < 10 or value > 90 else f"{value:.0f} %"


def duration(seconds: float) -> str:
    """Returns a duration: 42 s, 30 min, 5.2 h, 87.3 days."""
    for unit, size, least in (("days", 86_400, 2 * 86_400), ("h", 3_600, 2 * 3_600), ("min", 60, 120)):
        if abs(seconds) >= least:
            return f"{figure(seconds / size)} {unit}"
    return f"{figure(seconds)} s"


def age(seconds: float) -> str:
    """Returns how long ago something was, no finer than people say it: 42 s, 4 min, 26.5 h, 3 days."""
    for unit, size, digits in (("days", 86_400, 1), ("h", 3_600, 1), ("min", 60, 0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.{digits}f}".removesuffix(".0") + f" {unit}"
    return f"{max(seconds, 0):.0f} s"


def size(number: float) -> str:
    """Returns a number of bytes: 512 B, 12.3 kB, 4.56 MB, 1.2 GB."""
    for unit, least in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if abs(number) >= least:
            return f"{figure(number / least)} {unit}"
    return f"{figure(number)} B"


def days(values: Sequence[date | None]) -> list[str]:
    """Returns days in words, months where each is the first day of one: 2026-01-31, 2026-01; empty for none."""
    months = all(one.day == 1 and not isinstance(one, datetime) for one in values if one is not None)
    return ["" if one is None else one.strftime("%Y-%m") if months else str(one) for one in values]


def unit_of(column: str) -> str:
    """Returns the unit that a column's name carries: "s" for duration_seconds; empty where it carries none."""
    endings = {
        "_seconds": "s",
        "_minutes": "min",
        "_hours": "h",
        "_days": "days",
        "_ms": "ms",
        "_share": "share",
        "_rate": "share",
        "_percent": "%",
        "_bytes": "bytes",
    }
    return next((unit for ending, unit in endings.items() if column.endswith(ending)), "")


def measured(value: float, column: str) -> str:
    """Returns a value of a column in words, with the unit that the column's name carries."""
    unit = unit_of(column)
    if unit == "s" and abs(value) >= 120:
        return f"{figure(value)} s ({duration(value)})"
    return f"{figure(value)} {unit}".rstrip()
