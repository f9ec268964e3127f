"""How each defect is put into the data, and the record of where it went.

Chance here has streams of its own, so that a shop with defects is the same shop, row for row, as the one without.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulate.defects import ID_LIMIT, Planted
from simulate.names import product_ids, session_ids, user_ids
from simulate.orders import Money, Orders
from simulate.seeds import BoolArray, FloatArray, IntArray, distinct_codes, stream
from simulate.settings import ShopSettings
from simulate.stock import Stock
from simulate.vocabulary import DEVICES

_LATE_SESSIONS = 2**39  # positions of ids that no session of the shop has
_CLUSTER = np.array([441, 446, 451, 456, 461, 466])  # seconds: 7.3 to 7.8 minutes
_CLUSTER_DAYS = 14
_CAP = 1_800  # seconds after which a session times out
_CENTS = 100
_SHIFT = 3 * 3_600 * 1_000_000  # microseconds between two clocks
_STRANGERS = 900_000  # numbers of users that no shop has


def planted_durations(
    settings: ShopSettings, first: int, seconds: IntArray, device: IntArray, duration: IntArray
) -> IntArray:
    """Returns the durations of the chunk that starts at session `first`, in seconds, with the faults that are in them.

    They are planted before the pages are timed, so that these still add up to the session.
    """
    if settings.rate("rounded_clock"):
        duration = np.where(
            _marks_of(settings, "rounded_clock", first, len(seconds)), -(-duration // 60) * 60, duration
        )
    if settings.rate("capped_durations"):
        duration = np.where(_marks_of(settings, "capped_durations", first, len(seconds)), _CAP, duration)
    marks, clustered = _clustered(settings, first, seconds, device)
    planted: IntArray = np.where(marks, clustered, duration)
    return planted


def record_of_durations(
    settings: ShopSettings, first: int, seconds: IntArray, device: IntArray, ids: pa.ChunkedArray
) -> list[Planted]:
    """Returns what `planted_durations` did to the chunk that starts at `first`."""
    planted = [
        _planted(name, "sessions", ids, _marks_of(settings, name, first, len(seconds)))
        for name in ("rounded_clock", "capped_durations")
        if settings.rate(name)
    ]
    if settings.rate("clustered_durations"):
        marks, _ = _clustered(settings, first, seconds, device)
        day_first, day_last = _cluster_days(settings)
        where: dict[str, object] = {
            "device_type": "mobile",
            "from": _day(settings, day_first),
            "before": _day(settings, day_last),
        }
        planted.append(_planted("clustered_durations", "sessions", ids, marks, where))
    return planted


def _clustered(settings: ShopSettings, first: int, seconds: IntArray, device: IntArray) -> tuple[BoolArray, IntArray]:
    """Returns which sessions get a clustered duration, and that duration."""
    rng = stream(settings.seed, "clustered durations", first)
    day_first, day_last = _cluster_days(settings)
    day = (seconds - settings.start_second) // 86_400
    within = (device == DEVICES.index("mobile")) & (day >= day_first) & (day < day_last)
    marks = within & (rng.random(len(seconds)) < settings.rate("clustered_durations"))
    return marks, rng.choice(_CLUSTER, len(seconds))


def _marks_of(settings: ShopSettings, name: str, first: int, rows: int) -> BoolArray:
    """Returns which rows of the part that starts at row `first` get a defect that may be in any row."""
    marks: BoolArray = stream(settings.seed, f"defect {name}", first).random(rows) < settings.rate(name)
    return marks


def _cluster_days(settings: ShopSettings) -> tuple[int, int]:
    length = min(_CLUSTER_DAYS, settings.days)
    first = (settings.days - length) // 2
    return first, first + length


def plant_in_sessions(table: pa.Table, settings: ShopSettings, first: int) -> tuple[pa.Table, list[Planted]]:
    """Returns a chunk of sessions with the defects of its columns and rows; `first` is the chunk's first session."""
    planted: list[Planted] = []
    rng = stream(settings.seed, "defects of session columns", first)
    draws = rng.random((3, table.num_rows))
    if rate := settings.rate("ms_durations"):
        table, marks = _milliseconds(table, draws[0] < rate)
        planted.append(_planted("ms_durations", "sessions", table["session_id"], marks, {"device_type": "tablet"}))
    if rate := settings.rate("dead_columns"):
        marks = draws[1] < rate
        table = _emptied(table, marks)
        columns = ["geo_data.state", "referrer"]
        planted.append(_planted("dead_columns", "sessions", table["session_id"], marks, {"columns": columns}))
    if rate := settings.rate("duplicate_sessions"):
        marks = draws[2] < rate
        planted.append(_planted("duplicate_sessions", "sessions", table["session_id"], marks))
        table = pa.concat_tables([table, table.filter(pa.array(marks))])
    table, more = _in_session_columns(table, settings, first)
    return table, [*planted, *more]


