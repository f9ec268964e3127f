"""Defects: how they are named, that each is in the data as its truth says, and that nothing else is."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shop_files import ShopFiles, digests, read_shop

from runner.errors import ProjectError
from simulate.defects import ID_LIMIT, KINDS, Defect, parse_defects
from simulate.settings import ShopSettings
from simulate.shop import generate
from simulate.vocabulary import REFERRERS

SESSIONS = 6_000
TOGETHER = [name for name, kind in KINDS.items() if not kind.apart]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("orphan_orders", {"orphan_orders": 0.02}),
        (" stock_leaks , orphan_orders:0.1,", {"orphan_orders": 0.1, "stock_leaks": 0.05}),
        ("all", {name: KINDS[name].rate for name in TOGETHER}),
        ("all,missing_days:0.5", {name: KINDS[name].rate for name in TOGETHER} | {"missing_days": 0.5}),
        ("stray_dates,all", {name: KINDS[name].rate for name in (*TOGETHER, "stray_dates")}),
    ],
)
def test_texts_that_name_defects(text: str, expected: dict[str, float]) -> None:
    defects = parse_defects(text)
    assert {defect.name: defect.rate for defect in defects} == expected
    order = [list(KINDS).index(defect.name) for defect in defects]
    assert order == sorted(order)


def test_a_defect_reads_as_it_is_written() -> None:
    defects = parse_defects("orphan_orders:0.1,missing_days")
    assert parse_defects(",".join(map(str, defects))) == defects


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("orphan_order", 'simulate: "orphan_order" is no defect. Did you mean "orphan_orders"?'),
        ("zzz", f'simulate: "zzz" is no defect. Known: {", ".join(KINDS)}, or all.'),
        ("all:0.1", f'simulate: "all" is no defect. Known: {", ".join(KINDS)}, or all.'),
        (
            "orphan_orders:often",
            'simulate: "often" is no rate for "orphan_orders". Give a share such as orphan_orders:0.02.',
        ),
        (
            "orphan_orders:0",
            'simulate: the rate of "orphan_orders" is 0. Give a share above 0, at most 1.',
        ),
        (
            "orphan_orders:1.5",
            'simulate: the rate of "orphan_orders" is 1.5. Give a share above 0, at most 1.',
        ),
        ("orphan_orders:nan", 'simulate: the rate of "orphan_orders" is nan. Give a share above 0, at most 1.'),
        ("orphan_orders,orphan_orders:0.1", 'simulate: defect "orphan_orders" is given twice. Keep one.'),
    ],
)
def test_texts_that_name_none(text: str, message: str) -> None:
    with pytest.raises(ProjectError) as caught:
        parse_defects(text)
    assert str(caught.value) == message


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clean") / "shop"
    generate(folder, settings=ShopSettings(sessions=SESSIONS))
    return folder


class Planted:
    """A shop with one defect, and the truth about it."""

    def __init__(self, folder: Path, name: str) -> None:
        generate(folder, settings=ShopSettings(sessions=SESSIONS, defects=parse_defects(name)))
        self.folder = folder
        self.kind = KINDS[name]
        document = json.loads((folder / "truth.json").read_text())
        (self.truth,) = document["defects"]
        self.parts = self.truth["parts"]
        self.affected: int = self.truth["affected"]

    @property
    def shop(self) -> ShopFiles:
        return read_shop(self.folder)

    def sessions(self) -> set[str]:
        return {row["session_id"] for row in self.shop.sessions}

    def ids(self, part: int = 0) -> set[str]:
        return set(self.parts[part]["ids"])


@pytest.fixture
def plant(tmp_path: Path) -> Callable[[str], Planted]:
    return lambda name: Planted(tmp_path / "shop", name)


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("clustered_durations", {"sessions_0.json"}),
        ("ms_durations", {"sessions_0.json"}),
        ("duplicate_sessions", {"sessions_0.json"}),
        ("dead_columns", {"sessions_0.json"}),
        ("mixed_types", {"sessions_0.json", "transactions.json"}),
        ("broken_rows", {"sessions_0.json", "transactions.json"}),
        ("extra_fields", {"sessions_0.json"}),
        ("orphan_orders", {"transactions.json"}),
        ("unlinked_conversions", {"transactions.json", "products.json", "opening_stock.json"}),
        ("cut_off_orders", {"transactions.json", "products.json", "opening_stock.json"}),
        ("missing_days", {"transactions.json", "products.json", "opening_stock.json"}),
        ("null_timestamps", {"transactions.json"}),
        ("negative_totals", {"transactions.json"}),
        ("stock_leaks", {"products.json", "opening_stock.json"}),
        ("rounded_clock", {"sessions_0.json"}),
        ("capped_durations", {"sessions_0.json"}),
        ("swapped_times", {"sessions_0.json"}),
        ("cart_cents", {"sessions_0.json"}),
        ("split_referrer", {"sessions_0.json"}),
        ("late_sessions", {"sessions_0.json"}),
        ("renamed_field", {"sessions_0.json"}),
        ("doubled_orders", {"transactions.json"}),
        ("shifted_clock", {"transactions.json"}),
        ("stray_dates", {"transactions.json"}),
    ],
)
def test_a_defect_touches_its_own_files_only(
    name: str, changed: set[str], clean: Path, plant: Callable[[str], Planted]
) -> None:
    planted = plant(name)
    before, after = digests(clean), digests(planted.folder)
    touched = {file for file in before if after[file] != before[file]} - {"shop.json"}
    if name in (
        "clustered_durations",
        "rounded_clock",
        "capped_durations",
    ):  # an order's moment, and so who was seen last, is within its session
        touched -= {"transactions.json", "users.json"}
    assert touched == changed
    assert planted.affected > 0
    assert planted.truth["rate"] == planted.kind.rate
    assert planted.truth["check"] == planted.kind.check


def test_every_defect_has_its_case() -> None:
    marks = test_a_defect_touches_its_own_files_only.pytestmark  # type: ignore[attr-defined]
    assert [case[0] for case in marks[0].args[1]] == list(KINDS)


def test_a_clean_shop_has_no_truth(clean: Path) -> None:
    assert not (clean / "truth.json").exists()


def test_clustered_durations(plant: Callable[[str], Planted]) -> None:
    planted = plant("clustered_durations")
    where = planted.parts[0]["slice"]
    inside, outside = [], []
    for session in planted.shop.sessions:
        within = where["from"] <= session["start_time"] < where["before"]
        is_slice = within and session["device_profile"]["type"] == where["device_type"]
        (inside if is_slice else outside).append(session["duration_seconds"])
        assert sum(view["view_duration"] for view in session["page_views"]) == session["duration_seconds"]
    assert planted.affected == len(inside) > 300
    assert len(set(inside)) == 6
    p05, q1, q3, p95 = np.percentile(inside, [5, 25, 75, 95])
    assert (q3 - q1) / (q3 + q1) < 0.10
    assert p95 / p05 < 2
    assert len(set(outside)) > 500
    assert (where["from"], where["before"]) == ("2025-02-08", "2025-02-22")


def test_millisecond_durations(clean: Path, plant: Callable[[str], Planted]) -> None:
    planted = plant("ms_durations")
    wrong = 0
    for before, after in zip(read_shop(clean).sessions, planted.shop.sessions, strict=True):
        is_tablet = after["device_profile"]["type"] == "tablet"
        assert after["duration_seconds"] == before["duration_seconds"] * (1_000 if is_tablet else 1)
        wrong += is_tablet
    assert planted.affected == wrong > 0.05 * SESSIONS


def test_duplicate_sessions(plant: Callable[[str], Planted]) -> None:
    planted = plant("duplicate_sessions")
    counts = Counter(session["session_id"] for session in planted.shop.sessions)
    assert {key for key, count in counts.items() if count == 2} == planted.ids()
    assert max(counts.values()) == 2
    assert planted.affected == len(planted.ids()) == len(planted.shop.sessions) - SESSIONS


def test_dead_columns(plant: Callable[[str], Planted]) -> None:
    planted = plant("dead_columns")
    for values in (
        [session["geo_data"]["state"] for session in planted.shop.sessions],
        [session["referrer"] for session in planted.shop.sessions],
    ):
        assert values.count("") == planted.affected
        assert 0.99 <= values.count("") / SESSIONS < 1
    assert len(planted.ids()) == ID_LIMIT < planted.affected
    assert planted.parts[0]["slice"] == {"columns": ["geo_data.state", "referrer"]}


def test_mixed_types(plant: Callable[[str], Planted]) -> None:
    planted = plant("mixed_types")
    shop = planted.shop
    texts = {row["session_id"] for row in shop.sessions if not isinstance(row["duration_seconds"], int)}
    totals = {row["transaction_id"] for row in shop.orders if isinstance(row["total"], str)}
    assert [part["table"] for part in planted.parts] == ["sessions", "transactions"]
    assert (texts, totals) == (planted.ids(0), planted.ids(1))
    assert planted.affected == len(texts) + len(totals)
    sample = next(row for row in shop.sessions if row["session_id"] in texts)["duration_seconds"]
    assert re.fullmatch(r"\d+ sec", sample)
    assert re.fullmatch(r"USD [\d.]+", next(row["total"] for row in shop.orders if row["transaction_id"] in totals))


@pytest.mark.parametrize("layout", ["line", "indented", "lines"])
def test_broken_rows(layout: Any, tmp_path: Path) -> None:
    settings = ShopSettings(sessions=SESSIONS, defects=parse_defects("broken_rows:0.01"), layout=layout)
    generate(tmp_path / "shop", settings=settings)
    (truth,) = json.loads((tmp_path / "shop" / "truth.json").read_text())["defects"]
    broken = 0
    for part, name, key in zip(
        truth["parts"], ("sessions_0", "transactions"), ("session_id", "transaction_id"), strict=True
    ):
        text = (tmp_path / "shop" / f"{name}.json").read_text()
        if layout == "lines":
            bad = [line for line in text.splitlines() if not _is_json(line)]
            assert [re.search(rf'"{key}":"(\w+)"', line)[1] for line in bad] == part["ids"]  # type: ignore[index]
        else:
            assert not _is_json(text)
        mended, count = re.subn(r'"user_id":,', '"user_id":null,', text)
        rows = [json.loads(line) for line in mended.splitlines()] if layout == "lines" else json.loads(mended)
        assert [row[key] for row in rows if row["user_id"] is None] == part["ids"]
        broken += count
    assert broken == truth["affected"] > 0


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except json.JSONDecodeError:
        return False
    return True


def test_extra_fields(plant: Callable[[str], Planted]) -> None:
    planted = plant("extra_fields")
    assert {row["session_id"] for row in planted.shop.sessions if "campaign_code" in row} == planted.ids()
    assert planted.affected == len(planted.ids())


def test_orphan_orders(plant: Callable[[str], Planted]) -> None:
    planted = plant("orphan_orders")
    shop = planted.shop
    sessions, users = {row["session_id"] for row in shop.sessions}, {row["user_id"] for row in shop.users}
    lost = {row["session_id"] for row in shop.orders} - sessions - {None}
    strangers = {row["user_id"] for row in shop.orders} - users
    assert (lost, strangers) == (planted.ids(0), planted.ids(1))
    assert [part["slice"]["column"] for part in planted.parts] == ["session_id", "user_id"]
    assert planted.affected == len(lost) + len(strangers)
    assert planted.affected / len(shop.orders) == pytest.approx(0.02, abs=0.01)


@pytest.mark.parametrize(("name", "share"), [("unlinked_conversions", 0.15), ("cut_off_orders", 0.10)])
def test_conversions_without_orders(name: str, share: float, plant: Callable[[str], Planted]) -> None:
    planted = plant(name)
    linked = {order["session_id"] for order in planted.shop.orders}
    converted = [row for row in planted.shop.sessions if row["conversion_status"] == "converted"]
    missing = [row for row in converted if row["session_id"] not in linked]
    assert {row["session_id"] for row in missing} == planted.ids()
    assert len(missing) / len(converted) == pytest.approx(share, abs=0.04)
    first = min(row["start_time"] for row in missing)
    if name == "cut_off_orders":
        assert first > "2025-03-15"
        assert planted.parts[0]["slice"]["from"] > "2025-03-15"
    else:
        assert first < "2025-01-10"


def test_missing_days(plant: Callable[[str], Planted]) -> None:
    planted = plant("missing_days")
    days = {order["timestamp"][:10] for order in planted.shop.orders}
    where = planted.parts[0]["slice"]
    assert len(days) == 86
    assert not [day for day in days if where["from"] <= day < where["before"]]
    assert planted.affected == 1_500 - len(planted.shop.orders)


def test_null_timestamps(plant: Callable[[str], Planted]) -> None:
    planted = plant("null_timestamps")
    nulls = {order["transaction_id"] for order in planted.shop.orders if order["timestamp"] is None}
    assert nulls == planted.ids()
    assert planted.affected / len(planted.shop.orders) > 0.01


def test_negative_totals(plant: Callable[[str], Planted]) -> None:
    planted = plant("negative_totals")
    negative = {order["transaction_id"] for order in planted.shop.orders if order["total"] < 0}
    assert negative == planted.ids()
    assert planted.affected == len(negative)


def test_stock_leaks(plant: Callable[[str], Planted]) -> None:
    planted = plant("stock_leaks")
    rows = json.loads((planted.folder / "opening_stock.json").read_text())
    leaky = {row["product_id"] for row in rows if row["opening_stock"] - row["units_sold"] > row["current_stock"]}
    assert leaky == planted.ids()
    below = [product for product in planted.shop.products if product["current_stock"] < 0]
    assert len(below) == planted.parts[0]["slice"]["below_zero"] > 0
    assert planted.affected == len(leaky) == round(0.05 * len(rows))


def test_rounded_and_capped_durations(clean: Path, tmp_path: Path) -> None:
    rounded, capped = (Planted(tmp_path / name, name) for name in ("rounded_clock", "capped_durations"))
    before = [session["duration_seconds"] for session in read_shop(clean).sessions]
    pairs = list(zip(before, rounded.shop.sessions, strict=True))
    changed = [(was, session) for was, session in pairs if was != session["duration_seconds"]]
    assert all(0 < session["duration_seconds"] - was < 60 for was, session in changed)
    assert all(session["duration_seconds"] % 60 == 0 for _, session in changed)
    assert rounded.affected / SESSIONS == pytest.approx(0.5, abs=0.02)
    assert 0.97 * rounded.affected < len(changed) < rounded.affected
    limits = [session for session in capped.shop.sessions if session["duration_seconds"] == 1_800]
    assert abs(len(limits) - capped.affected) < 0.01 * SESSIONS  # some are as long by themselves, or cut by the window
    assert capped.affected / SESSIONS == pytest.approx(0.3, abs=0.02)
    for session in (*rounded.shop.sessions, *capped.shop.sessions):
        assert sum(view["view_duration"] for view in session["page_views"]) == session["duration_seconds"]


def test_swapped_times(clean: Path, plant: Callable[[str], Planted]) -> None:
    planted = plant("swapped_times")
    for before, after in zip(read_shop(clean).sessions, planted.shop.sessions, strict=True):
        swapped = after["session_id"] in planted.ids()
        assert (after["start_time"], after["end_time"]) == (
            (before["end_time"], before["start_time"]) if swapped else (before["start_time"], before["end_time"])
        )
    assert planted.affected == len(planted.ids()) > 30


def test_carts_in_cents(clean: Path, plant: Callable[[str], Planted]) -> None:
    planted = plant("cart_cents")
    for before, after in zip(read_shop(clean).sessions, planted.shop.sessions, strict=True):
        factor = 100 if after["session_id"] in planted.ids() else 1
        assert before["cart_contents"].keys() == after["cart_contents"].keys()
        for product, item in after["cart_contents"].items():
            assert item["price"] == pytest.approx(factor * before["cart_contents"][product]["price"])
            assert item["quantity"] == before["cart_contents"][product]["quantity"]
    assert planted.affected == len(planted.ids()) > 50


def test_split_referrers(clean: Path, plant: Callable[[str], Planted]) -> None:
    planted = plant("split_referrer")
    before = {session["session_id"]: session["referrer"] for session in read_shop(clean).sessions}
    changed = {row["session_id"]: row["referrer"] for row in planted.shop.sessions if row["referrer"] not in REFERRERS}
    assert changed.keys() == planted.ids()
    assert all(word in (before[key].upper(), before[key] + " ") for key, word in changed.items())
    assert {word[-1] == " " for word in changed.values()} == {True, False}


def test_late_sessions(clean: Path, plant: Callable[[str], Planted]) -> None:
    planted = plant("late_sessions")
    limit = planted.parts[0]["slice"]["from"]
    late = {row["session_id"] for row in read_shop(clean).sessions if row["start_time"] >= limit}
    assert late == planted.ids() == ({row["session_id"] for row in read_shop(clean).sessions} - planted.sessions())
    assert limit == "2025-03-27T12:00:00"
    assert planted.affected == len(late) > 100


def test_a_renamed_field(plant: Callable[[str], Planted]) -> None:
    planted = plant("renamed_field")
    renamed = {row["session_id"] for row in planted.shop.sessions if "duration_sec" in row}
    assert renamed == planted.ids()
    assert renamed == {row["session_id"] for row in planted.shop.sessions if "duration_seconds" not in row}


def test_doubled_orders(plant: Callable[[str], Planted]) -> None:
    planted = plant("doubled_orders")
    counts = Counter(order["transaction_id"] for order in planted.shop.orders)
    assert {key for key, count in counts.items() if count == 2} == planted.ids()
    assert planted.affected == len(planted.shop.orders) - 1_500
    manifest = json.loads((planted.folder / "shop.json").read_text())
    assert manifest["counts"]["transactions"] == len(planted.shop.orders)


@pytest.mark.parametrize("name", ["shifted_clock", "stray_dates"])
def test_times_of_orders(name: str, clean: Path, plant: Callable[[str], Planted]) -> None:
    planted = plant(name)
    for before, after in zip(read_shop(clean).orders, planted.shop.orders, strict=True):
        was, now = (datetime.fromisoformat(row["timestamp"]) for row in (before, after))
        marked = after["transaction_id"] in planted.ids()
        moved = was + timedelta(hours=3) if name == "shifted_clock" else datetime(1970, 1, 1, tzinfo=was.tzinfo)
        assert now == (moved if marked else was)
    assert planted.affected == len(planted.ids()) > 5


@pytest.mark.parametrize("profile", ["realistic", "uniform"])
def test_all_defects_at_once_add_up(profile: Any, tmp_path: Path) -> None:
    names = "all" if profile == "realistic" else ",".join(TOGETHER)
    settings = ShopSettings(sessions=SESSIONS, sessions_per_file=2_500, profile=profile, defects=parse_defects(names))
    summary = generate(tmp_path / "shop", settings=settings)
    truth = json.loads((tmp_path / "shop" / "truth.json").read_text())["defects"]
    assert [each["name"] for each in truth] == TOGETHER
    assert {each["name"]: each["affected"] for each in truth} == summary.planted
    assert summary.linked_orders == sum(
        order["session_id"] is not None for order in _mended_orders(tmp_path / "shop")
    ) - sum(part["affected"] for each in truth for part in each["parts"] if part["slice"].get("column") == "session_id")
    assert all(each["affected"] == sum(part["affected"] for part in each["parts"]) > 0 for each in truth)
    assert all(
        len({part["table"] + str(part["slice"]) for part in each["parts"]}) == len(each["parts"]) for each in truth
    )


def _mended_orders(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "transactions.json").read_text()
    rows: list[dict[str, Any]] = json.loads(text.replace('"user_id":,', '"user_id":null,'))
    return rows


def test_parquet_takes_the_defects_that_it_can_hold(tmp_path: Path) -> None:
    fit = tuple(Defect(name=name, rate=kind.rate) for name, kind in KINDS.items() if not kind.json_only)
    settings = ShopSettings(sessions=2_000, defects=fit, format="parquet")
    summary = generate(tmp_path / "shop", settings=settings)
    assert min(summary.planted.values()) > 0
    assert len(fit) == len(KINDS) - 4
