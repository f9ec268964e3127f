"""Property files: what YAML says of models, seeds, snapshots, sources, columns, checks, unit tests, exposures, groups and
macros, in dbt's form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from runner.documents import Section, read_yaml
from runner.errors import FormatError, NotFoundError, ProjectError
from runner.jinja.settings import SettingsRenderer
from runner.model import Column, Config, Exposure, GenericTest, Group, Rows, Severity, SourceTable, UnitTest
from runner.names import TableRef, check_identifier

_FILE_KEYS = {"version", "models", "sources", "unit_tests", "macro_tests", "macros", "seeds", "snapshots", "exposures", "groups", "metrics",
              "analyses", "data_tests", "semantic_models", "saved_queries"}  # fmt: skip
_MODEL_KEYS = {"name", "description", "config", "columns", "data_tests", "tests", "meta", "docs", "tags", "constraints",
               "access", "group", "latest_version", "deprecation_date", "time_spine", "versions", "relation", "arguments",
               "database", "schema", "alias", "enabled", "primary_key"}  # fmt: skip
_EXPOSURE_KEYS = {"name", "type", "owner", "label", "description", "url", "maturity", "depends_on", "tags", "meta",
                  "config", "enabled", "docs"}  # fmt: skip
_GROUP_KEYS = {"name", "owner", "description", "config", "meta"}
_DESCRIBED = {"models": "model", "seeds": "seed", "snapshots": "snapshot", "analyses": "analysis", "macros": "macro",
              "data_tests": "test"}  # fmt: skip
_COLUMN_KEYS = {"name", "data_type", "description", "data_tests", "tests", "meta", "tags", "config", "constraints", "quote",
                "policy_tags", "granularity", "aliases", "cells", "codec"}  # fmt: skip
_SOURCE_KEYS = {"name", "description", "store", "schema", "database", "loader", "tables", "meta", "tags", "config",
                "freshness", "loaded_at_field", "loaded_at_query", "overrides", "quoting"}  # fmt: skip
_TABLE_KEYS = {"name", "description", "key", "files", "stored_as", "ignored_cells", "incremental", "columns", "data_tests", "tests", "freshness", "loaded_at_field",
               "loaded_at_query", "identifier", "meta", "tags", "config", "external", "loader", "quoting"}  # fmt: skip
_TEST_KEYS = {"name", "description", "config", "arguments", "severity", "where", "meta", "tags", "limit", "warn_if",
              "error_if", "fail_calc", "store_failures", "store_failures_as", "enabled", "schema", "alias", "database",
              "group"}  # fmt: skip
_TEST_SETTINGS = _TEST_KEYS - {"name", "description", "config", "arguments"}
_CONSTRAINTS = ("check", "not_null", "unique", "primary_key", "foreign_key", "custom")
_CONSTRAINT_KEYS = {"type", "name", "expression", "columns", "to", "to_columns", "warn_unenforced", "warn_unsupported"}
_UNIT_KEYS = {"name", "model", "description", "given", "expect", "overrides", "config", "versions", "tags", "meta"}
_MACRO_TEST_KEYS = {"name", "macro", "description", "args", "given", "expect", "overrides", "config"}
_GIVEN_KEYS = {"input", "rows", "format", "fixture"}
_EXPECT_KEYS = {"rows", "format", "fixture"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """What a property file says of a model, seed, snapshot, analysis, macro or singular test.

    Attributes:
        kind: `model`, `seed`, `snapshot`, `analysis`, `macro` or `test`.
        relation: of a snapshot written in YAML alone, what it keeps the history of: `ref('x')` or `source('a', 'b')`.
        versions: of a model with versions, each entry as written.
    """

    kind: str
    name: str
    path: PurePosixPath
    place: str
    config: Mapping[str, Any]
    description: str = ""
    columns: tuple[Column, ...] = ()
    constraints: tuple[Mapping[str, Any], ...] = ()
    tests: tuple[GenericTest, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    group: str | None = None
    access: str | None = None
    relation: str | None = None
    latest_version: str | None = None
    versions: tuple[Section, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Properties:
    """What all property files of a package say together.

    Attributes:
        patches: by kind and name.
        exposures: each with what it depends on as written, `ref('x')` or `source('a', 'b')`.
    """

    sources: tuple[SourceTable, ...]
    patches: Mapping[tuple[str, str], Patch]
    unit_tests: tuple[UnitTest, ...]
    exposures: tuple[tuple[Exposure, tuple[str, ...]], ...]
    groups: tuple[Group, ...]


def read_properties(
    files: Iterable[tuple[Path, str]],
    *,
    project: str,
    settings: SettingsRenderer | None = None,
    prefix: PurePosixPath | None = None,
) -> Properties:
    """Reads property files.

    Args:
        files: each file's path and the name that messages give it.
        project: the name of the project or package.
        settings: renders the templates in the files; without it they stay as written.
        prefix: the package's folder, as the names of its files begin; None for the project's own.

    Raises:
        ProjectError: a file is broken, a key unknown, a thing described twice.
    """
    sources: dict[str, SourceTable] = {}
    patches: dict[tuple[str, str], Patch] = {}
    unit_tests: dict[tuple[str, str], UnitTest] = {}
    exposures: dict[str, Exposure] = {}
    needs: dict[str, tuple[str, ...]] = {}
    groups: dict[str, Group] = {}
    for path, name in files:
        document = read_yaml(path, name=name)
        if settings is not None and document.templated:
            document = settings.render(document)
        document.check_keys(_FILE_KEYS, "this file")
        relative = PurePosixPath(name)
        folders = folders_of(relative, prefix)
        for key, kind in _DESCRIBED.items():
            for section in document.sections(key, "this file"):
                patch = _patch(section, relative, kind)
                _once(patches, (kind, patch.name), patch, f'the {kind} "{patch.name}"', patch.place)
        for section in document.sections("sources", "this file"):
            for table in _tables(section, relative, (project, *folders)):
                _once(sources, table.label, table, f'the source "{table.label}"', table.place)
        for section in document.sections("unit_tests", "this file"):
            test = _unit_test(section, relative, project)
            _once(unit_tests, (test.model, test.name), test, f'the unit test "{test.name}"', test.place)
        for section in document.sections("macro_tests", "this file"):
            test = _macro_test(section, relative, project)
            _once(unit_tests, (test.model, test.name), test, f'the test "{test.name}"', test.place)
        for section in document.sections("exposures", "this file"):
            exposure = _exposure(section, relative, (project, *folders))
            _once(exposures, exposure.name, exposure, f'the exposure "{exposure.name}"', exposure.place)
            needs[exposure.name] = section.texts("depends_on", f'exposure "{exposure.name}"')
        for section in document.sections("groups", "this file"):
            group = _group(section, relative, project)
            _once(groups, group.name, group, f'the group "{group.name}"', group.place)
    return Properties(
        sources=tuple(sources.values()),
        patches=patches,
        unit_tests=tuple(unit_tests.values()),
        exposures=tuple((exposure, needs[name]) for name, exposure in exposures.items()),
        groups=tuple(groups.values()),
    )


def folders_of(path: PurePosixPath, prefix: PurePosixPath | None = None) -> tuple[str, ...]:
    """Returns the folders between the first one of a package, e.g. `models`, and a file: part of what dbt calls fqn."""
    inside = path.relative_to(prefix) if prefix is not None else path
    return inside.parts[1:-1]


def _once(found: dict[Any, Any], name: Any, value: Any, what: str, place: str) -> None:
    if name in found:
        raise ProjectError(f"{place}: {what} is described already, in {found[name].place}. Keep one of the two.")
    found[name] = value


def _patch(section: Section, path: PurePosixPath, kind: str) -> Patch:
    name = section.text("name", f"an entry of this file's {kind} list")
    what = f'{kind} "{name}"'
    section.check_keys(_MODEL_KEYS, what)
    columns, column_tests = columns_of(section, what)
    config = dict(section.section("config", what))
    if "tags" in section:
        config["tags"] = [*section.texts("tags", what), *_one_or_more(config.get("tags"))]
    for key in ("docs", "enabled") + (("schema", "alias", "database") if kind == "snapshot" else ()):
        if key in section:
            config.setdefault(key, section[key])
    latest = section.get("latest_version")
    return Patch(
        kind=kind,
        name=name,
        path=path,
        place=section.place(),
        config=config,
        description=section.text("description", what, "").strip(),
        columns=columns,
        constraints=_constraints(section, what),
        tests=(*tests_of(section, what), *column_tests),
        meta={**section.section("meta", what), **(config.get("meta") or {})},
        group=config.get("group", section.get("group")),
        access=config.get("access", section.get("access")),
        relation=section.text("relation", what, "") or None,
        latest_version=None if latest is None else str(latest),
        versions=tuple(section.sections("versions", what)),
    )


def _one_or_more(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _exposure(section: Section, path: PurePosixPath, above: tuple[str, ...]) -> Exposure:
    name = section.text("name", "an exposure")
    what = f'exposure "{name}"'
    section.check_keys(_EXPOSURE_KEYS, what)
    config = dict(section.section("config", what))
    tags = [*section.texts("tags", what), *_one_or_more(config.get("tags"))]
    meta = {**section.section("meta", what), **(config.get("meta") or {})}
    if "enabled" in section:
        config.setdefault("enabled", section["enabled"])
    return Exposure(
        name=name,
        package=above[0],
        path=path,
        place=section.place(),
        fqn=(*above, name),
        type=section.text("type", what),
        owner=dict(section.section("owner", what)),
        config=Config(values={**config, "tags": tags, "meta": meta}),
        label=section.text("label", what, ""),
        description=section.text("description", what, "").strip(),
        url=section.text("url", what, ""),
        maturity=section.text("maturity", what, "") or None,
        meta=meta,
    )


def _group(section: Section, path: PurePosixPath, package: str) -> Group:
    name = section.text("name", "a group")
    what = f'group "{name}"'
    section.check_keys(_GROUP_KEYS, what)
    return Group(
        name=name,
        package=package,
        path=path,
        place=section.place(),
        owner=dict(section.section("owner", what)),
        description=section.text("description", what, "").strip(),
    )


def _tables(section: Section, path: PurePosixPath, above: tuple[str, ...]) -> Iterable[SourceTable]:
    source = section.text("name", "a source")
    what = f'source "{source}"'
    section.check_keys(_SOURCE_KEYS, what)
    check_identifier(source, place=section.place("name"))
    for table in section.sections("tables", what):
        name = table.text("name", f"a table of {what}")
        label = f'table "{source}.{name}"'
        table.check_keys(_TABLE_KEYS, label)
        check_identifier(name, place=table.place("name"))
        columns, column_tests = columns_of(table, label)
        key_holder = _holder("key", table, label)
        key = key_holder.texts("key", label)
        for column in key:
            if columns and column not in {one.name for one in columns}:
                raise FormatError(
                    f'{key_holder.place("key")}: the key of {label} names "{column}", which is none of its columns.'
                )
        table_config = table.section("config", label)
        source_config = section.section("config", what)
        freshness = {**section.section("freshness", what), **source_config.get("freshness", {})}
        freshness |= {**table.section("freshness", label), **table_config.get("freshness", {})}
        if "freshness" in table and table["freshness"] is None:  # dbt's way to say: not this one
            freshness = {}
        loaded_by = table.get("loaded_at_query") or table_config.get("loaded_at_query")
        if not table.get("loaded_at_field"):
            loaded_by = loaded_by or section.get("loaded_at_query") or source_config.get("loaded_at_query")
        loaded_at = None if loaded_by else (
            table.get("loaded_at_field") or table_config.get("loaded_at_field")
            or section.get("loaded_at_field") or source_config.get("loaded_at_field")
        )  # fmt: skip
        yield SourceTable(
            source=source,
            name=name,
            table=TableRef(section.text("schema", what, source), table.text("identifier", label, name)),
            path=path,
            place=table.place(),
            fqn=(*above, source, name),
            config=_table_config(section, source_config, table, table_config),
            store=_holder("store", section, what).text("store", what, ""),
            loader=str(table.get("loader") or section.get("loader") or ""),
            key=key,
            files=_holder("files", table, label).get("files"),
            stored_as=_holder("stored_as", table, label).text("stored_as", label, "") or None,
            ignored_cells=_holder("ignored_cells", table, label).texts("ignored_cells", label),
            incremental=_holder("incremental", table, label).section("incremental", label),
            description=table.text("description", label, "").strip(),
            source_description=section.text("description", what, "").strip(),
            columns=columns,
            tests=(*tests_of(table, label), *column_tests),
            loaded_at_field=loaded_at,
            loaded_at_query=loaded_by,
            freshness=freshness,
            tags=(
                *section.texts("tags", what),
                *table.texts("tags", label),
                *map(str, [*_one_or_more(source_config.get("tags")), *_one_or_more(table_config.get("tags"))]),
            ),
            meta={**section.section("meta", what), **table.section("meta", label)},
        )


def _table_config(source: Section, source_config: Section, table: Section, table_config: Section) -> dict[str, Any]:
    """Returns the settings of a table: its source's, and its own on top."""
    config = {**source_config, **table_config}
    for key in ("enabled", "event_time"):
        for section in (source, table):
            if key in section:
                config[key] = section[key]
    if isinstance(source_config.get("meta"), dict) and isinstance(table_config.get("meta"), dict):
        config["meta"] = {**source_config["meta"], **table_config["meta"]}
    tags = [*_one_or_more(source_config.get("tags")), *_one_or_more(table_config.get("tags"))]
    return {**config, "tags": tags} if tags else config


