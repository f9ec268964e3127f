"""The report as JSON values, for machines: `report.json`, whose schema stands beside this module."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from expectations.diagnosis.verdict import Verdict, verdict
from expectations.history.identity import check_ids
from expectations.reports.across import crossings
from expectations.reports.figures import figure_of
from expectations.reports.headline import headline
from expectations.reports.values import Report
from expectations.result import CheckResult, SuiteResult

VERSION = 2  # of the form; a new one where a key is renamed, removed or means something else
SCHEMA = Path(__file__).with_name("report.schema.json")


def as_document(report: Report) -> dict[str, Any]:
    """Returns the report as JSON values: run, verdict, and of each table its verdict, its checks, what reads it."""
    first = headline(report)
    statuses = [one.status for one in report.tables]
    return {
        "schema_version": VERSION,
        "run": plain(report.run),
        "status": first.status,
        "headline": first.text,
        "more": first.more,
        "counts": {
            "tables": len(statuses),
            "failed": statuses.count("fail"),
            "warned": statuses.count("warn"),
            "passed": statuses.count("pass"),
            "checks": sum(len(one.results) for one in report.tables),
        },
        "tables": [_table(report, one) for one in report.tables],
        "sources": plain(report.sources),
        "crossings": plain(crossings(report)),
        "unbuilt": plain(report.unbuilt),
        "unit_tests": plain(report.unit_tests),
    }


def _table(report: Report, one: SuiteResult) -> dict[str, Any]:
    context = report.context(one.model)
    ids = check_ids(result.expectation for result in one.results)
    return {
        "model": one.model,
        "status": one.status,
        "withheld": one.model in report.run.withheld,
        "path": context.path,
        "owner": plain(context.owner),
        "rows": one.rows,
        "seconds": round(one.seconds, 3),
        "jobs": one.jobs,
        "verdict": _verdict(verdict(one)),
        "readers": plain(context.readers) if one.status == "fail" else [],
        "results": [_result(name, result) for name, result in zip(ids, one.results, strict=True)],
    }


def _verdict(found: Verdict) -> dict[str, Any] | None:
    if found.lead is None:
        return None
    return {
        "cause": found.cause,
        "cause_id": found.cause_id,
        "explanation": found.explanation,
        "message": found.message,
        "evidence": list(found.evidence),
        "slice": plain(found.slice),
        "further_slices": plain(found.where),
        "what_to_do": found.what_to_do,
        "check": found.lead.type,
        "explains": [one.title for one in found.explained],
        "others": [one.title for one in found.others],
    }


def _result(name: str, result: CheckResult) -> dict[str, Any]:
    document: dict[str, Any] = plain(result)
    expectation, further = document.pop("expectation"), document.pop("where")
    return {
        "check_id": name,
        "type": expectation["type"],
        "title": result.title,
        "severity": result.severity,
        "blocking": result.blocking,
        "column": result.column,
        "where": expectation["where"],
        "place": expectation["place"],
        "arguments": expectation["arguments"],
        "description": expectation["description"],
        "figure": plain(figure_of(result)),
        "further_slices": further,
        **document,
    }


def plain(value: Any) -> Any:
    """Returns a value as JSON can hold it; what is no number there (infinity, NaN) becomes a text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    if hasattr(value, "item"):  # a numpy scalar
        return plain(value.item())
    return str(value)
