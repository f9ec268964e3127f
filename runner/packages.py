"""A package as its files say: the project itself, and each package that is installed in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from runner.blocks import find_blocks
from runner.documents import Section, read_yaml
from runner.errors import FormatError, ProjectError
from runner.jinja.macros import read_macros
from runner.model import Macro
from runner.properties import Properties, read_properties

PROJECT_FILES = ("project.yml", "dbt_project.yml")
FileKind = Literal["model", "python", "seed", "snapshot", "test", "analysis"]
TREES = {"models": "model", "seeds": "seed", "snapshots": "snapshot", "data_tests": "test", "tests": "test",
         "sources": "source", "analyses": "analysis", "exposures": "exposure", "unit_tests": "unit_test"}  # fmt: skip
_PROJECT_KEYS = {
    "name", "version", "config-version", "profile", "model-paths", "macro-paths", "seed-paths", "test-paths",
    "snapshot-paths", "analysis-paths", "asset-paths", "docs-paths", "suite-paths", "target-path", "clean-targets",
    "require-dbt-version", "vars", "flags", "on-run-start", "on-run-end", "dispatch", "query-comment", "quoting",
    "packages-install-path", "targets", "default_target", "default_defer_target", "log-path", "metrics", "semantic-models", "saved-queries",
    "restrict-access", "dbt-cloud", "function-paths", "functions", *TREES,
}  # fmt: skip
_PATHS = {"model": "models", "macro": "macros", "seed": "seeds", "snapshot": "snapshots", "test": "tests",
          "analysis": "analyses", "docs": ""}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """A node's file before it is rendered; each snapshot block is one.

    Attributes:
        kind: what it is; `python` for a model in Python.
        path: relative to the project.
        folders: the folders between the path of its kind and the file.
        raw_sql: its text, empty for a seed.
    """

    kind: FileKind
    name: str
    path: PurePosixPath
    folders: tuple[str, ...]
    raw_sql: str
    package: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """What the files of a package say, before any template is rendered.

    Attributes:
        root: its folder.
        document: its project file.
        paths: the folders of each kind of file, relative to the package.
        trees: the settings of the project file for each type of node, e.g. `model` for `models:`.
    """

    name: str
    root: Path
    document: Section
    paths: Mapping[str, tuple[str, ...]]
    trees: Mapping[str, Section]
    files: tuple[SourceFile, ...]
    macros: tuple[Macro, ...]
    properties: Properties
    vars: Mapping[str, Any] = field(default_factory=dict)

    @property
    def suite_paths(self) -> tuple[Path, ...]:
        paths = self.document.texts("suite-paths", "the project") or ("expectations/suites",)
        return tuple(self.root / path for path in paths)


def project_file(root: Path) -> str | None:
    """Returns the name of the project file in `root`; None where there is none."""
    return next((name for name in PROJECT_FILES if (root / name).is_file()), None)


def read_package(root: Path, *, base: Path) -> Package:
    """Reads the package in `root`.

    Args:
        root: the folder of its project file.
        base: the project's folder, which messages' paths are relative to.

    Raises:
        ProjectError: a file is broken, a key unknown, a name taken twice.
    """
    name = project_file(root)
    if name is None:
        raise ProjectError(f"{root}: no project here: this folder has no project.yml. Pass another --project-dir.")
    document = read_yaml(root / name, name=(root / name).relative_to(base).as_posix())
    document.check_keys(_PROJECT_KEYS, "the project")
    package = document.text("name", "the project")
    paths = {
        kind: document.texts(f"{kind}-paths", "the project") or ((default,) if default else ())
        for kind, default in _PATHS.items()
    }
    return Package(
        name=package,
        root=root,
        document=document,
        paths=paths,
        trees={kind: document.section(key, "the project") for key, kind in TREES.items() if document.get(key)},
        files=tuple(_files(root, base, paths, package)),
        macros=tuple(_macros(root, base, paths, package)),
        properties=read_properties(_property_files(root, base, paths), project=package),
        vars=document.section("vars", "the project"),
    )


def _files(root: Path, base: Path, paths: Mapping[str, tuple[str, ...]], package: str) -> Iterator[SourceFile]:
    seen: dict[tuple[str, str], PurePosixPath] = {}
    for file in _unchecked_files(root, base, paths, package):
        kind = "test" if file.kind == "test" else "analysis" if file.kind == "analysis" else "table"
        if (kind, file.name) in seen:
            what = "model" if file.kind == "python" else file.kind
            raise ProjectError(
                f'{file.path}: the {what} "{file.name}" exists already, in {seen[kind, file.name]}. '
                "Rename one of the two files."
            )
        seen[kind, file.name] = file.path
        yield file


def _unchecked_files(
    root: Path, base: Path, paths: Mapping[str, tuple[str, ...]], package: str
) -> Iterator[SourceFile]:
    kinds: tuple[tuple[FileKind, str, str], ...] = (
        ("model", "model", ".sql"),
        ("python", "model", ".py"),
        ("seed", "seed", ".csv"),
        ("snapshot", "snapshot", ".sql"),
        ("test", "test", ".sql"),
        ("analysis", "analysis", ".sql"),
    )
    for kind, of, ending in kinds:
        for folder in paths[of]:
            for path in sorted((root / folder).rglob(f"*{ending}")):
                folders = path.relative_to(root / folder).parent.parts
                if path.name.startswith((".", "#", "~", "__init__")) or (
                    kind == "test" and folders[:1] == ("generic",)
                ):
                    continue
                relative = PurePosixPath(path.relative_to(base).as_posix())
                text = "" if kind == "seed" else _read(path, relative)
                if kind != "snapshot":
                    yield SourceFile(
                        kind=kind, name=path.stem, path=relative, folders=folders, raw_sql=text, package=package
                    )
                    continue
                for block in find_blocks(text, ("snapshot",), str(relative)):
                    before = "\n" * (block.line - 1)  # so that lines in messages are those of the file
                    yield SourceFile(
                        kind=kind,
                        name=block.name,
                        path=relative,
                        folders=(*folders, path.stem),
                        raw_sql=before + block.text,
                        package=package,
                    )


def _macros(root: Path, base: Path, paths: Mapping[str, tuple[str, ...]], package: str) -> Iterator[Macro]:
    seen: dict[str, PurePosixPath] = {}
    folders = [*paths["macro"], *(f"{folder}/generic" for folder in paths["test"])]
    for folder in folders:
        for path in sorted((root / folder).rglob("*.sql")):
            relative = PurePosixPath(path.relative_to(base).as_posix())
            for macro in read_macros(_read(path, relative), relative, package):
                if macro.name in seen:
                    raise ProjectError(
                        f'{relative}:{macro.line}: the macro "{macro.name}" exists already, in {seen[macro.name]}. '
                        "Rename one of the two."
                    )
                seen[macro.name] = relative
                yield macro


def _property_files(root: Path, base: Path, paths: Mapping[str, tuple[str, ...]]) -> list[tuple[Path, str]]:
    found = {path: None for path in [root / "sources.yml"] if path.is_file()}
    for folder in dict.fromkeys(folder for of in paths.values() for folder in of):
        found |= dict.fromkeys(sorted(path for end in ("*.yml", "*.yaml") for path in (root / folder).rglob(end)))
    return [(path, path.relative_to(base).as_posix()) for path in found]


def _read(path: Path, relative: PurePosixPath) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise FormatError(f"{relative}:{line}: this is not UTF-8 text. Save the file as UTF-8.") from error