def _holder(key: str, section: Section, what: str) -> Section:
    """Returns where a key of landing stands: among the others, or under `meta`, the place that dbt leaves free."""
    if key in section:
        return section
    for meta in (section.section("meta", what), section.section("config", what).section("meta", what)):
        if key in meta:
            return meta
    return section


def columns_of(section: Section, what: str) -> tuple[tuple[Column, ...], list[GenericTest]]:
    """Returns the columns that a section describes and the checks written at them; `what` names it in messages."""
    columns: dict[str, Column] = {}
    tests: list[GenericTest] = []
    for item in section.sections("columns", what):
        if "include" in item:  # of a version: which columns it takes over
            continue
        name = item.text("name", f"a column of {what}")
        label = f'column "{name}" of {what}'
        item.check_keys(_COLUMN_KEYS, label)
        if name in columns:
            raise FormatError(f"{item.place()}: {label} is described twice. Keep one of the two.")
        columns[name] = Column(
            name=name,
            data_type=item.text("data_type", label, "") or None,
            description=item.text("description", label, "").strip(),
            constraints=_constraints(item, label),
            aliases=_holder("aliases", item, label).texts("aliases", label),
            cells=_holder("cells", item, label).texts("cells", label),
            codec=_holder("codec", item, label).text("codec", label, "") or None,
            meta={**item.section("meta", label), **item.section("config", label).section("meta", label)},
            tags=item.texts("tags", label),
        )
        tests += tests_of(item, label, name)
    return tuple(columns.values()), tests


