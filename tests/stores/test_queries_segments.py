"""Users by bands of value and frequency: cuts at ranks, ties, empty bands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from bson.decimal128 import Decimal128

from runner.errors import FormatError
from stores.mongo_client import database
from stores.queries.answer import Answer, Cut
from stores.queries.mongodb import user_segments
from stores.queries.orders import Shop
from stores.queries.window import Window
from stores.settings import MongoSettings

THIRDS = (Decimal("0.3333"), Decimal("0.6667"))


@pytest.fixture
def shop(mongodb: Any) -> Iterator[Shop]:
    """An empty database of its own."""
    found = database(MongoSettings(uri=mongodb.uri, database="queries_segments"))
    found.client.drop_database(found.name)
    yield found
    found.client.drop_database(found.name)
    found.client.close()


def orders_of(shop: Shop, users: Sequence[tuple[str | None, Sequence[Any]]], *, status: str = "completed") -> None:
    """Writes the orders of users, given as totals."""
    shop.transactions.insert_many(
        [
            {
                "_id": f"{status}_{user}_{number}",
                "user_id": user,
                "timestamp": datetime(2026, 1, 1 + number, tzinfo=UTC),
                "total": Decimal128(total) if isinstance(total, str) else total,
                "status": status,
            }
            for user, totals in users
            for number, total in enumerate(totals)
        ]
    )


def users_in(answer: Answer) -> dict[tuple[str, str], int]:
    return {(row[0], row[1]): row[2] for row in answer.rows if row[2]}


def cuts_of(answer: Answer, measure: str) -> list[Any]:
    return [cut.value for cut in answer.cuts if cut.measure == measure]


def test_cuts_are_values_at_ranks_and_bands_begin_above_them(shop: Shop) -> None:
    # Worth 10, 20, … 60 with 1, 2, … 6 orders: thirds cut at the 2nd and the 5th (ceil(.6667 * 6)) user.
    orders_of(shop, [(f"u{worth}", [*["0.00"] * (worth - 1), f"{worth}0.00"]) for worth in range(1, 7)])
    orders_of(shop, [("u1", ["999.00"]), ("lost", ["999.00"])], status="Cancelled")
    answer = user_segments(shop, quantiles=THIRDS)
    assert answer.cuts[:2] == (
        Cut(measure="value", quantile=THIRDS[0], rank=2, value=Decimal("20.00"), below=1, equal=1, above=4),
        Cut(measure="value", quantile=THIRDS[1], rank=5, value=Decimal("50.00"), below=4, equal=1, above=1),
    )
    assert cuts_of(answer, "frequency") == [2, 5]
    assert [cut.position for cut in answer.cuts[:2]] == [Decimal("0.3333"), Decimal("0.8333")]
    assert users_in(answer) == {("low", "rare"): 2, ("middle", "regular"): 3, ("high", "frequent"): 1}
    assert answer.notes == ()


def test_a_segment_has_its_users_worth_and_limits(shop: Shop) -> None:
    orders_of(shop, [("a", ["1.10"]), ("b", ["2.20", "0.05"]), ("c", ["7.00", "0.65"])])
    answer = user_segments(shop, quantiles=(Decimal("0.5"),))
    # Value cut at rank ceil(1.5) = 2: 2.25; frequency at rank 2 of 1, 2, 2: 2, which nobody is above.
    records = [record for record in answer.records() if record["user_count"]]
    assert records == [
        {
            "value_band": "2 of 2", "frequency_band": "1 of 2", "user_count": 1, "user_share": Decimal("0.3333"),
            "order_count": 2, "revenue": Decimal("7.65"), "revenue_share": Decimal("0.6955"),
            "value_least": Decimal("7.65"), "value_greatest": Decimal("7.65"),
            "frequency_least": 2, "frequency_greatest": 2,
        },
        {
            "value_band": "1 of 2", "frequency_band": "1 of 2", "user_count": 2, "user_share": Decimal("0.6667"),
            "order_count": 3, "revenue": Decimal("3.35"), "revenue_share": Decimal("0.3045"),
            "value_least": Decimal("1.10"), "value_greatest": Decimal("2.25"),
            "frequency_least": 1, "frequency_greatest": 2,
        },
    ]  # fmt: skip
    assert len(answer.rows) == 4
    assert answer.rows[0] == (
        "2 of 2",
        "2 of 2",
        0,
        Decimal("0.0000"),
        0,
        Decimal("0.00"),
        Decimal("0.0000"),
        *[None] * 4,
    )


def test_users_at_a_cut_are_not_parted_whatever_their_ids(shop: Shop) -> None:
    # One user below, four at the cut, one above: rank 2 and rank 5 both fall on 5.00.
    orders_of(shop, [("a", ["9.00"]), ("z", ["1.00"]), *((name, ["5.00"]) for name in "bcxy")])
    answer = user_segments(shop, quantiles=THIRDS)
    assert cuts_of(answer, "value") == [Decimal("5.00"), Decimal("5.00")]
    assert [(cut.below, cut.equal, cut.above) for cut in answer.cuts[:2]] == [(1, 4, 1), (1, 4, 1)]
    assert users_in(answer) == {("low", "rare"): 5, ("high", "rare"): 1}
    assert answer.notes == (
        "value: 4 users at the cut 5.00 share a band, so 0.8333 of users are at or below it and not 0.3333",
        "value: the quantiles 0.3333 and 0.6667 fall on the same value 5.00, so the band between them is empty",
        "frequency: 6 users at the cut 1 share a band, so 1.0000 of users are at or below it and not 0.3333",
        "frequency: no user is above the cut 1, so the bands above it are empty",
        "frequency: the quantiles 0.3333 and 0.6667 fall on the same value 1, so the band between them is empty",
        "frequency: no user is above the cut 1, so the bands above it are empty",
    )


def test_ties_between_doubles_integers_and_decimals_are_ties(shop: Shop) -> None:
    orders_of(shop, [("a", [5.0]), ("b", [5]), ("c", ["5.00"]), ("d", ["5.01"])])
    answer = user_segments(shop, quantiles=(Decimal("0.25"),))
    assert (answer.cuts[0].below, answer.cuts[0].equal, answer.cuts[0].above) == (0, 3, 1)


def test_one_user_is_a_segment_of_their_own(shop: Shop) -> None:
    orders_of(shop, [("a", ["5.00", "2.50"])])
    answer = user_segments(shop, quantiles=THIRDS)
    assert users_in(answer) == {("low", "rare"): 1}
    assert [(cut.value, cut.position) for cut in answer.cuts] == [
        (Decimal("7.50"), Decimal("1.0000")), (Decimal("7.50"), Decimal("1.0000")), (2, Decimal("1.0000")), (2, Decimal("1.0000")),
    ]  # fmt: skip


def test_orders_of_nobody_are_no_user(shop: Shop) -> None:
    orders_of(shop, [(None, ["5.00", "6.00"]), ("a", ["1.00"])])
    shop.transactions.insert_one(
        {"_id": "x", "timestamp": datetime(2026, 1, 1, tzinfo=UTC), "total": Decimal128("9.00"), "status": "completed"}
    )
    assert users_in(user_segments(shop, quantiles=THIRDS)) == {("low", "rare"): 1}
    assert [cut.above + cut.equal + cut.below for cut in user_segments(shop, quantiles=THIRDS).cuts] == [1] * 4


def test_a_window_counts_the_orders_within_it(shop: Shop) -> None:
    orders_of(shop, [("a", ["5.00", "50.00"]), ("b", ["7.00"])])
    answer = user_segments(shop, quantiles=(Decimal("0.5"),), window=Window(end=datetime(2026, 1, 2, tzinfo=UTC)))
    assert cuts_of(answer, "value") == [Decimal("5.00")]
    assert answer.notes[-1] == "value and frequency are of the window only"


def test_no_orders_are_no_segments(shop: Shop) -> None:
    shop.create_collection("transactions")
    answer = user_segments(shop, quantiles=THIRDS)
    assert (answer.rows, answer.cuts, answer.notes) == ((), (), ("mongodb.transactions is empty",))
    orders_of(shop, [("a", ["5.00"])], status="returned")
    assert user_segments(shop, quantiles=THIRDS).rows == ()


def test_a_quantile_of_decimal_text_has_its_exact_rank(shop: Shop) -> None:
    # .1 of 30 is the 3rd; in doubles .1 * 30 is above 3, which would give the 4th.
    orders_of(shop, [(f"u{number:02}", [f"{number}.00"]) for number in range(1, 31)])
    answer = user_segments(shop, quantiles=(Decimal("0.1"),))
    assert (answer.cuts[0].rank, answer.cuts[0].value) == (3, Decimal("3.00"))


@pytest.mark.parametrize("given", [(), ("0.5", "0.5"), ("0.7", "0.3"), ("0", "0.5"), ("0.5", "1")])
def test_quantiles_are_ascending_shares(shop: Shop, given: tuple[str, ...]) -> None:
    with pytest.raises(FormatError) as caught:
        user_segments(shop, quantiles=tuple(map(Decimal, given)))
    assert str(caught.value) == (
        f'the quantiles "{", ".join(given)}" are no ascending shares. '
        "Give numbers above 0 and below 1, each greater than the one before: 0.3333,0.6667"
    )
