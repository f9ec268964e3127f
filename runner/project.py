"""Reads a project's folder: the project file, property files, models and macros, as values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from runner.documents import Section, read_yaml
from runner.errors import FormatError, NotFoundError, ProjectError
from runner.model import Macro, SourceTable, UnitTest
from runner.properties import Patch, read_properties

PROJECT_FILES = ("project.yml", "dbt_project.yml")
_PROJECT_KEYS = {
    "name", "version", "config-version", "profile", "model-paths", "macro-paths", "seed-paths", "test-paths",
    "snapshot-paths", "analysis-paths", "asset-paths", "docs-paths", "suite-paths", "target-path", "clean-targets",
    "require-dbt-version", "vars", "models", "sources", "seeds", "snapshots", "data_tests", "tests", "flags", "on-run-start",
    "on-run-end", "dispatch", "query-comment", "packages-install-path", "targets", "default_target",
}  # fmt: skip
_TARGET_KEYS = {"warehouse", "data", "threads", "schema", "master", "spark", "description", "stores"}
_MACRO = re.compile(r"\{%-?\s*macro\s+([A-Za-z_]\w*)\s*\(")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a command works: a warehouse, a folder of input files, a Spark.

    Attributes:
        warehouse: the folder of all tables.
        data: the folder of the files that `run generate` writes and `run ingest` lands.
        schema: the schema of models that name none.
        master: where Spark runs; None for this machine.
        spark: further settings of Spark.
        stores: how MongoDB and HBase are reached, as written: values may be templates with `env_var`, rendered only by
            the commands that connect. Empty where the target lands files only.
        place: file and line of the target.
    """

    name: str
    warehouse: Path
    data: Path
    threads: int = 4
    schema: str = "main"
    master: str | None = None
    spark: Mapping[str, str] = field(default_factory=dict)
    stores: Mapping[str, Any] = field(default_factory=dict)
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """A model's file before it is rendered."""

    name: str
    path: PurePosixPath
    folders: tuple[str, ...]
    raw_sql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """All that a project's files say, before any SQL is rendered.

    Attributes:
        model_config: the `models:` tree of the project file.
        patches: what property files say of a model, by its name.
    """

    root: Path
    name: str
    project_file: str
    vars: Mapping[str, Any]
    model_config: Section
    target: Target
    targets: tuple[str, ...]
    sql_files: tuple[SourceFile, ...]
    macros: tuple[Macro, ...]
    sources: tuple[SourceTable, ...]
    patches: Mapping[str, Patch]
    unit_tests: tuple[UnitTest, ...]
    suite_paths: tuple[Path, ...]

    @property
    def target_folder(self) -> Path:
        """Where artifacts, compiled SQL and reports are written."""
        return self.root / "target"


def find_root(start: Path) -> Path:
    """Returns the project's folder: `start` or the nearest folder above it that holds a project file.

    Raises:
        ProjectError: there is none.
    """
    for folder in (start, *start.parents):
        if any((folder / name).is_file() for name in PROJECT_FILES):
            return folder
    raise ProjectError(
        "no project here: neither this folder nor one above it has project.yml. Go there, or pass --project-dir."
    )


def read_files(root: Path, *, target: str | None = None, variables: Mapping[str, Any] | None = None) -> Files:
    """Reads the project in `root`.

    Args:
        root: the folder of the project file.
        target: the target's name; the project's default where None.
        variables: values from the command line; they win over the project's.

    Raises:
        ProjectError: a file is broken, a key unknown, a name taken twice, the target missing.
    """
    name = next((file for file in PROJECT_FILES if (root / file).is_file()), None)
    if name is None:
        raise ProjectError(f"{root}: no project here: this folder has no project.yml. Pass another --project-dir.")
    document = read_yaml(root / name, name=name)
    document.check_keys(_PROJECT_KEYS, "the project")
    project = document.text("name", "the project")
    model_paths = document.texts("model-paths", "the project") or ("models",)
    macro_paths = document.texts("macro-paths", "the project") or ("macros",)
    suite_paths = document.texts("suite-paths", "the project") or ("expectations/suites",)
    chosen, names = _target(document, root, target)
    properties = read_properties(_property_files(root, model_paths), project=project)
    return Files(
        root=root,
        name=project,
        project_file=name,
        vars=_variables(document, project, variables or {}),
        model_config=document.section("models", "the project"),
        target=chosen,
        targets=names,
        sql_files=tuple(_sql_files(root, model_paths)),
        macros=tuple(_macros(root, macro_paths)),
        sources=properties.sources,
        patches=properties.patches,
        unit_tests=properties.unit_tests,
        suite_paths=tuple(root / path for path in suite_paths),
    )