def _constraints(section: Section, what: str) -> tuple[Mapping[str, Any], ...]:
    found = section.sections("constraints", what)
    for one in found:
        one.check_keys(_CONSTRAINT_KEYS, f"a constraint of {what}")
        kind = one.text("type", f"a constraint of {what}")
        if kind not in _CONSTRAINTS:
            raise NotFoundError(
                f'{one.place("type")}: "{kind}" is no kind of constraint. It is one of: {", ".join(_CONSTRAINTS)}.',
                name=kind,
                known=_CONSTRAINTS,
            )
        if kind == "check" and not one.get("expression"):
            raise FormatError(f'{one.place()}: a check of {what} needs an expression, e.g. expression: "total >= 0".')
    return tuple(dict(one) for one in found)


def tests_of(section: Section, what: str, column: str | None = None) -> list[GenericTest]:
    """Returns the checks that a section writes; `what` names it in messages."""
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
    config = {key: value for key, value in body.items() if key in _TEST_SETTINGS} | body.section("config", what)
    arguments = dict(body.section("arguments", what))
    arguments |= {key: value for key, value in body.items() if key not in _TEST_KEYS}
    severity = str(config.get("severity", "error")).lower()
    if severity not in ("error", "warn"):
        raise FormatError(f'{place}: the severity of a check is "error" or "warn", not "{severity}".')
    checked: Severity = "warn" if severity == "warn" else "error"
    return GenericTest(
        type=kind,
        column=column or arguments.pop("column_name", None),
        arguments=arguments,
        severity=checked,
        where=config.get("where"),
        name=body.get("name"),
        place=place,
        config=config,
        description=str(body.get("description") or "").strip(),
    )


