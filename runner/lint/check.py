"""All rules over the chosen models: what they find, what `-- noqa` silences, and the mending of what can be mended."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from runner.errors import NotFoundError
from runner.lint.mask import mask
from runner.lint.rules import KEY_TESTS, RULES, Finding, Page
from runner.lint.sql import read_query
from runner.model import Model
from runner.project.parse import Project

_NOQA = re.compile(r"--\s*noqa(?::\s*([\w\- ,]+))?", re.IGNORECASE)


def lint(
    project: Project, models: Iterable[Model], *, keyed: Collection[str] = (), rules: Collection[str] = ()
) -> list[Finding]:
    """Returns what the rules find, by file, line and column.

    Args:
        keyed: the unique ids of models that a suite gives a key to.
        rules: the rules to keep to; all where empty.

    Raises:
        NotFoundError: there is no such rule.
    """
    for name in rules:
        if name not in RULES:
            raise NotFoundError(f'no rule is named "{name}".', name=name, known=RULES)
    tables = _tables(project)
    found: list[Finding] = []
    for model in models:
        masked = mask(model.raw_sql)
        page = Page(
            model=model,
            masked=masked,
            query=read_query(masked) if model.language == "sql" else None,
            tables=tables,
            is_keyed=model.unique_id in keyed or _has_key(model),
        )
        silent = _silenced(model.raw_sql)
        for name, rule in RULES.items():
            if rules and name not in rules:
                continue
            found += [one for one in rule(page) if not _is_silenced(one, silent)]
    return sorted(found, key=lambda one: (one.path, one.line, one.column, one.rule))


def mend(root: Path, findings: Sequence[Finding]) -> int:
    """Changes the files where a finding says how; returns how many were mended."""
    by_path: dict[str, list[Finding]] = {}
    for one in findings:
        if one.edit is not None:
            by_path.setdefault(one.path, []).append(one)
    for path, each in by_path.items():
        text = (root / path).read_text(encoding="utf-8")
        for edit in sorted((one.edit for one in each if one.edit), reverse=True):
            text = text[: edit.start] + edit.text + text[edit.end :]
        (root / path).write_text(text, encoding="utf-8")
    return sum(len(each) for each in by_path.values())


def _tables(project: Project) -> dict[str, str]:
    known = {str(model.table).lower(): f'ref("{model.name}")' for model in project.models.values()}
    return known | {
        str(table.table).lower(): f'source("{table.source}", "{table.name}")' for table in project.sources.values()
    }


def _has_key(model: Model) -> bool:
    return any(any(word in test.type for word in KEY_TESTS) for test in model.tests)


def _silenced(text: str) -> Mapping[int, frozenset[str] | None]:
    """Returns per line the rules that `-- noqa` silences there; None for all."""
    found: dict[int, frozenset[str] | None] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if match := _NOQA.search(line):
            found[number] = frozenset(re.split(r"[\s,]+", match[1].strip())) if match[1] else None
    return found


def _is_silenced(finding: Finding, silent: Mapping[int, frozenset[str] | None]) -> bool:
    if finding.line not in silent:
        return False
    rules = silent[finding.line]
    return rules is None or finding.rule in rules
