"""The record of Great Expectations' expectations is the installed release's, and ours are registered in it."""

from __future__ import annotations

import json

from expectations.catalogue import BUILTIN_FILE, CUSTOM, definitions


def test_the_record_is_the_installed_release() -> None:
    from expectations import gx

    assert json.loads(BUILTIN_FILE.read_text(encoding="utf-8")) == json.loads(json.dumps(gx.describe_builtins()))


def test_custom_expectations_are_great_expectations_own_kind() -> None:
    from great_expectations.expectations.registry import get_expectation_impl

    from expectations import gx

    for definition in CUSTOM:
        implementation = get_expectation_impl(definition.type)
        assert implementation is gx.CLASSES[definition.type]
        assert implementation.expectation_type == definition.type
        assert implementation.__doc__ == definition.doc
        assert definition.needs is not None and definition.judge is not None


def test_every_check_is_documented() -> None:
    assert [one.type for one in CUSTOM if len(one.doc) < 60] == []
    assert {one.check for one in CUSTOM} >= {"D1", "D2", "D3", "D4", "D5", "D7", "D10", "D11", "D14", "D16"}
    assert len(definitions()) == len({*definitions()})