def _in_session_columns(table: pa.Table, settings: ShopSettings, first: int) -> tuple[pa.Table, list[Planted]]:
    """Returns the sessions with times swapped, prices in cents, referrers split, and the last ones missing."""
    planted: list[Planted] = []
    ids = table["session_id"]
    if settings.rate("swapped_times"):
        marks = _marks_of(settings, "swapped_times", first, table.num_rows)
        start, end = table["start_time"].combine_chunks(), table["end_time"].combine_chunks()
        table = _with(table, "start_time", pc.if_else(pa.array(marks), end, start))
        table = _with(table, "end_time", pc.if_else(pa.array(marks), start, end))
        planted.append(_planted("swapped_times", "sessions", ids, marks))
    if settings.rate("cart_cents"):
        carts = table["cart_contents"].combine_chunks()
        filled = np.diff(carts.offsets.to_numpy()) > 0
        marks = filled & _marks_of(settings, "cart_cents", first, table.num_rows)
        table = _with(table, "cart_contents", _in_cents(carts, marks))
        planted.append(_planted("cart_cents", "sessions", ids, marks))
    if settings.rate("split_referrer"):
        marks = _marks_of(settings, "split_referrer", first, table.num_rows)
        words = table["referrer"].combine_chunks().cast(pa.string())
        even = pa.array(np.arange(table.num_rows) % 2 == 0)
        other = pc.if_else(even, pc.utf8_upper(words), pc.binary_join_element_wise(words, "", " "))
        table = _with(table, "referrer", pc.if_else(pa.array(marks), other, words))
        planted.append(_planted("split_referrer", "sessions", ids, marks))
    if rate := settings.rate("late_sessions"):
        limit = settings.end_second - round(rate * settings.span_seconds)
        start = table["start_time"].cast(pa.int64()).to_numpy() // 1_000_000
        marks = start >= limit
        planted.append(_planted("late_sessions", "sessions", ids, marks, {"from": _iso(limit * 1_000_000)}))
        table = table.filter(pa.array(~marks))
    return table, planted


def plant_in_text(
    rows: pa.Array, ids: pa.ChunkedArray, table: str, settings: ShopSettings, first: int
) -> tuple[pa.Array, list[Planted]]:
    """Returns JSON rows of `table` ("sessions" or "transactions") with the defects that only text can have.

    No row gets two of them.
    """
    names: tuple[str, ...] = ("broken_rows", "mixed_types")
    if table == "sessions":
        names += ("extra_fields", "renamed_field")
    if not any(settings.rate(name) for name in names):
        return rows, []
    draws = stream(settings.seed, f"defects of {table} text", first).random(len(rows))
    patterns = {
        "broken_rows": (r'"user_id": ?"[^"]*"', '"user_id":'),
        "mixed_types": (
            (r'"duration_seconds": ?(-?\d+)', r'"duration_seconds": "\1 sec"')
            if table == "sessions"
            else (r'"total": ?(-?[\d.e]+)', r'"total": "USD \1"')
        ),
        "extra_fields": (r"^\{(\s*)", r'{\1"campaign_code": "spring",\1'),
        "renamed_field": ('"duration_seconds":', '"duration_sec":'),
    }
    planted = []
    floor = 0.0
    for name in names:
        marks = (draws >= floor) & (draws < floor + settings.rate(name))
        floor += settings.rate(name)
        if marks.any():
            pattern, text = patterns[name]
            changed = pc.replace_substring_regex(rows.filter(pa.array(marks)), pattern, text, max_replacements=1)
            rows = pc.replace_with_mask(rows, pa.array(marks), changed)
            planted.append(_planted(name, table, ids, marks))
    return rows, planted