def _unit_test(section: Section, path: PurePosixPath, package: str) -> UnitTest:
    name = section.text("name", "a unit test")
    what = f'unit test "{name}"'
    section.check_keys(_UNIT_KEYS, what)
    given = []
    for item in section.sections("given", what):
        item.check_keys(_GIVEN_KEYS, f"an input of {what}")
        given.append((item.text("input", f"an input of {what}"), _rows(item, what)))
    expect = section.section("expect", what)
    expect.check_keys(_EXPECT_KEYS, f"the expected rows of {what}")
    overrides = section.section("overrides", what)
    overrides.check_keys({"vars", "macros", "env_vars"}, f"the overrides of {what}")
    return UnitTest(
        name=name,
        model=section.text("model", what),
        given=tuple(given),
        expect=_rows(expect, what),
        vars=dict(overrides.section("vars", what)),
        macros=dict(overrides.section("macros", what)),
        env_vars=dict(overrides.section("env_vars", what)),
        description=section.text("description", what, "").strip(),
        place=section.place(),
        package=package,
        path=path,
        config=dict(section.section("config", what)),
    )


def _macro_test(section: Section, path: PurePosixPath, package: str) -> UnitTest:
    name = section.text("name", "a test of a macro")
    what = f'test "{name}"'
    section.check_keys(_MACRO_TEST_KEYS, what)
    expect = section.section("expect", what)
    expect.check_keys({*_EXPECT_KEYS, "text"}, f"what {what} expects")
    if ("text" in expect) == bool(_EXPECT_KEYS & set(expect)):
        raise FormatError(f"{section.place('expect')}: {what} expects a text, or rows: one of the two.")
    given = section.section("given", what)
    given.check_keys(_EXPECT_KEYS, f"the rows of {what}")
    overrides = section.section("overrides", what)
    overrides.check_keys({"vars", "macros", "env_vars"}, f"the overrides of {what}")
    arguments = section.get("args", [])
    return UnitTest(
        name=name,
        model=section.text("macro", what),
        is_of_macro=True,
        arguments=arguments if isinstance(arguments, (list, dict)) else [arguments],
        text=str(expect["text"]) if "text" in expect else None,
        given=(("rows", _rows(given, what)),) if given else (),
        expect=Rows(place=section.place()) if "text" in expect else _rows(expect, what),
        vars=dict(overrides.section("vars", what)),
        macros=dict(overrides.section("macros", what)),
        env_vars=dict(overrides.section("env_vars", what)),
        description=section.text("description", what, "").strip(),
        place=section.place(),
        package=package,
        path=path,
        config=dict(section.section("config", what)),
    )


def _rows(section: Section, what: str) -> Rows:
    place = section.place()
    fixture = section.text("fixture", what, "") or None
    written = section.get("format", "csv" if fixture else "dict")
    if written not in ("dict", "csv", "sql"):
        raise FormatError(
            f"{section.place('format')}: the format of rows of {what} is dict, csv or sql, not {written}."
        )
    if fixture is not None:
        if "rows" in section:
            raise FormatError(f"{place}: {what} gives rows and a fixture. Keep one of the two.")
        if written == "dict":
            raise FormatError(f"{section.place('format')}: a fixture of {what} is csv or sql.")
        return Rows(format=written, fixture=fixture, place=place)
    if written == "dict":
        return Rows(mappings=tuple(section.sections("rows", what)), place=place)
    return Rows(format=written, text=section.text("rows", what), place=place)
