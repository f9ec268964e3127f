"""Values become columns strictly, and the fast way agrees with the exact one."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from bson import Binary, DatetimeMS, Decimal128, Int64, MinKey, ObjectId, Timestamp

from ingest.columns import NotFast, Sight, Unfit, exact_array, exact_value, fast_array
from ingest.datatypes import arrow_type, read_type

TAKEN: list[tuple[str, Any, Any]] = [
    ("string", "é", "é"),
    ("string", "", ""),
    ("boolean", True, True),
    ("int", 7, 7),
    ("int", 7.0, 7),
    ("int", -(2**31), -(2**31)),
    ("bigint", 2**62, 2**62),
    ("tinyint", 127, 127),
    ("double", 7, 7.0),
    ("double", 7.25, 7.25),
    ("decimal(12,2)", 1339.4500000000003, Decimal("1339.45")),
    ("decimal(12,2)", 5, Decimal("5.00")),
    ("decimal(12,2)", "12.50", Decimal("12.50")),
    ("decimal(12,2)", 2.675, Decimal("2.68")),
    ("decimal(12,2)", 1.005, Decimal("1.01")),
    ("decimal(12,2)", -1.005, Decimal("-1.01")),
    ("decimal(12,2)", 0.125, Decimal("0.13")),
    ("decimal(12,2)", 9999999999.99, Decimal("9999999999.99")),
    ("decimal(38,0)", 2**70, Decimal(2**70)),
    ("date", "2024-02-29", date(2024, 2, 29)),
    ("timestamp", "2024-01-05T10:20:30", datetime(2024, 1, 5, 10, 20, 30, tzinfo=UTC)),
    ("timestamp", "2024-01-05T10:20:30.123456", datetime(2024, 1, 5, 10, 20, 30, 123456, tzinfo=UTC)),
    ("timestamp", "2024-01-05T10:20:30.123456789", datetime(2024, 1, 5, 10, 20, 30, 123456, tzinfo=UTC)),
    ("timestamp", "2024-01-05 10:20:30.5", datetime(2024, 1, 5, 10, 20, 30, 500000, tzinfo=UTC)),
    ("timestamp", "2024-01-05T10:20:30Z", datetime(2024, 1, 5, 10, 20, 30, tzinfo=UTC)),
    ("timestamp", "2024-01-05T10:20:30+02:00", datetime(2024, 1, 5, 8, 20, 30, tzinfo=UTC)),
    ("timestamp", "2024-01-05", datetime(2024, 1, 5, tzinfo=UTC)),
    ("array<int>", [1, None, 3], [1, None, 3]),
    ("array<string>", [], []),
    ("struct<a:int,b:string>", {"a": 1, "c": 3}, {"a": 1, "b": None}),
    ("map<string,int>", {}, []),
    (
        "map<string,struct<quantity:int,price:decimal(12,2)>>",
        {"prod_1": {"quantity": 2, "price": 9.99}},
        [("prod_1", {"quantity": 2, "price": Decimal("9.99")})],
    ),
    ("string", ObjectId("65a000000000000000000001"), "65a000000000000000000001"),
    ("string", Binary(bytes(range(16)), 4), "00010203-0405-0607-0809-0a0b0c0d0e0f"),
    ("int", Int64(7), 7),
    ("int", Decimal128("7.00"), 7),
    ("int", Decimal128("1E+3"), 1000),
    ("double", Decimal128("0.25"), 0.25),
    ("decimal(12,2)", Decimal128("19.99"), Decimal("19.99")),
    ("decimal(12,2)", Decimal128("1.005"), Decimal("1.01")),
    ("decimal(34,4)", Decimal128("9" * 30 + ".1234"), Decimal("9" * 30 + ".1234")),
    ("date", datetime(2024, 2, 29, tzinfo=UTC), date(2024, 2, 29)),
    ("date", datetime(2024, 2, 29), date(2024, 2, 29)),
    ("timestamp", datetime(2024, 1, 5, 10, 20, 30, 5000), datetime(2024, 1, 5, 10, 20, 30, 5000, tzinfo=UTC)),
    ("timestamp", Timestamp(1_700_000_000, 5), datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
]

REFUSED: list[tuple[str, Any, str]] = [
    ("string", 7, "c: 7 is no string"),
    ("string", {"$oid": "x"}, 'c: {"$oid":"x"} is no string'),
    ("boolean", 1, "c: 1 is no boolean"),
    ("boolean", "true", 'c: "true" is no boolean'),
    ("int", "12x", 'c: "12x" is no int'),
    ("int", "12", 'c: "12" is no int'),
    ("int", "", 'c: "" is no int'),
    ("int", 7.5, "c: 7.5 is no int"),
    ("int", True, "c: true is no int"),
    ("int", 2**31, "c: 2147483648 does not fit int"),
    ("int", 1e300, "c: 1e+300 does not fit int"),
    ("double", "1.5", 'c: "1.5" is no double'),
    ("double", True, "c: true is no double"),
    ("decimal(12,2)", "12,50", 'c: "12,50" is no decimal(12,2)'),
    ("decimal(12,2)", "NaN", 'c: "NaN" is no decimal(12,2)'),
    ("decimal(12,2)", False, "c: false is no decimal(12,2)"),
    ("decimal(12,2)", 1e10, "c: 10000000000.0 does not fit decimal(12,2)"),
    ("decimal(12,2)", 9999999999.995, "c: 9999999999.995 does not fit decimal(12,2)"),
    ("decimal(12,2)", 1e200, "c: 1e+200 does not fit decimal(12,2)"),
    ("date", "2024-02-30", 'c: "2024-02-30" is no date'),
    ("timestamp", "yesterday", 'c: "yesterday" is no timestamp'),
    ("timestamp", "2024-02-30T10:00:00", 'c: "2024-02-30T10:00:00" is no timestamp'),
    ("timestamp", 1704450030, "c: 1704450030 is no timestamp"),
    ("timestamp", "0000-01-01", 'c: "0000-01-01" is no timestamp'),
    ("timestamp", "20240105", 'c: "20240105" is no timestamp'),
    ("array<int>", {"0": 1}, 'c: {"0":1} is no array'),
    ("array<int>", [1, "x"], 'c[1]: "x" is no int'),
    ("struct<a:int>", "text", 'c: "text" is no object'),
    ("struct<a:struct<b:int>>", {"a": {"b": "x"}}, 'c.a.b: "x" is no int'),
    ("map<string,int>", [1], "c: [1] is no object"),
    ("map<string,struct<quantity:int>>", {"p": {"quantity": 1.5}}, "c.p.quantity: 1.5 is no int"),
    ("array<struct<at:timestamp>>", [{}, {"at": "soon"}], 'c[1].at: "soon" is no timestamp'),
    ("string", Binary(b"ab", 3), "c: \"b'ab'\" is no string"),
    ("string", b"ab", "c: \"b'ab'\" is no string"),
    ("timestamp", b"2024-01-05", "c: \"b'2024-01-05'\" is no timestamp"),
    ("int", Decimal128("7.5"), 'c: "7.5" is no int'),
    ("int", Decimal128("NaN"), 'c: "NaN" is no int'),
    ("int", Decimal128("1E+6000"), 'c: "1E+6000" does not fit int'),
    ("decimal(12,2)", Decimal128("Infinity"), 'c: "Infinity" is no decimal(12,2)'),
    ("decimal(12,2)", Decimal128("1E+30"), 'c: "1E+30" does not fit decimal(12,2)'),
    ("date", datetime(2024, 2, 29, 1), 'c: "2024-02-29T01:00:00" is no date'),
    ("timestamp", DatetimeMS(2**60), 'c: "DatetimeMS(1152921504606846976)" is no timestamp'),
    ("timestamp", MinKey(), 'c: "MinKey()" is no timestamp'),
    ("string", {"long": "x" * 80}, 'c: {"long":"' + "x" * 50 + "… is no string"),
]


def fast(values: list[Any], data_type: str) -> pa.Array | None:
    try:
        return fast_array(values, read_type(data_type), Sight())
    except (NotFast, pa.ArrowException, ValueError, TypeError, OverflowError):
        return None


def exact(values: list[Any], data_type: str) -> pa.Array:
    kind = read_type(data_type)
    return exact_array([exact_value(value, kind) for value in values], kind)


@pytest.mark.parametrize(("data_type", "value", "expected"), TAKEN)
def test_a_value_that_fits(data_type: str, value: Any, expected: Any) -> None:
    wanted = exact([value, None], data_type)
    assert wanted.to_pylist() == [expected, None]
    quick = fast([value, None], data_type)
    assert quick is None or quick.equals(wanted)


@pytest.mark.parametrize(("data_type", "value", "reason"), REFUSED)
def test_a_value_that_does_not_fit(data_type: str, value: Any, reason: str) -> None:
    with pytest.raises(Unfit) as unfit:
        exact_value(value, read_type(data_type))
    assert unfit.value.at("c", "c").reason() == reason
    assert fast([value], data_type) is None


def test_a_problem_leaves_out_value_and_place() -> None:
    with pytest.raises(Unfit) as unfit:
        exact_value({"p": [{"at": "soon"}]}, read_type("map<string,array<struct<at:timestamp>>>"))
    assert unfit.value.at("c", "c").problem() == "c.*[].at is no timestamp"


def test_the_common_values_take_the_fast_way() -> None:
    for data_type, values in {
        "decimal(12,2)": [1, 2.5, None, 1339.4500000000003, -3.333],
        "timestamp": ["2024-01-05T10:20:30", "2024-01-05T10:20:30.123456", None],
        "int": [1, None, 3],
        "array<struct<at:timestamp,n:int>>": [[{"at": "2024-01-05T10:20:30", "n": 1}], None, []],
        "map<string,struct<quantity:int,price:decimal(12,2)>>": [{"p": {"quantity": 1, "price": 2}}, {}, None],
    }.items():
        quick = fast(values, data_type)
        assert quick is not None
        assert quick.equals(exact(values, data_type)), data_type
        assert quick.type == arrow_type(read_type(data_type))


@pytest.mark.parametrize("seed", range(40))
def test_fast_numbers_are_the_exact_ones(seed: int) -> None:
    random_one = random.Random(seed)
    values = [
        random_one.choice(
            [
                None,
                random_one.randrange(-(10**9), 10**9),
                random_one.uniform(-1e4, 1e4),
                random_one.randrange(-(10**7), 10**7) / 1000,  # many ties of half a cent
                round(random_one.uniform(-1e9, 1e9), 2) + 1e-7,
                sum(round(random_one.random(), 2) for _ in range(20)),
            ]
        )
        for _ in range(300)
    ]
    quick = fast(values, "decimal(12,2)")
    assert quick is not None
    assert quick.equals(exact(values, "decimal(12,2)"))


@pytest.mark.parametrize("seed", range(40))
def test_fast_timestamps_are_the_exact_ones(seed: int) -> None:
    random_one = random.Random(seed)
    for _ in range(60):
        day = f"{random_one.choice(['2024', '0001', '9999', '0000'])}-{random_one.randrange(14):02}-15"
        clock = random_one.choice(["", "T10", " 10:20", "T10:20:30", "T24:00:00", "T10:20:60", "T10:20:30.12", "T1020"])
        zone = random_one.choice(["", "", "Z", "+02:00", "-0330", "+01", " UTC"])
        text = f"{day}{clock}{zone}"
        quick = fast([text], "timestamp")
        try:
            wanted = exact([text], "timestamp")
        except Unfit:
            assert quick is None, text
        else:
            assert quick is None or quick.equals(wanted), text


def test_unnamed_fields_are_seen() -> None:
    kind = read_type("array<struct<a:int,b:int>>")
    for values, has_unnamed in [
        ([[{"a": 1, "b": 2}], None], False),
        ([[{"a": 1, "b": None}, {}]], False),
        ([[{"a": 1}, {"a": 1, "c": 2}]], True),
        ([[{"a": None, "c": None}]], True),
    ]:
        sight = Sight()
        fast_array(values, kind, sight)
        assert sight.has_unnamed is has_unnamed
