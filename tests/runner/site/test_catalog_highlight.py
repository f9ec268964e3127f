"""Code in colours, a line each, with names that lead to their pages."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from runner.site.catalog.highlight import Link, highlighted, links_of_sql, links_of_template

TEMPLATE = """select {{ euros('total') }} -- all
from {{ ref("orders") }} join {{ source('store', 'people') }}
"""


def find(call: str, names: Sequence[str], version: str | None) -> str:
    if version is not None:
        return f"models/{names[-1]}.v{version}.html"
    return {("ref", "orders"): "models/orders.html", ("source", "store"): "sources/store.people.html"}.get(
        (call, names[0]), ""
    )


def test_each_line_has_its_anchor_and_keeps_its_text() -> None:
    found = highlighted("select 1\n\nfrom a < b", "sql", anchor="code")
    assert [f'id="code-{number}"' in found for number in (1, 2, 3, 4)] == [True, True, True, False]
    assert found.striptags() == "select 1 from a < b"
    assert '<span class="k">select </span>' in found


def test_jinja_keywords_strings_numbers_and_comments_have_classes() -> None:
    found = highlighted("select {{ x }}, 'a', 1 -- why", "jinja")
    for kind in "kjsmc":
        assert f'<span class="{kind}">' in found, kind


def test_refs_sources_and_macros_are_links() -> None:
    links = list(links_of_template(TEMPLATE, find, {"euros": "macros/euros.html"}))
    assert [(TEMPLATE[one.start : one.end], one.address) for one in links] == [
        ('"orders"', "models/orders.html"),
        ("'store', 'people'", "sources/store.people.html"),
        ("euros", "macros/euros.html"),
    ]
    found = highlighted(TEMPLATE, "jinja", links=links, way=lambda address: "../" + address)
    assert 'href="../models/orders.html"' in found
    assert found.count("<a ") == found.count("</a>") >= 3
    assert found.striptags() == " ".join(TEMPLATE.split())


@pytest.mark.parametrize(
    ("written", "addresses"),
    [
        ("ref('orders', v=2)", ["models/orders.v2.html"]),
        ('ref("shop", "orders", version = "2")', ["models/orders.v2.html"]),
        ("ref('orders', v='2024a')", ["models/orders.v2024a.html"]),
        ("ref('orders', v='beta')", ["models/orders.vbeta.html"]),
        ("ref('orders', v=var('which'))", []),
        ("ref('orders', v=which)", []),
        ("ref('orders')", ["models/orders.html"]),
    ],
)
def test_a_ref_leads_to_the_version_that_it_asks_for(written: str, addresses: list[str]) -> None:
    assert [one.address for one in links_of_template(f"select * from {{{{ {written} }}}}", find, {})] == addresses


def test_tables_of_compiled_sql_are_links() -> None:
    sql = "select t.id from `marts`.`daily` as t join marts.other"
    assert [(sql[one.start : one.end], one.address) for one in links_of_sql(sql, {"marts.daily": "d"})] == [
        ("`marts`.`daily`", "d")
    ]


def test_what_is_written_never_becomes_markup() -> None:
    text = "select '</span><script>' as x"
    found = highlighted(text, "sql", links=[Link(start=0, end=6, address='"><b>')], way=str)
    assert "<script>" not in found and "<b>" not in found
    assert found.unescape() != found and found.striptags() == text