def plant_in_orders(orders: Orders, settings: ShopSettings) -> tuple[Orders, list[Planted]]:
    """Returns the orders with some of them missing, or pointing to nobody."""
    planted: list[Planted] = []
    rng = stream(settings.seed, "defects of orders")
    draws = rng.random((2, orders.size))
    gone = np.zeros(orders.size, dtype=bool)
    linked = orders.session_codes >= 0
    if rate := settings.rate("unlinked_conversions"):
        marks = linked & (draws[0] < rate)
        gone |= marks
        planted.append(_missing("unlinked_conversions", orders, marks, {}))
    if (rate := settings.rate("cut_off_orders")) and linked.any():
        limit = np.quantile(orders.times[linked], 1 - rate)
        marks = linked & (orders.times > limit)
        gone |= marks
        planted.append(_missing("cut_off_orders", orders, marks, {"from": _iso(int(limit))}))
    if rate := settings.rate("missing_days"):
        first, last = _missing_days(settings, rate)
        day = (orders.times // 1_000_000 - settings.start_second) // 86_400
        marks = (day >= first) & (day < last)
        gone |= marks
        span = {"from": _day(settings, first), "before": _day(settings, last)}
        planted.append(Planted(name="missing_days", table="transactions", affected=int(marks.sum()), slice=span))
    orders = orders.rows(np.flatnonzero(~gone))
    if rate := settings.rate("orphan_orders"):
        orders, more = _orphaned(orders, draws[1][~gone] < 2 * rate, settings)
        planted += more
    return orders, planted


def plant_in_money(money: Money, ids: pa.Array, settings: ShopSettings) -> tuple[Money, list[Planted]]:
    """Returns the sums with some totals of the wrong sign."""
    rate = settings.rate("negative_totals")
    if not rate:
        return money, []
    marks = stream(settings.seed, "defects of totals").random(len(money.total)) < rate
    total: FloatArray = np.where(marks, -money.total, money.total)
    return replace(money, total=total), [_planted("negative_totals", "transactions", ids, marks)]


def plant_in_order_table(table: pa.Table, settings: ShopSettings, first: int) -> tuple[pa.Table, list[Planted]]:
    """Returns a part of the orders with timestamps missing, late or at 0, and orders that are there twice.

    Args:
        first: the part's first order.
    """
    planted: list[Planted] = []
    ids = table["transaction_id"]

    def mark(name: str, marks: BoolArray) -> pa.Array:
        planted.append(_planted(name, "transactions", ids, marks))
        return pa.array(marks)

    times = table["timestamp"].combine_chunks()
    if settings.rate("shifted_clock"):
        marks = mark("shifted_clock", _marks_of(settings, "shifted_clock", first, table.num_rows))
        times = pc.if_else(marks, pc.add(times.cast(pa.int64()), _SHIFT).cast(times.type), times)
    if settings.rate("stray_dates"):
        marks = mark("stray_dates", _marks_of(settings, "stray_dates", first, table.num_rows))
        times = pc.if_else(marks, pa.scalar(0, pa.int64()).cast(times.type), times)
    if rate := settings.rate("null_timestamps"):
        drawn = stream(settings.seed, "defects of timestamps", first).random(table.num_rows)
        times = pc.if_else(mark("null_timestamps", drawn < rate), pa.scalar(None, times.type), times)
    table = _with(table, "timestamp", times)
    if settings.rate("doubled_orders"):
        marks = mark("doubled_orders", _marks_of(settings, "doubled_orders", first, table.num_rows))
        table = pa.concat_tables([table, table.filter(marks)])
    return table, planted


def plant_in_stock(stock: Stock, settings: ShopSettings) -> tuple[Stock, list[Planted]]:
    """Returns stock of which some products lost more than was sold, one in three of them more than there was."""
    rate = settings.rate("stock_leaks")
    if not rate:
        return stock, []
    rng = stream(settings.seed, "defects of stock")
    order = rng.permutation(len(stock.left))[: max(1, round(rate * len(stock.left)))]
    leak = np.zeros(len(stock.left), dtype=np.int64)
    leak[order] = 1 + np.floor(rng.random(len(order)) * stock.left[order]).astype(np.int64)
    below = order[: max(1, len(order) // 3)]
    leak[below] = stock.left[below] + rng.integers(1, 20, len(below))
    ids = product_ids(np.arange(len(stock.left)))
    planted = _planted("stock_leaks", "products", ids, leak > 0, {"below_zero": len(below)})
    return replace(stock, left=stock.left - leak), [planted]


def _planted(
    name: str, table: str, ids: pa.Array | pa.ChunkedArray, marks: BoolArray, where: dict[str, object] | None = None
) -> Planted:
    some = np.flatnonzero(marks)[:ID_LIMIT]
    return Planted(
        name=name,
        table=table,
        affected=int(marks.sum()),
        slice=where or {},
        ids=tuple(ids.take(pa.array(some)).to_pylist()),
    )


def _missing(name: str, orders: Orders, marks: BoolArray, where: dict[str, object]) -> Planted:
    """Returns the record of orders that are gone: what can be seen of them is a converted session without one."""
    return _planted(name, "sessions", session_ids(np.maximum(orders.session_codes, 0)), marks, where)


def _with(table: pa.Table, name: str, column: pa.Array) -> pa.Table:
    """Returns the table with other values in one of its columns."""
    return table.set_column(table.column_names.index(name), name, column)


def _in_cents(carts: pa.MapArray, marks: BoolArray) -> pa.MapArray:
    """Returns the carts with the prices of the marked ones a hundred times as high."""
    items = carts.items
    prices = items.field("price").to_numpy()
    dear = np.repeat(marks, np.diff(carts.offsets.to_numpy()))
    parts = [
        pa.array(np.where(dear, np.round(prices * _CENTS), prices))
        if field.name == "price"
        else items.field(field.name)
        for field in items.type
    ]
    names = [field.name for field in items.type]
    return pa.MapArray.from_arrays(carts.offsets, carts.keys, pa.StructArray.from_arrays(parts, names))


def _milliseconds(table: pa.Table, drawn: BoolArray) -> tuple[pa.Table, BoolArray]:
    device = pc.struct_field(table["device_profile"].combine_chunks(), "type").cast(pa.string())
    marks = drawn & pc.equal(device, "tablet").to_numpy(zero_copy_only=False)
    place = table.column_names.index("duration_seconds")
    seconds = table["duration_seconds"].to_numpy()
    return table.set_column(place, "duration_seconds", pa.array(np.where(marks, seconds * 1_000, seconds))), marks


def _emptied(table: pa.Table, marks: BoolArray) -> pa.Table:
    geo = table["geo_data"].combine_chunks()
    names = [field.name for field in geo.type]
    parts = [_blank(geo.field(name), marks) if name == "state" else geo.field(name) for name in names]
    table = table.set_column(table.column_names.index("geo_data"), "geo_data", pa.StructArray.from_arrays(parts, names))
    place = table.column_names.index("referrer")
    return table.set_column(place, "referrer", _blank(table["referrer"].combine_chunks(), marks))


def _blank(column: pa.Array, marks: BoolArray) -> pa.Array:
    return pc.if_else(pa.array(marks), pa.scalar(""), column.cast(pa.string()))


def _orphaned(orders: Orders, drawn: BoolArray, settings: ShopSettings) -> tuple[Orders, list[Planted]]:
    """Returns the orders with some standalone ones pointing to a session, or to a user, that does not exist.

    Only standalone orders are touched, so that every converted session keeps its order; `drawn` is therefore twice the
    rate among all orders.
    """
    marks = drawn & (orders.session_codes < 0)
    chosen = np.flatnonzero(marks)
    no_session, no_user = chosen[::2], chosen[1::2]
    codes, users = orders.session_codes.copy(), orders.users.copy()
    late = _LATE_SESSIONS + np.arange(len(no_session))
    codes[no_session] = distinct_codes(settings.seed, "session ids", late, bits=40)
    users[no_user] = _STRANGERS + np.arange(len(no_user)) % 90_000
    planted = [
        Planted(
            name="orphan_orders",
            table="transactions",
            affected=len(rows),
            slice={"column": column},
            ids=tuple(ids[:ID_LIMIT].to_pylist()),
        )
        for column, rows, ids in (
            ("session_id", no_session, session_ids(codes[no_session])),
            ("user_id", no_user, user_ids(users[no_user])),
        )
    ]
    return replace(orders, session_codes=codes, users=users), planted


def _missing_days(settings: ShopSettings, rate: float) -> tuple[int, int]:
    count = min(settings.days, max(1, round(rate * settings.days)))
    first = int(stream(settings.seed, "missing days").integers(0, settings.days - count + 1))
    return first, first + count


def _day(settings: ShopSettings, day: int) -> str:
    return str(np.datetime64(settings.start_second + 86_400 * day, "s"))[:10]


def _iso(micros: int) -> str:
    return str(np.datetime64(micros // 1_000_000, "s"))


def merged(planted: list[Planted]) -> list[Planted]:
    """Returns one record per defect, table and slice, from those of all parts of the data."""
    found: dict[tuple[str, str, str], Planted] = {}
    for each in planted:
        key = (each.name, each.table, repr(sorted(each.slice.items())))
        found[key] = found[key].joined(each) if key in found else each
    return list(found.values())
