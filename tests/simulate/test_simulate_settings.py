"""The sizes a shop takes from its sessions, and the settings it refuses."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from runner.errors import ProjectError
from simulate.defects import Defect
from simulate.settings import ShopSettings


@pytest.mark.parametrize(
    ("sessions", "users", "products", "orders"),
    [
        (1, 20, 100, 0),
        (1_000, 100, 100, 250),
        (20_000, 2_000, 500, 5_000),
        (200_000, 10_000, 5_000, 50_000),
        (2_000_000, 10_000, 5_000, 500_000),
    ],
)
def test_sizes_follow_the_sessions(sessions: int, users: int, products: int, orders: int) -> None:
    settings = ShopSettings(sessions=sessions)
    assert (settings.user_count, settings.product_count, settings.order_target) == (users, products, orders)
    assert settings.categories == 25


def test_given_sizes_win() -> None:
    settings = ShopSettings(sessions=1_000, users=7, products=11, orders=0, categories=3)
    assert (settings.user_count, settings.product_count, settings.order_target) == (7, 11, 0)


def test_the_window_is_whole_days_in_utc() -> None:
    settings = ShopSettings(start=date(2025, 3, 1), days=2)
    assert settings.start_second == 1_740_787_200
    assert settings.end_second - settings.start_second == 172_800
    assert settings.end == date(2025, 3, 3)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sessions": 0}, "simulate: sessions is 0. Give a number from 1 to 100000000."),
        ({"sessions": 10, "orders": 41}, "simulate: orders is 41. Give a number from 0 to 40."),
        ({"orders": -1}, "simulate: orders is -1. Give a number from 0 to 80000."),
        ({"users": 0}, "simulate: users is 0. Give a number from 1 to 900000."),
        ({"products": 9}, "simulate: products is 9. Give a number from 10 to 100000."),
        ({"products": 20, "categories": 21}, "simulate: categories is 21. Give a number from 1 to 20."),
        ({"days": 0}, "simulate: days is 0. Give a number from 1 to 3650."),
        ({"seed": -1}, "simulate: seed is -1. Give a number from 0 to 9223372036854775808."),
        ({"sessions_per_file": 0}, "simulate: sessions_per_file is 0. Give a number from 1 to 10000000."),
        ({"start": date(1969, 1, 1)}, "simulate: start 1969-01-01 is no date for a shop. Give one from 1970 to 2200."),
        (
            {"profile": "realistc"},
            'simulate: profile "realistc" is none of realistic, uniform. Did you mean "realistic"?',
        ),
        ({"format": "csv"}, 'simulate: format "csv" is none of json, parquet.'),
        ({"layout": "Lines"}, 'simulate: layout "Lines" is none of line, indented, lines. Did you mean "lines"?'),
        (
            {"format": "parquet", "defects": (Defect(name="broken_rows", rate=0.1),)},
            'simulate: "broken_rows" is a fault of text, which parquet cannot hold. Leave it out, or write json.',
        ),
        (
            {"defects": (Defect(name="missing_days", rate=0.1), Defect(name="missing_days", rate=0.2))},
            'simulate: defect "missing_days" is given twice. Keep one.',
        ),
    ],
)
def test_impossible_settings_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ProjectError) as caught:
        ShopSettings(**given)
    assert str(caught.value) == message
