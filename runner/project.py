"""Reads a project's folder: its target, its variables, its own files and those of its packages, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner.documents import Section
from runner.errors import FormatError, NotFoundError, ProjectError
from runner.model import Macro, UnitTest
from runner.packages import PROJECT_FILES, Package, read_package

_TARGET_KEYS = {"warehouse", "data", "threads", "schema", "master", "spark", "description", "stores"}


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
class Files:
    """All that a project's files say, before any template is rendered.

    Attributes:
        packages: the project's own files first, then those of the packages that are installed in it.
        vars: the project's variables, those of the command line on top.
    """

    root: Path
    name: str
    project_file: str
    vars: Mapping[str, Any]
    target: Target
    targets: tuple[str, ...]
    packages: tuple[Package, ...]

    @property
    def own(self) -> Package:
        """The project itself as a package."""
        return self.packages[0]

    @property
    def macros(self) -> tuple[Macro, ...]:
        return tuple(macro for package in self.packages for macro in package.macros)

    @property
    def unit_tests(self) -> tuple[UnitTest, ...]:
        return tuple(test for package in self.packages for test in package.properties.unit_tests)

    @property
    def suite_paths(self) -> tuple[Path, ...]:
        return self.own.suite_paths

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
    own = read_package(root, base=root)
    chosen, names = _target(own.document, root, target)
    return Files(
        root=root,
        name=own.name,
        project_file=own.document.file,
        vars=_variables(own.document, own.name, variables or {}),
        target=chosen,
        targets=names,
        packages=(own,),
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
