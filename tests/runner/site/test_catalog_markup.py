"""Descriptions: a safe subset of Markdown."""

from __future__ import annotations

import pytest

from runner.site.catalog.markup import first_sentence, rendered, rendered_line


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("", ""),
        ("The user_id of <all> & none.", "<p>The user_id of &lt;all&gt; &amp; none.</p>\n"),
        ("**Paid** by `card`", "<p><strong>Paid</strong> by <code>card</code></p>\n"),
        ("# Grain\n\none", '<p class="heading">Grain</p>\n<p>one</p>\n'),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>\n"),
        ("![x](https://spy.example/x.png)", '<p>!<a href="https://spy.example/x.png">x</a></p>\n'),
        ("<img src=x onerror=alert(1)>", "<p>&lt;img src=x onerror=alert(1)&gt;</p>\n"),
    ],
)
def test_markdown_becomes_html_that_loads_and_runs_nothing(text: str, html: str) -> None:
    assert rendered(text) == html


def test_a_table_can_be_scrolled_on_a_phone() -> None:
    found = rendered("| a | b |\n|---|---|\n| 1 | 2 |")
    assert found.startswith('<div class="scroll" role="group" tabindex="0" aria-label="Table"><table>')
    assert found.endswith("</table></div>\n")


def test_a_line_has_no_paragraph() -> None:
    assert rendered_line("The `key`\nof it") == "The <code>key</code> of it"


def test_the_first_sentence_is_plain_and_bounded() -> None:
    assert first_sentence("What **each** has spent. One row per person.") == "What each has spent."
    assert first_sentence("Version 1.5 of it, no end\n\nmore") == "Version 1.5 of it, no end"
    assert first_sentence("word " * 50, most=20) == "word word word word…"
