"""Great Expectations, which only this room knows: its expectations as values, ours as its, its engine, its pages.

inventory  what its release defines
classes    our expectations as its
metrics    what ours need, as its metrics
judging    its verdict over values that the one pass computed
engine     its own Spark engine, for what the one pass does not take over
pages      its Data Docs
share      a suite of ours as one of its suites, a result of ours in its Data Docs
late       what it imports and hardly uses

Importing this room imports Great Expectations, which takes seconds; everything that reads suites does without it.
"""

from __future__ import annotations

import os

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")  # read on import: no network, from the first moment

from expectations.gx import late  # noqa: F401, I001  before Great Expectations

from expectations.gx.classes import CLASSES, ProjectExpectation
from expectations.gx.engine import Engine
from expectations.gx.inventory import describe_builtins, metric_names, write_builtins
from expectations.gx.judging import build, exception_of, failed, finding_of, first_line, judge, metrics_of
from expectations.gx.pages import suite_result

__all__ = [
    "CLASSES",
    "Engine",
    "ProjectExpectation",
    "build",
    "describe_builtins",
    "exception_of",
    "failed",
    "finding_of",
    "first_line",
    "judge",
    "metric_names",
    "metrics_of",
    "suite_result",
    "write_builtins",
]
