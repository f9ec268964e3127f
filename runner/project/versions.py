"""Models with versions: each entry under `versions` is a model of its own, in a file of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from runner.documents import Section
from runner.errors import FormatError, NotFoundError
from runner.model import Column
from runner.project.configs import merge_config
from runner.project.packages import Package
from runner.project.properties import Patch, columns_of, tests_of

_KEYS = {"v", "defined_in", "columns", "description", "config", "data_tests", "tests", "access", "deprecation_date",
         "constraints", "docs"}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of a model.

    Attributes:
        name: the model's name, without version.
        patch: what the property file says of this version.
    """

    name: str
    version: str
    latest: str
    patch: Patch


def versions_of(packages: Sequence[Package]) -> dict[tuple[str, str], Version]:
    """Returns the versions of all models by package and name of the file that holds each.

    Raises:
        FormatError: an entry has no `v`.
        NotFoundError: the file of a version is missing.
    """
    found: dict[tuple[str, str], Version] = {}
    for package in packages:
        files = {file.name for file in package.files if file.kind in ("model", "python")}
        for (kind, name), patch in package.properties.patches.items():
            if kind != "model" or not patch.versions:
                continue
            latest = patch.latest_version or _newest(patch)
            for entry in patch.versions:
                version = _label(entry, name)
                file = entry.text("defined_in", f'a version of model "{name}"', f"{name}_v{version}")
                if file not in files and version == latest and name in files:
                    file = name
                if file not in files:
                    raise NotFoundError(
                        f'{entry.place()}: version {version} of model "{name}" stands in no file {file}.sql.',
                        name=file,
                        known=files,
                    )
                found[package.name, file] = Version(
                    name=name, version=version, latest=latest, patch=_patch(patch, entry, version)
                )
    return found


def _label(entry: Section, name: str) -> str:
    entry.check_keys(_KEYS, f'a version of model "{name}"')
    if entry.get("v") is None:
        raise FormatError(f'{entry.place()}: a version of model "{name}" needs "v".')
    return str(entry["v"])


def _newest(patch: Patch) -> str:
    labels = [_label(entry, patch.name) for entry in patch.versions]
    return max(labels, key=_order)


def _order(label: str) -> tuple[int, float, str]:
    try:
        return 1, float(label), label
    except ValueError:
        return 0, 0.0, label


def _patch(patch: Patch, entry: Section, version: str) -> Patch:
    what = f'version {version} of model "{patch.name}"'
    columns, own_tests = columns_of(entry, what)
    config: Mapping[str, Any] = merge_config(patch.config, entry.section("config", what))
    kept, left_out = _included(entry, patch.columns)
    names = {column.name for column in (*kept, *columns)}
    inherited = [
        test
        for test in patch.tests
        if (test.column is None and "data_tests" not in entry and "tests" not in entry)
        or (test.column in names and test.column not in left_out and test.column not in {one.name for one in columns})
    ]
    return replace(
        patch,
        config=config,
        description=entry.text("description", what, patch.description).strip(),
        columns=(*(column for column in kept if column.name not in {one.name for one in columns}), *columns),
        tests=(*inherited, *tests_of(entry, what), *own_tests),
        access=entry.get("access", patch.access),
    )


def _included(entry: Section, columns: tuple[Column, ...]) -> tuple[tuple[Column, ...], set[str]]:
    """Returns the model's columns that a version takes over, and the names of those that it leaves out."""
    for item in entry.get("columns") or ():
        if isinstance(item, Section) and "include" in item:
            excluded = set(item.texts("exclude", "columns"))
            wanted = None if item["include"] in ("all", "*") else set(item.texts("include", "columns"))
            kept = tuple(one for one in columns if one.name not in excluded and (wanted is None or one.name in wanted))
            return kept, {one.name for one in columns} - {one.name for one in kept}
    return columns, set()
