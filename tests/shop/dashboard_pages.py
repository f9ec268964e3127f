"""The numbers on a dashboard's page, as its HTML has them, and what they must be: computed from the marts' files in Python."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from statistics import median, stdev
from typing import Any

from deltalake import DeltaTable

Row = Mapping[str, Any]
Marts = Callable[[str], list[dict[str, Any]]]
Numbers = list[tuple[str, ...]]


class Page(HTMLParser):
    """Reads a dashboard's page.

    Attributes:
        panels: by title the panel's single numbers as one row, or the rows of its table: numbers as a program reads them,
            all else as text.
        captions: by title what stands below the panel.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.panels: dict[str, Numbers] = {}
        self.captions: dict[str, str] = {}
        self._single: set[str] = set()
        self._title = ""
        self._row: list[str] = []
        self._cell: list[str] | None = None
        self._value: str | None = None
        self._into = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        named = dict(attributes)
        if tag == "h2":
            self._into, self._title = "title", ""
        elif tag == "tr" or (tag == "dl" and named.get("class") == "tiles"):
            self._row = []
        elif tag in ("td", "dd"):
            self._cell, self._value = [], None
        elif tag == "data" and self._cell is not None:
            self._value = named.get("value")
        elif tag == "p" and named.get("class") == "caption":
            self._into = "caption"

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)
        elif self._into == "title":
            self._title += data
        elif self._into == "caption":
            self.captions[self._title] = self.captions.get(self._title, "") + data

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "dd") and self._cell is not None:
            self._row.append(self._value if self._value is not None else "".join(self._cell).strip())
            self._cell = None
        elif tag in ("tr", "dl") and self._row:
            if tag == "tr" and self._title in self._single:
                return
            if tag == "dl":
                self._single.add(self._title)
            self.panels.setdefault(self._title, []).append(tuple(self._row))
            self._row = []
        elif tag in ("h2", "p"):
            self._into = ""


def marts_of(warehouse: Path) -> Marts:
    """Returns what reads a table's rows from its files, without Spark."""

    def read(name: str) -> list[dict[str, Any]]:
        path = next(warehouse.glob(f"*/{name}"))
        rows: list[dict[str, Any]] = DeltaTable(str(path)).to_pyarrow_table().to_pylist()
        return rows

    return read


def columns(rows: Iterable[Row], *names: str) -> Numbers:
    """Returns columns of rows as a page has them."""
    return [tuple(written(row[name]) for name in names) for row in rows]


