"""What a node's result says of several checks at once."""

from __future__ import annotations

from runner.build import listed


def test_sentences_in_one_line_end_once() -> None:
    assert listed(["a is late."], most=2) == "a is late."
    assert listed(["a is late.", "b is empty."], most=2) == "a is late; b is empty."
    assert listed(["a is late.", "b is empty.", "c."], most=2) == "a is late; b is empty. (+1 more)"
    assert listed([], most=2) == ""
