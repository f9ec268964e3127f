"""Property files: what YAML says of models, sources, columns, checks and unit tests, in dbt's form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from runner.documents import Section, read_yaml
from runner.errors import FormatError, ProjectError
from runner.model import Column, GenericTest, Severity, SourceTable, UnitTest
from runner.names import TableRef, check_identifier

_FILE_KEYS = {"version", "models", "sources", "unit_tests", "macros", "seeds", "snapshots", "exposures", "groups", "metrics",
              "analyses", "data_tests", "semantic_models", "saved_queries"}  # fmt: skip
_MODEL_KEYS = {"name", "description", "config", "columns", "data_tests", "tests", "meta", "docs", "tags", "constraints",
               "access", "group", "latest_version", "deprecation_date", "time_spine", "versions"}  # fmt: skip
_COLUMN_KEYS = {"name", "data_type", "description", "data_tests", "tests", "meta", "tags", "config", "constraints", "quote",
                "policy_tags", "granularity", "aliases", "cells", "codec"}  # fmt: skip
_SOURCE_KEYS = {"name", "description", "store", "schema", "database", "loader", "tables", "meta", "tags", "config",
                "freshness", "loaded_at_field", "loaded_at_query", "overrides", "quoting"}  # fmt: skip
_TABLE_KEYS = {"name", "description", "key", "files", "stored_as", "ignored_cells", "incremental", "columns", "data_tests", "tests", "freshness", "loaded_at_field",
               "loaded_at_query", "identifier", "meta", "tags", "config", "external", "loader", "quoting"}  # fmt: skip
_TEST_KEYS = {"name", "description", "config", "arguments", "severity", "where", "meta", "tags", "limit", "warn_if",
              "error_if", "fail_calc", "store_failures", "enabled"}  # fmt: skip
_UNIT_KEYS = {"name", "model", "description", "given", "expect", "overrides", "config", "versions", "tags", "meta"}
_GIVEN_KEYS = {"input", "rows", "format"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """What a property file says of a model."""

    name: str
    path: PurePosixPath
    place: str
    config: Mapping[str, Any]
    description: str = ""
    columns: tuple[Column, ...] = ()
    tests: tuple[GenericTest, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Properties:
    """What all property files of a project say together."""

    sources: tuple[SourceTable, ...]
    patches: Mapping[str, Patch]
    unit_tests: tuple[UnitTest, ...]


def read_properties(files: Iterable[tuple[Path, str]], *, project: str) -> Properties:
    """Reads property files.

    Args:
        files: each file's path and the name that messages give it.
        project: the project's name.

    Raises:
        ProjectError: a file is broken, a key unknown, a thing described twice.
    """
    sources: dict[str, SourceTable] = {}
    patches: dict[str, Patch] = {}
    unit_tests: dict[str, UnitTest] = {}
    for path, name in files:
        document = read_yaml(path, name=name)
        document.check_keys(_FILE_KEYS, "this file")
        relative = PurePosixPath(name)
        for section in document.sections("models", "this file"):
            patch = _patch(section, relative)
            _once(patches, patch.name, patch, f'the model "{patch.name}"', patch.place)
        for section in document.sections("sources", "this file"):
            for table in _tables(section, relative, project):
                _once(sources, table.label, table, f'the source "{table.label}"', table.place)
        for section in document.sections("unit_tests", "this file"):
            test = _unit_test(section)
            _once(unit_tests, test.name, test, f'the unit test "{test.name}"', test.place)
    return Properties(sources=tuple(sources.values()), patches=patches, unit_tests=tuple(unit_tests.values()))


def _once(found: dict[str, Any], name: str, value: Any, what: str, place: str) -> None:
    if name in found:
        raise ProjectError(f"{place}: {what} is described already, in {found[name].place}. Keep one of the two.")
    found[name] = value


def _patch(section: Section, path: PurePosixPath) -> Patch:
    name = section.text("name", "a model")
    what = f'model "{name}"'
    section.check_keys(_MODEL_KEYS, what)
    columns, column_tests = _columns(section, what)
    config = dict(section.section("config", what))
    if "tags" in section:
        config["tags"] = [*section.texts("tags", what), *config.get("tags", ())]
    return Patch(
        name=name,
        path=path,
        place=section.place(),
        config=config,
        description=section.text("description", what, "").strip(),
        columns=columns,
        tests=(*_tests(section, what, None), *column_tests),
        meta={**section.section("meta", what), **config.get("meta", {})},
    )


def _tables(section: Section, path: PurePosixPath, project: str) -> Iterable[SourceTable]:
    source = section.text("name", "a source")
    what = f'source "{source}"'
    section.check_keys(_SOURCE_KEYS, what)
    check_identifier(source, place=section.place("name"))
    for table in section.sections("tables", what):
        name = table.text("name", f"a table of {what}")
        label = f'table "{source}.{name}"'
        table.check_keys(_TABLE_KEYS, label)
        check_identifier(name, place=table.place("name"))
        columns, column_tests = _columns(table, label)
        key = table.texts("key", label)
        for column in key:
            if columns and column not in {one.name for one in columns}:
                raise FormatError(
                    f'{table.place("key")}: the key of {label} names "{column}", which is none of its columns.'
                )
        table_config = table.section("config", label)
        source_config = section.section("config", what)
        freshness = {**section.section("freshness", what), **source_config.get("freshness", {})}
        freshness |= {**table.section("freshness", label), **table_config.get("freshness", {})}
        loaded_at = (
            table.get("loaded_at_field") or table_config.get("loaded_at_field")
            or section.get("loaded_at_field") or source_config.get("loaded_at_field")
        )  # fmt: skip
        yield SourceTable(
            source=source,
            name=name,
            table=TableRef(section.text("schema", what, source), table.text("identifier", label, name)),
            path=path,
            place=table.place(),
            fqn=(project, source, name),
            store=section.text("store", what, ""),
            key=key,
            files=table.get("files"),
            stored_as=table.text("stored_as", label, "") or None,
            ignored_cells=table.texts("ignored_cells", label),
            incremental=table.section("incremental", label),
            description=table.text("description", label, "").strip(),
            source_description=section.text("description", what, "").strip(),
            columns=columns,
            tests=(*_tests(table, label, None), *column_tests),
            loaded_at_field=loaded_at,
            freshness=freshness,
            tags=(*section.texts("tags", what), *table.texts("tags", label)),
            meta={**section.section("meta", what), **table.section("meta", label)},
        )


def _columns(section: Section, what: str) -> tuple[tuple[Column, ...], list[GenericTest]]:
    columns: dict[str, Column] = {}
    tests: list[GenericTest] = []
    for item in section.sections("columns", what):
        name = item.text("name", f"a column of {what}")
        label = f'column "{name}" of {what}'
        item.check_keys(_COLUMN_KEYS, label)
        if name in columns:
            raise FormatError(f"{item.place()}: {label} is described twice. Keep one of the two.")
        columns[name] = Column(
            name=name,
            data_type=item.text("data_type", label, "") or None,
            description=item.text("description", label, "").strip(),
            aliases=item.texts("aliases", label),
            cells=item.texts("cells", label),
            codec=item.text("codec", label, "") or None,
            meta=dict(item.section("meta", label)),
            tags=item.texts("tags", label),
        )
        tests += _tests(item, label, name)
    return tuple(columns.values()), tests


def _tests(section: Section, what: str, column: str | None) -> list[GenericTest]:
    found = []
    for key in ("data_tests", "tests"):
        for item in section.items_of(key, what):
            found.append(_test(item, what, column, section.place(key)))
    return found


def _test(item: Any, what: str, column: str | None, place: str) -> GenericTest:
    if isinstance(item, str):
        return GenericTest(type=item, column=column, arguments={}, severity="error", where=None, name=None, place=place)
    if not isinstance(item, Section) or not item:
        raise FormatError(f"{place}: a check of {what} is a name, or a name with its arguments.")
    place = item.place()
    if "test_name" in item:
        body, kind = Section(item.file, item.line), str(item["test_name"])
        body.update({key: value for key, value in item.items() if key != "test_name"})
    elif len(item) == 1:
        kind, value = next(iter(item.items()))
        if value is not None and not isinstance(value, Section):
            raise FormatError(f'{item.place(kind)}: the arguments of the check "{kind}" of {what} are a mapping.')
        body = value or Section(item.file, item.line)
    else:
        raise FormatError(
            f"{place}: a check of {what} has one name, and its arguments are indented below it; here stand {', '.join(item)}."
        )
    config = body.section("config", what)
    arguments = dict(body.section("arguments", what))
    arguments |= {key: value for key, value in body.items() if key not in _TEST_KEYS}
    severity = str(config.get("severity", body.get("severity", "error"))).lower()
    if severity not in ("error", "warn"):
        raise FormatError(f'{place}: the severity of a check is "error" or "warn", not "{severity}".')
    checked: Severity = "warn" if severity == "warn" else "error"
    return GenericTest(
        type=kind,
        column=column or arguments.pop("column_name", None),
        arguments=arguments,
        severity=checked,
        where=config.get("where", body.get("where")),
        name=body.get("name"),
        place=place,
    )


def _unit_test(section: Section) -> UnitTest:
    name = section.text("name", "a unit test")
    what = f'unit test "{name}"'
    section.check_keys(_UNIT_KEYS, what)
    given = []
    for item in section.sections("given", what):
        item.check_keys(_GIVEN_KEYS, f"an input of {what}")
        given.append((item.text("input", f"an input of {what}"), _rows(item, what)))
    expect = section.section("expect", what)
    overrides = section.section("overrides", what)
    overrides.check_keys({"vars", "macros", "env_vars"}, f"the overrides of {what}")
    return UnitTest(
        name=name,
        model=section.text("model", what),
        given=tuple(given),
        expect=_rows(expect, what),
        vars=dict(overrides.section("vars", what)),
        macros=dict(overrides.section("macros", what)),
        description=section.text("description", what, "").strip(),
        place=section.place(),
    )


def _rows(section: Section, what: str) -> tuple[Mapping[str, Any], ...]:
    if section.get("format", "dict") != "dict":
        raise FormatError(f"{section.place('format')}: rows of {what} are written as mappings (format: dict).")
    return tuple(section.sections("rows", what))