def written(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{Decimal(repr(value)):f}"
    return value.isoformat() if isinstance(value, date) else str(value)


def _counted(rows: Iterable[Row], *names: str) -> Numbers:
    found = Counter(tuple(row[name] for name in names) for row in rows)
    return sorted((*map(written, key), written(number)) for key, number in found.items())


def _performance(marts: Marts) -> Numbers:
    days = marts("daily_trends")
    orders, revenue = sum(day["order_count"] for day in days), sum(day["revenue"] for day in days)
    cents = Decimal("0.01")
    return [
        tuple(
            map(
                written,
                (orders, revenue, (revenue / orders).quantize(cents), (revenue / len(days)).quantize(cents), len(days)),
            )
        )
    ]


def _volatility(marts: Marts) -> list[float]:
    days = marts("daily_trends")
    found = []
    for name in ("order_count", "revenue", "average_order_value"):
        values = [float(day[name]) for day in days if day[name] is not None]
        found.append(stdev(values) / (sum(values) / len(values)))
    return [*found, (sum(day["order_count"] for day in days) / len(days)) ** -0.5]


def _stock(marts: Marts) -> Numbers:
    rows = marts("inventory_status")
    of = Counter(row["stock_status"] for row in rows)
    sums = (sum(row["stock_value"] for row in rows), sum(row["revenue_at_risk"] for row in rows))
    return [tuple(map(written, (len(rows), of["out of stock"], of["low stock"], of["overstock"], *sums)))]


def _fifths(marts: Marts) -> Numbers:
    rows = sorted(marts("inventory_status"), key=lambda row: (-row["revenue"], row["product_id"]))
    size, more = divmod(len(rows), 5)
    ends = [size * fifth + min(fifth, more) for fifth in range(1, 6)]
    found = Counter((row["stock_status"], 1 + sum(place >= end for end in ends)) for place, row in enumerate(rows))
    return [(status, str(fifth), str(number)) for (status, fifth), number in sorted(found.items())]


def _by(rows: Iterable[Row], key: str, *names: str) -> dict[str, list[Any]]:
    sums: dict[str, list[Any]] = defaultdict(lambda: [0] * (len(names) + 1))
    for row in rows:
        for place, name in enumerate(names):
            sums[row[key]][place] += row[name]
        sums[row[key]][-1] += 1
    return sums


def _histogram(rows: Iterable[Row], name: str, width: int, most: int | None = None) -> Numbers:
    bins = Counter(
        row[name] // width if most is None else min(row[name] // width, most) for row in rows if row[name] is not None
    )
    return [(str(place * width), str(width), str(number)) for place, number in sorted(bins.items())]


Expected = Callable[[Marts, Numbers], Sequence[tuple[str, ...]]]

# By dashboard and panel: what its table must hold. A second argument is what the page has, for what only says its unit.
EXACT: Mapping[tuple[str, str], Expected] = {
    ("daily_performance", "The period in figures"): lambda marts, _: _performance(marts),
    ("daily_performance", "Revenue by day"): lambda marts, _: columns(
        sorted(marts("daily_trends"), key=lambda day: day["order_date"]), "order_date", "revenue", "revenue_mean_7_days", "order_count"
    ),
    ("daily_performance", "Orders by day"): lambda marts, _: columns(
        sorted(marts("daily_trends"), key=lambda day: day["order_date"]), "order_date", "order_count"
    ),
    ("inventory", "Stock in figures"): lambda marts, _: _stock(marts),
    ("inventory", "Products by stock and by revenue"): lambda marts, _: _fifths(marts),
    ("inventory", "Stock and revenue by category"): lambda marts, _: [
        (name, *map(written, sums))
        for name, sums in sorted(
            _by(marts("inventory_status"), "category_name", "revenue", "stock_value").items(), key=lambda one: -one[1][0]
        )
    ],
    ("products", "Products by orders"): lambda marts, _: columns(
        sorted((row for row in marts("product_performance") if row["is_active"]), key=lambda row: (-row["order_count"], row["product_id"])),
        "product_name", "order_count", "product_id",
    ),
    ("products", "The first twenty"): lambda marts, _: columns(
        sorted(marts("top_products"), key=lambda row: row["revenue_rank"]),
        "revenue_rank", "product_name", "category_name", "order_count", "units_sold", "revenue", "revenue_share", "cumulative_revenue_share",
    ),
    ("customers", "Customers by value and frequency"): lambda marts, _: sorted(
        _counted(marts("customer_segments"), "value_band", "frequency_band"),
        key=lambda row: (
            ["high", "middle", "low"].index(row[0]),
            ["rare", "regular", "frequent"].index(row[1]),
        ),
    ),
    ("customers", "Customers by tier"): lambda marts, _: [
        (tier, *map(written, sums[::-1]))
        for tier, sums in sorted(
            _by(marts("clv_tiers"), "tier", "past_spend").items(),
            key=lambda one: ["bronze", "silver", "gold", "platinum"].index(one[0]),
        )
    ],
    ("customers", "Page views per user"): lambda marts, shown: _histogram(
        marts("user_activity"), "page_view_count", int(shown[0][1])
    ),
    ("funnel", "Sessions"): lambda marts, _: columns(
        sorted((row for row in marts("funnel") if row["level"] == "session"), key=lambda row: row["stage_order"]),
        "stage", "count", "step_conversion", "overall_conversion", "drop_off",
    ),
    ("funnel", "Sessions, users and events side by side"): lambda marts, _: columns(
        sorted(marts("funnel"), key=lambda row: (["user", "session", "event"].index(row["level"]), row["stage_order"])),
        "level", "stage", "count", "step_conversion", "overall_conversion", "drop_off",
    ),
    ("sessions", "Histogram of durations"): lambda marts, shown: _histogram(
        marts("session_durations"), "duration_seconds", int(shown[0][1]), 40
    ),
    ("payments", "Both in numbers"): lambda marts, _: columns(
        [
            row | {"origin": "in a session" if row["order_origin"] == "linked" else "outside of one"}
            for row in sorted(marts("revenue_by_payment_method"), key=lambda row: (row["order_origin"], -row["revenue"]))
        ],
        "origin", "payment_method", "order_count", "customer_count", "revenue", "average_order_value", "order_value_deviation", "order_share", "revenue_share",
    ),
    ("payments", "Order value by method, in a session"): lambda marts, _: columns(
        sorted(
            (row for row in marts("revenue_by_payment_method") if row["order_origin"] == "linked" and row["order_value_deviation"] is not None),
            key=lambda row: (-row["average_order_value"], row["payment_method"]),
        ),
        "payment_method", "average_order_value", "order_value_deviation", "order_count",
    ),
    ("cohorts", "Active users of each cohort"): lambda marts, _: columns(
        sorted(marts("cohorts"), key=lambda row: (row["cohort_month"], row["activity_month"])),
        "cohort_month", "activity_month", "retention", "active_user_count", "user_count",
    ),
}  # fmt: skip

# Figures that floating point may give other last digits.
CLOSE: Mapping[tuple[str, str], Callable[[Marts], list[float]]] = {
    ("daily_performance", "How much each varies"): _volatility,
    ("sessions", "Durations in figures"): lambda marts: [
        float(median(values := [row["duration_seconds"] for row in marts("session_durations")])),
        sum(values) / len(values),
        float(min(values)),
        float(max(values)),
    ],
}
