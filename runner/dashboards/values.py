"""Numbers, days and texts as pages show them: every digit, no exponent, no offset; what is missing is said."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal

from expectations.words import days
from runner.project.dashboards import Field

Kind = Literal["time", "number", "text"]
NOTHING = "–"
_SMALL = 1e-6  # nobody reads the digits of what is smaller; the CSV has them


def kind_of(values: Iterable[Any]) -> Kind:
    """Returns what a column holds, by its values that are not null; a column of nulls counts as numbers."""
    for value in values:
        if value is None:
            continue
        if isinstance(value, (date, datetime)):
            return "time"
        return "number" if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool) else "text"
    return "number"


def number_of(value: Any, field: Field) -> float | None:
    """Returns a value as it is drawn, shares in %; None for what is no finite number."""
    if value is None or isinstance(value, (bool, str, date)):
        return None
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    if not math.isfinite(found):
        return None
    return found * 100 if field.format == "percent" else found


def exact(value: Any, field: Field | None = None) -> str:
    """Returns a value with all of its digits, as a table shows it; of the smallest, that they are small."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and not math.isfinite(value):
        return "not a number" if math.isnan(value) else "infinite" if value > 0 else "-infinite"
    if isinstance(value, float) and 0 < abs(value) < _SMALL:
        return "below 0.000001" if value > 0 else "above -0.000001"
    if isinstance(value, (int, float, Decimal)):
        digits = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        if field is not None and field.format == "percent":
            return f"{_trimmed(digits * 100)} %"
        return f"{digits:,f}" if isinstance(value, Decimal) else _trimmed(digits)
    if isinstance(value, datetime):
        moment = value.astimezone(UTC) if value.tzinfo else value
        return moment.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, (list, tuple)):
        return ", ".join(exact(one) for one in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {exact(one)}" for key, one in value.items())
    return str(value)


def with_unit(value: Any, field: Field) -> str:
    """Returns a value with its unit, with few digits: `1,234.50 EUR`, `43.1 %`."""
    found = number_of(value, field)
    if found is None:
        return exact(value)
    if field.format == "percent":
        return f"{found:,.2f} %" if abs(found) < 10 else f"{found:,.1f} %"
    is_short = isinstance(value, int) or (isinstance(value, Decimal) and int(value.as_tuple().exponent) >= -2)
    text = exact(value) if is_short else short(found)
    return f"{text} {field.unit}".rstrip()


def short(value: float) -> str:
    """Returns a number with about four significant digits, without exponent: 0.01234, 12.34, 1,234."""
    text = f"{value:,.{_decimals(value)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def alike(values: Sequence[float]) -> list[str]:
    """Returns numbers that stand side by side with equally many decimals: as many as `short` gives the greatest of them.

    Whole numbers have none. Where a number would become 0 by that, each is written for itself.
    """
    is_whole = all(value == int(value) for value in values)
    decimals = 0 if is_whole else _decimals(max(values, key=abs))
    if any(value and not round(value, decimals) for value in values):
        return [short(value) for value in values]
    return [f"{value:,.{decimals}f}" for value in values]


def _decimals(value: float) -> int:
    return min(max(0, 3 - math.floor(math.log10(abs(value)))), 9) if value else 0


def names_of(values: Sequence[Any]) -> list[str]:
    """Returns values as names: days as months where all of them are the first of one."""
    if kind_of(values) != "time" or any(isinstance(value, datetime) for value in values):
        return [exact(value) for value in values]
    return [text or NOTHING for text in days(values)]


def raw(value: Any) -> str:
    """Returns a value as a program reads it: of numbers all digits, of days their ISO form, of null nothing."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).isoformat()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and math.isfinite(value):
        return f"{Decimal(repr(value)):f}"
    return value.isoformat() if isinstance(value, date) else str(value)


def as_csv(columns: Mapping[str, Sequence[Any]]) -> str:
    """Returns columns as a CSV file with a line of names."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([raw(value) for value in row] for row in zip(*columns.values(), strict=True))
    return text.getvalue()


def axis_title(field: Field) -> str:
    """Returns what stands on an axis: the words with their unit."""
    unit = "%" if field.format == "percent" else field.unit
    return f"{field.title} ({unit})" if unit else field.title


def _trimmed(value: Decimal) -> str:
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
