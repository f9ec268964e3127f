"""A contract is checked when it is made, and describes its tables."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pyspark.sql.types import DecimalType, IntegerType, MapType, StringType, StructField, StructType

from ingest.contract import Column, Contract
from ingest.datatypes import read_type
from ingest.typewords import UnreadableType
from runner.errors import FormatError

CART = "map<string, struct<`quantity`: int, price decimal(12, 2)>>"

UNREADABLE = {
    "strng": '"strng" is no type that can be landed. Did you mean "string"?',
    "array<int": '"array<int" lacks ">" at its end',
    "array<>": '"array<>" cannot be read at ">"',
    "int int": '"int int" goes on after its end at "int"',
    "struct<a int,a int>": '"struct<a int,a int>": the field "a" occurs twice',
    "map<int,string>": '"map<int,string>": a map\'s keys are strings, since they are field names',
    "decimal(40,2)": '"decimal(40,2)" does not exist: precision is 1 to 38, scale 0 to precision',
    "": '"" ends too soon',
    "binary": '"binary" is no type that can be landed.',
}


def test_types_are_read_as_spark_writes_them() -> None:
    price = StructType([StructField("quantity", IntegerType()), StructField("price", DecimalType(12, 2))])
    assert read_type(CART) == MapType(StringType(), price)
    assert read_type("DECIMAL") == DecimalType(10, 0)
    for text in ("int", "array<struct<a:map<string,array<date>>,b:decimal(9,0)>>", "struct<timestamp:timestamp>"):
        assert read_type(text).simpleString() == text


@pytest.mark.parametrize("text", UNREADABLE)
def test_an_unreadable_type_is_explained(text: str) -> None:
    with pytest.raises(UnreadableType) as error:
        read_type(text)
    assert str(error.value) == UNREADABLE[text]


@pytest.mark.parametrize(
    ("columns", "key", "message"),
    [
        (
            (),
            (),
            'sources.yml: table "shop.users" has no columns. List them under `columns`, each with its `data_type`.',
        ),
        (
            (Column("id", "strng"),),
            (),
            'sources.yml: table "shop.users": column "id": data_type "strng" is no type that can be landed. '
            'Did you mean "string"?',
        ),
        (
            (Column("user_id", "string"),),
            ("userid",),
            'sources.yml: table "shop.users": the key "userid" is no column. Did you mean "user_id"?',
        ),
        (
            (Column("a", "string"), Column("b", "string", ("a",))),
            (),
            'sources.yml: table "shop.users": "a" names 2 columns or aliases. Keep one of them.',
        ),
        (
            (Column("_rescued", "string"),),
            (),
            'sources.yml: table "shop.users": the column "_rescued" is one that landing adds itself. Rename it.',
        ),
    ],
)
def test_a_wrong_contract_is_refused(columns: tuple[Column, ...], key: tuple[str, ...], message: str) -> None:
    with pytest.raises(FormatError) as error:
        Contract("shop", "users", columns, key)
    assert str(error.value) == message


CONTRACT = Contract(
    "hbase",
    "sessions",
    (
        Column("session_id", "string"),
        Column("cart", CART),
        Column("views", "array<struct<at:timestamp>>"),
        Column("referrer", "string", ("referral_source",)),
    ),
    ("session_id",),
)


def test_a_contract_survives_as_text() -> None:
    again = Contract.from_json(CONTRACT.to_json())
    assert again == CONTRACT
    assert again.digest() == CONTRACT.digest()


def test_a_change_of_a_contract_changes_its_digest() -> None:
    changed = Contract("hbase", "sessions", (*CONTRACT.columns[:-1], Column("referrer", "string")), ("session_id",))
    assert changed.digest() != CONTRACT.digest()


def test_a_contract_names_its_tables_and_paths() -> None:
    assert str(CONTRACT.ref) == "hbase.sessions"
    assert str(CONTRACT.quarantine) == "hbase.sessions__quarantine"
    assert CONTRACT.paths() == (
        "session_id",
        "cart",
        "cart.*.quantity",
        "cart.*.price",
        "views",
        "views[].at",
        "referrer",
    )


def test_whether_a_landing_stands_is_asked_without_spark() -> None:
    program = (
        "import sys\nimport ingest.landed\nfrom ingest.contract import Column, Contract\n"
        "columns = (Column('id', 'string'), Column('cart', 'map<string,struct<quantity:int>>'))\n"
        "contract = Contract(source='shop', table='users', columns=columns, key=('id',))\n"
        "print(contract.paths(), contract.digest() != '', 'pyspark' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said == "('id', 'cart', 'cart.*.quantity') True False\n"
