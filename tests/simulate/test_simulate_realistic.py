"""The realistic profile gives no quality check a reason to fail, and every analysis something to find.

The thresholds are those of the quality layer; D numbers name its checks.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from shop_files import ShopFiles, read_shop

from simulate.settings import ShopSettings
from simulate.shop import generate

WINDOW_SECONDS = 90 * 86_400
STAGES = ("product_detail", "cart", "checkout", "confirmation")


@dataclass(frozen=True)
class Case:
    sessions: int
    seed: int


CASES = [*(Case(5_000, seed) for seed in range(1, 9)), Case(20_000, 11), Case(60_000, 12)]


@pytest.fixture(scope="module", params=CASES, ids=str)
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ShopFiles:
    folder = tmp_path_factory.mktemp("realistic") / "shop"
    generate(folder, settings=ShopSettings(sessions=request.param.sessions, seed=request.param.seed))
    return read_shop(folder)


def test_durations_look_like_those_of_people(shop: ShopFiles) -> None:
    x = shop.durations
    p01, p05, q1, q2, q3, p95, p99 = np.percentile(x, [1, 5, 25, 50, 75, 95, 99])
    assert q2 / WINDOW_SECONDS < 0.02  # D3: magnitude
    assert np.mean((x < 1) | (x > 86_400)) == 0
    assert 90 < q2 < 600
    assert (q3 - q1) / (q3 + q1) > 0.4  # D4: dispersion
    assert p95 / p05 > 10
    values, counts = np.unique(x, return_counts=True)
    assert len(values) > 50  # D5: lattice
    assert counts.max() / len(x) < 0.05
    spread = 1.5 * (q3 - q1)
    assert 0.01 < np.mean((x > q3 + spread) | (x < q1 - spread)) < 0.15  # D7: tail
    assert (p99 - q2) / (q2 - p01) > 3


def test_users_differ(shop: ShopFiles) -> None:
    """D8: the intraclass correlation of log durations, and its upper 95 % limit, are well above nothing."""
    groups = defaultdict(list)
    for session in shop.sessions:
        groups[session["user_id"]].append(np.log(session["duration_seconds"]))
    logs = [np.array(values) for values in groups.values()]
    sizes = np.array([len(values) for values in logs])
    total, users = sizes.sum(), len(logs)
    mean = np.concatenate(logs).mean()
    between = sum(len(values) * (values.mean() - mean) ** 2 for values in logs) / (users - 1)
    within = sum(((values - values.mean()) ** 2).sum() for values in logs) / (total - users)
    typical = (total - (sizes**2).sum() / total) / (users - 1)
    correlation = (between - within) / (between + (typical - 1) * within)
    assert users >= 200
    assert correlation > 0.05
    ratio = between / within / stats.f.ppf(0.05, users - 1, total - users)
    assert (ratio - 1) / (ratio + typical - 1) > 0.005


def test_no_column_is_dead(shop: ShopFiles) -> None:
    """D10: no field is empty, zero or one value in 99 % of the rows."""
    for rows in (shop.sessions, shop.orders, shop.users, shop.products):
        columns: dict[str, Counter[str]] = defaultdict(Counter)
        for row in rows:
            for name, value in _fields(row):
                columns[name][repr(value)] += 1
        for name, values in columns.items():
            assert values.most_common(1)[0][1] / sum(values.values()) < 0.99, name


def _fields(row: dict[str, Any]) -> list[tuple[str, Any]]:
    flat = [(name, value) for name, value in row.items() if not isinstance(value, dict) or name == "cart_contents"]
    nested = [(name, value) for name, value in row.items() if isinstance(value, dict) and name != "cart_contents"]
    return flat + [(f"{name}.{part}", value) for name, parts in nested for part, value in parts.items()]


def test_the_path_leads_to_the_purchase(shop: ShopFiles) -> None:
    """D14: stages follow each other in each session, and a purchase is a confirmation is an order."""
    reached = Counter[str]()
    for session in shop.sessions:
        pages = [view["page_type"] for view in session["page_views"]]
        marks = [stage in pages for stage in STAGES]
        assert marks == sorted(marks, reverse=True)
        firsts = [pages.index(stage) for stage in STAGES if stage in pages]
        assert firsts == sorted(firsts)
        assert (session["conversion_status"] == "converted") == ("confirmation" in pages)
        assert bool(session["cart_contents"]) == ("cart" in pages)
        reached.update(stage for stage, mark in zip(STAGES, marks, strict=True) if mark)
    linked = {order["session_id"] for order in shop.orders} - {None}
    converted = {session["session_id"] for session in shop.sessions if session["conversion_status"] == "converted"}
    assert linked == converted
    counts = [reached[stage] for stage in STAGES]
    assert len(shop.sessions) > counts[0] > counts[1] > counts[2] > counts[3] > 0
    assert abs(len(linked) / len(shop.orders) - 0.5) < 0.08


def test_orders_with_and_without_a_session_are_alike(shop: ShopFiles) -> None:
    """D15: one population."""
    linked = np.mean([order["total"] for order in shop.orders if order["session_id"]])
    standalone = np.mean([order["total"] for order in shop.orders if not order["session_id"]])
    assert 0.8 < standalone / linked < 1.25
    totals = np.log([order["total"] for order in shop.orders])
    assert abs(stats.skew(totals)) < 0.6  # log-normal, about


def test_the_series_is_whole(shop: ShopFiles) -> None:
    """D16: every day of the window has orders, no order lacks its time, and revenue moves."""
    per_day: dict[str, float] = defaultdict(float)
    for order in shop.orders:
        per_day[order["timestamp"][:10]] += order["total"]
    assert len(per_day) == 90
    assert (min(per_day), max(per_day)) == ("2025-01-01", "2025-03-31")
    assert np.std(list(per_day.values())) > 0


def test_the_target_is_met(shop: ShopFiles) -> None:
    assert len(shop.orders) == len(shop.sessions) // 4


def test_no_visit_before_its_user(realistic: ShopFiles) -> None:
    registered = {user["user_id"]: user["registration_date"] for user in realistic.users}
    last = {user["user_id"]: user["last_active"] for user in realistic.users}
    newcomers = sum(moment > "2025-01-01" for moment in registered.values()) / len(registered)
    assert 0.1 < newcomers < 0.3
    for row, begin, end in (
        *((session, session["start_time"], session["end_time"]) for session in realistic.sessions),
        *((order, order["timestamp"], order["timestamp"]) for order in realistic.orders),
    ):
        assert registered[row["user_id"]] <= begin
        assert end[:19] <= last[row["user_id"]][:19]


def test_prices_are_those_of_the_moment(realistic: ShopFiles) -> None:
    history = {product["product_id"]: product["price_history"] for product in realistic.products}
    moved = 0
    for session in realistic.sessions:
        for product, line in session["cart_contents"].items():
            known = [point["price"] for point in history[product] if point["date"] <= session["start_time"]]
            assert line["price"] == known[-1]
            moved += line["price"] != history[product][-1]["price"]
    assert moved > 100  # a price of the catalogue is not always the one that was paid


def test_what_is_sold_out_or_inactive_is_not_sold(realistic: ShopFiles) -> None:
    idle = {product["product_id"] for product in realistic.products if not product["is_active"]}
    assert len(idle) == 25
    assert not idle & {item["product_id"] for order in realistic.orders for item in order["items"]}
    empty = [product for product in realistic.products if product["current_stock"] == 0]
    assert len(empty) >= 20


def test_popularity_is_skewed(realistic: ShopFiles) -> None:
    views = Counter(product for session in realistic.sessions for product in session["viewed_products"])
    counts = np.sort(np.array(list(views.values())))[::-1]
    assert counts[: len(counts) // 10].sum() / counts.sum() > 0.3
    orders = Counter(order["user_id"] for order in realistic.orders)
    ordered = np.sort(np.array(list(orders.values())))[::-1]
    assert ordered[: len(realistic.users) // 10].sum() / ordered.sum() > 0.3


def test_some_pairs_are_bought_together_far_above_chance(realistic: ShopFiles) -> None:
    """D13: planted companions survive Bonferroni; without them none of the pairs should."""
    baskets = [sorted({item["product_id"] for item in order["items"]}) for order in realistic.orders]
    single = Counter(product for basket in baskets for product in basket)
    pairs = Counter(pair for basket in baskets for pair in combinations(basket, 2))
    tails = {
        pair: stats.poisson.sf(count - 1, single[pair[0]] * single[pair[1]] / len(baskets)) * len(pairs)
        for pair, count in pairs.items()
        if count >= 4
    }
    found = [pair for pair, tail in tails.items() if tail < 0.001]
    assert len(found) >= 10
    lifts = [pairs[a, b] * len(baskets) / (single[a] * single[b]) for a, b in found]
    assert np.median(lifts) > 10


def test_the_week_and_the_day_have_a_rhythm(realistic: ShopFiles) -> None:
    moments = [datetime.fromisoformat(session["start_time"]) for session in realistic.sessions]
    hours = np.bincount([moment.hour for moment in moments], minlength=24)
    assert hours[[19, 20, 21]].mean() > 5 * hours[[2, 3, 4]].mean()
    days = np.bincount([moment.weekday() for moment in moments], minlength=7)
    assert days[[5, 6]].mean() > 1.08 * days[[0, 1, 2]].mean()
    starts = [session["start_time"][:19] for session in realistic.sessions]
    assert starts == sorted(starts)


@pytest.mark.parametrize("field", ["payment_method", "status"])
def test_order_rankings_carry_signal(field: str, realistic: ShopFiles) -> None:
    """D12: the groups differ by more than chance."""
    counts = list(Counter(order[field] for order in realistic.orders).values())
    assert stats.chisquare(counts).pvalue < 0.001


@pytest.mark.parametrize(
    "group", [("device_profile", "type"), ("device_profile", "os"), ("geo_data", "state"), ("referrer", None)]
)
def test_session_rankings_carry_signal(group: tuple[str, str | None], realistic: ShopFiles) -> None:
    words = [row[group[0]][group[1]] if group[1] else row[group[0]] for row in realistic.sessions]
    assert stats.chisquare(list(Counter(words).values())).pvalue < 0.001
    if group[0] != "geo_data":
        table = defaultdict(lambda: [0, 0])
        for word, row in zip(words, realistic.sessions, strict=True):
            table[word][row["conversion_status"] == "converted"] += 1
        assert stats.chi2_contingency(list(table.values())).pvalue < 0.001


def test_a_system_fits_its_device(realistic: ShopFiles) -> None:
    seen = {(row["device_profile"]["type"], row["device_profile"]["os"]) for row in realistic.sessions}
    assert seen == {
        ("mobile", "iOS"), ("mobile", "Android"), ("desktop", "Windows"), ("desktop", "macOS"),
        ("tablet", "iOS"), ("tablet", "Android"),
    }  # fmt: skip


def test_orders_are_written_in_order_of_time(realistic: ShopFiles) -> None:
    times = [order["timestamp"][:19] for order in realistic.orders]
    assert times == sorted(times)


def test_more_or_fewer_orders_than_usual(tmp_path: Path) -> None:
    for orders in (200, 3_000):
        generate(tmp_path / "shop", settings=ShopSettings(sessions=4_000, orders=orders))
        shop = read_shop(tmp_path / "shop")
        converted = sum(session["conversion_status"] == "converted" for session in shop.sessions)
        assert len(shop.orders) == orders
        assert converted / orders == pytest.approx(0.5, abs=0.15)
