"""No statistical check fails on a few draws of clean data; what is counted is every check's own verdict."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = str(Path(__file__).parents[2] / "benchmarks")


@pytest.fixture(scope="module")
def alarms() -> Iterator[ModuleType]:
    """The benchmark as a module, from the folder of scripts that it lies in."""
    sys.path.insert(0, BENCHMARKS)
    yield importlib.import_module("alarm_rates")
    sys.path.remove(BENCHMARKS)


def test_no_check_fails_on_clean_draws(alarms: ModuleType) -> None:
    found = alarms.rates(3, 5, (100, 1_000))
    assert {check for check, by in found.items() if any(fails for _, fails, _ in by.values())} == set()
    assert found["D7 tail"][1_000][0] == 3 * len(alarms.SHAPES)
    asked = {check.split()[0] for check in found}
    assert asked >= {"D2", "D3", "D4", "D5", "D6", "D7", "D8", "D9", "D12", "D13", "D14"}


@pytest.mark.parametrize(("counts", "cell"), [((100, 0, 0), "0 / 0"), ((300, 1, 45), "0.33 % / 15 %")])
def test_cells(alarms: ModuleType, counts: tuple[int, int, int], cell: str) -> None:
    assert alarms.shown(*counts) == cell
