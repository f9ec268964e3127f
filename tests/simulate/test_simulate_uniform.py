"""The uniform profile gives the figures that were reported of the course generator's data."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from shop_files import ShopFiles, read_shop

from simulate.settings import ShopSettings
from simulate.shop import generate


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """Page views by type of a shop of 200,000 sessions."""
    folder = tmp_path_factory.mktemp("uniform") / "shop"
    return generate(folder, settings=ShopSettings(sessions=200_000, profile="uniform", format="parquet")).page_views


@pytest.mark.parametrize(
    ("stage", "before", "reported"),
    [
        ("cart", "product_detail", 1_949_081 / 6_917_511),
        ("checkout", "product_detail", 1_030_166 / 6_917_511),
        ("confirmation", "product_detail", 709_626 / 6_917_511),
    ],
)
def test_page_view_ratios_are_those_reported(stage: str, before: str, reported: float, pages: dict[str, int]) -> None:
    assert pages[stage] / pages[before] == pytest.approx(reported, rel=0.01)


def test_page_views_per_session_are_those_reported(pages: dict[str, int]) -> None:
    assert pages["product_detail"] / 200_000 == pytest.approx(6_917_511 / 2_000_000, rel=0.01)


def test_a_confirmation_page_is_no_purchase(uniform: ShopFiles) -> None:
    """About 3,528 of 20,000 sessions reach a confirmation page and do not convert."""
    reached = [
        session["conversion_status"]
        for session in uniform.sessions
        if any(view["page_type"] == "confirmation" for view in session["page_views"])
    ]
    unconverted = sum(status != "converted" for status in reached)
    assert unconverted == pytest.approx(3_528, rel=0.05)


def test_durations_are_drawn_evenly(uniform: ShopFiles) -> None:
    x = uniform.durations
    assert (x.min(), x.max()) == (30, 3_600)
    assert np.median(x) == pytest.approx(1_815, rel=0.02)
    assert stats.kstest(x, stats.uniform(29.5, 3_571).cdf).pvalue > 0.001
    views = [len(session["page_views"]) for session in uniform.sessions]
    assert (min(views), max(views)) == (4, 16)
    assert stats.chisquare(np.bincount(views)[4:]).pvalue > 0.001


@pytest.mark.parametrize("field", ["device", "os", "browser", "referrer", "hour"])
def test_nothing_carries_signal(field: str, uniform: ShopFiles) -> None:
    draw = {
        "device": lambda row: row["device_profile"]["type"],
        "os": lambda row: row["device_profile"]["os"],
        "browser": lambda row: row["device_profile"]["browser"],
        "referrer": lambda row: row["referrer"],
        "hour": lambda row: row["start_time"][11:13],
    }[field]
    assert stats.chisquare(list(Counter(map(draw, uniform.sessions)).values())).pvalue > 0.001


def test_late_conversions_have_no_order(uniform: ShopFiles) -> None:
    """Orders stop at their target: a gap in the run, not a loss spread over it."""
    linked = {order["session_id"] for order in uniform.orders}
    has_order = np.array(
        [row["session_id"] in linked for row in uniform.sessions if row["conversion_status"] == "converted"]
    )
    assert len(uniform.orders) == 5_000
    last = int(np.flatnonzero(has_order)[-1])
    assert 0.5 < last / len(has_order) < 0.75
    assert has_order[:last].mean() > 0.9


def test_two_populations_of_orders(uniform: ShopFiles) -> None:
    """With as few products per session as at the reported size, means come near those reported: 768 and 1,103."""
    linked = np.mean([order["total"] for order in uniform.orders if order["session_id"]])
    standalone = np.mean([order["total"] for order in uniform.orders if not order["session_id"]])
    assert linked == pytest.approx(768, rel=0.2)
    assert standalone == pytest.approx(1_103, rel=0.2)
    assert standalone / linked > 1.25


def test_payment_and_status_tell_the_populations_apart(uniform: ShopFiles) -> None:
    linked = [order for order in uniform.orders if order["session_id"]]
    standalone = [order for order in uniform.orders if not order["session_id"]]
    assert {order["payment_method"] for order in linked} == {"credit_card", "paypal", "apple_pay", "crypto"}
    assert {order["payment_method"] for order in standalone} == {"credit_card", "paypal", "bank_transfer", "gift_card"}
    assert {order["status"] for order in linked} == {"completed"}
    completed = sum(order["status"] == "completed" for order in standalone) / len(standalone)
    assert completed == pytest.approx(0.25, abs=0.04)
    ends = {session["session_id"]: session["end_time"] for session in uniform.sessions}
    assert all(order["timestamp"] == ends[order["session_id"]] for order in linked)


def test_a_standalone_order_has_at_most_three_products(uniform: ShopFiles) -> None:
    sizes = Counter(len(order["items"]) for order in uniform.orders if not order["session_id"])
    assert set(sizes) == {1, 2, 3}
    quantities = Counter(
        item["quantity"] for order in uniform.orders if not order["session_id"] for item in order["items"]
    )
    assert set(quantities) == {1, 2, 3}


def test_users_registered_before_the_window_and_last_active_means_nothing(uniform: ShopFiles) -> None:
    assert max(user["registration_date"] for user in uniform.users) < "2025-01-01"
    last = {user["user_id"]: user["last_active"] for user in uniform.users}
    after = sum(session["start_time"] > last[session["user_id"]] for session in uniform.sessions)
    assert after / len(uniform.sessions) > 0.5


def test_a_run_gives_up_on_a_target_out_of_reach(tmp_path: Path) -> None:
    summary = generate(tmp_path / "shop", settings=ShopSettings(sessions=100, orders=400, profile="uniform"))
    made = summary.counts["transactions"]
    assert 100 < made.made < made.target == 400
    assert made.made == len(read_shop(tmp_path / "shop").orders)