def _variables(document: Section, project: str, given: Mapping[str, Any]) -> dict[str, Any]:
    declared = document.section("vars", "the project")
    own = declared.get(project)
    values = {key: value for key, value in declared.items() if key != project}
    if isinstance(own, dict):
        values |= own
    return values | dict(given)


def _target(document: Section, root: Path, wanted: str | None) -> tuple[Target, tuple[str, ...]]:
    targets = document.section("targets", "the project")
    names = tuple(targets) or ("dev",)
    default = document.text("default_target", "the project", names[0])
    name = wanted or default
    if name not in names:
        raise NotFoundError(
            f'{document.place("targets")}: no target is named "{name}". Targets: {", ".join(names)}.',
            name=name,
            known=names,
        )
    what = f'target "{name}"'
    section = targets.section(name, "the targets")
    section.check_keys(_TARGET_KEYS, what)
    threads = section.get("threads", 4)
    if not isinstance(threads, int) or isinstance(threads, bool) or threads < 1:
        raise FormatError(f'{section.place("threads")}: "threads" of {what} is a whole number from 1.')
    return (
        Target(
            name=name,
            warehouse=root / section.text("warehouse", what, "warehouse"),
            data=root / section.text("data", what, "data/raw"),
            threads=threads,
            schema=section.text("schema", what, "main"),
            master=section.get("master"),
            spark={key: str(value) for key, value in section.section("spark", what).items()},
            stores=section.section("stores", what),
            place=section.place("stores"),
        ),
        names,
    )


def _property_files(root: Path, model_paths: tuple[str, ...]) -> list[tuple[Path, str]]:
    found = [root / "sources.yml"] if (root / "sources.yml").is_file() else []
    for folder in model_paths:
        found += sorted(path for end in ("*.yml", "*.yaml") for path in (root / folder).rglob(end))
    return [(path, path.relative_to(root).as_posix()) for path in found]


def _sql_files(root: Path, model_paths: tuple[str, ...]) -> Iterator[SourceFile]:
    seen: dict[str, PurePosixPath] = {}
    for folder in model_paths:
        for path in sorted((root / folder).rglob("*.sql")):
            relative = PurePosixPath(path.relative_to(root).as_posix())
            name = path.stem
            if name in seen:
                raise ProjectError(
                    f'{relative}: the model "{name}" exists already, in {seen[name]}. Rename one of the two files.'
                )
            seen[name] = relative
            yield SourceFile(
                name=name,
                path=relative,
                folders=path.relative_to(root / folder).parent.parts,
                raw_sql=_read(path, relative),
            )


def _macros(root: Path, macro_paths: tuple[str, ...]) -> Iterator[Macro]:
    seen: dict[str, PurePosixPath] = {}
    for folder in macro_paths:
        for path in sorted((root / folder).rglob("*.sql")):
            relative = PurePosixPath(path.relative_to(root).as_posix())
            source = _read(path, relative)
            for name in _MACRO.findall(source):
                if name in seen:
                    raise ProjectError(
                        f'{relative}: the macro "{name}" exists already, in {seen[name]}. Rename one of the two.'
                    )
                seen[name] = relative
                yield Macro(name=name, path=relative, source=source)


def _read(path: Path, relative: PurePosixPath) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise FormatError(f"{relative}:{line}: this is not UTF-8 text. Save the file as UTF-8.") from error
