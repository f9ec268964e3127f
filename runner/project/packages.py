"""A package as its files say: the project itself, and each package that is installed in it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Literal

from runner.documents import Section, read_yaml
from runner.errors import FormatError, ProjectError
from runner.jinja.blocks import find_blocks
from runner.jinja.macros import read_macros
from runner.jinja.settings import SettingsRenderer
from runner.model import Config, Macro
from runner.project.dashboards import Dashboard, read_dashboards
from runner.project.properties import Properties, read_properties
from runner.project.root import PROJECT_FILES
from runner.recall import note_folder, note_text

FileKind = Literal["model", "python", "seed", "snapshot", "test", "analysis"]
TREES = {"models": "model", "seeds": "seed", "snapshots": "snapshot", "data_tests": "test", "tests": "test",
         "sources": "source", "analyses": "analysis", "exposures": "exposure", "unit_tests": "unit_test"}  # fmt: skip
_PROJECT_KEYS = {
    "name", "version", "config-version", "profile", "model-paths", "macro-paths", "seed-paths", "test-paths",
    "snapshot-paths", "analysis-paths", "dashboard-paths", "asset-paths", "docs-paths", "suite-paths", "target-path", "clean-targets",
    "require-dbt-version", "vars", "flags", "on-run-start", "on-run-end", "dispatch", "query-comment", "quoting",
    "packages-install-path", "targets", "publish", "default_target", "default_defer_target", "log-path", "metrics", "semantic-models", "saved-queries",
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
class DocsBlock:
    """A text that descriptions name by `{{ doc('…') }}`."""

    name: str
    text: str
    path: PurePosixPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """What the files of a package say, before any template is rendered.

    Attributes:
        root: its folder.
        prefix: the same, relative to the project.
        document: its project file.
        paths: the folders of each kind of file, relative to the package.
        trees: the settings of the project file for each type of node, e.g. `model` for `models:`.
        docs: each docs block by its name.
        dashboards: of the project itself; those of other packages are not read.
    """

    name: str
    root: Path
    prefix: PurePosixPath
    document: Section
    paths: Mapping[str, tuple[str, ...]]
    trees: Mapping[str, Section]
    files: tuple[SourceFile, ...]
    macros: tuple[Macro, ...]
    properties: Properties
    docs: Mapping[str, DocsBlock] = field(default_factory=dict)
    dashboards: tuple[Dashboard, ...] = ()

    @property
    def suite_paths(self) -> tuple[Path, ...]:
        paths = self.document.texts("suite-paths", "the project") or ("expectations/suites",)
        return tuple(self.root / path for path in paths)


def project_file(root: Path) -> str | None:
    """Returns the name of the project file in `root`; None where there is none."""
    return next((name for name in PROJECT_FILES if (root / name).is_file()), None)


def shown(path: Path, base: Path) -> str:
    """Returns a path as messages name it: relative to the project, also where it lies outside."""
    return Path(os.path.relpath(path, base)).as_posix()


def read_document(root: Path, *, base: Path) -> Section:
    """Reads the project file in `root`.

    Raises:
        ProjectError: there is none, it is broken, or it has an unknown key.
    """
    name = project_file(root)
    if name is None:
        raise ProjectError(f"{root}: no project here: this folder has no project.yml. Pass another --project-dir.")
    document = read_yaml(root / name, name=shown(root / name, base))
    document.check_keys(_PROJECT_KEYS, "the project")
    return document


def read_package(root: Path, document: Section, *, base: Path, settings: SettingsRenderer) -> Package:
    """Reads the package in `root`.

    Args:
        root: the folder of its project file.
        document: its project file.
        base: the project's folder, which messages' paths are relative to.
        settings: renders the templates in its YAML files.

    Raises:
        ProjectError: a file is broken, a key unknown, a name taken twice.
    """
    document = settings.render(document)
    package = document.text("name", "the project")
    paths = {
        kind: document.texts(f"{kind}-paths", "the project") or ((default,) if default else ())
        for kind, default in _PATHS.items()
    }
    found = Found(root, base, paths)
    properties = read_properties(
        found.property_files(), project=package, settings=settings, prefix=PurePosixPath(shown(root, base))
    )
    return Package(
        name=package,
        root=root,
        prefix=PurePosixPath(shown(root, base)),
        document=document,
        paths=paths,
        trees={kind: document.section(key, "the project") for key, kind in TREES.items() if document.get(key)},
        files=tuple(_files(found, package)),
        macros=tuple(_macros(found, package, properties)),
        properties=properties,
        docs=_docs(found),
        dashboards=_dashboards(found, document, settings) if root == base else (),
    )


class Found:
    """The files below a package's paths; each folder is walked once.

    Args:
        root: the package's folder.
        base: the project's folder.
        paths: the folders of each kind of file.
    """

    def __init__(self, root: Path, base: Path, paths: Mapping[str, tuple[str, ...]]) -> None:
        self.root = root
        self.paths = paths
        self._prefix = PurePosixPath(shown(root, base))
        self._known: dict[str, list[tuple[str, tuple[str, ...]]]] = {}

    def below(self, folder: str, *endings: str) -> Iterator[tuple[Path, PurePosixPath, tuple[str, ...]]]:
        """Yields each file with one of the endings: its path, its path in messages, the folders in between."""
        if folder not in self._known:
            note_folder(self.root / folder)
            self._known[folder] = sorted(_walk(f"{self.root}{os.sep}{folder}"), key=_by_path)
        top = self._prefix / folder
        for name, folders in self._known[folder]:
            if name.endswith(endings) and not name.startswith((".", "#", "~")):
                yield self.root.joinpath(folder, *folders, name), top.joinpath(*folders, name), folders

    def property_files(self) -> list[tuple[Path, str]]:
        """Returns the YAML files of all paths, and sources.yml beside the project file."""
        own = self.root / "sources.yml"
        found = {own: str(self._prefix / "sources.yml")} if own.is_file() else {}
        for folder in dict.fromkeys(folder for of in self.paths.values() for folder in of):
            found |= {path: str(relative) for path, relative, _ in self.below(folder, ".yml", ".yaml")}
        return list(found.items())

    def read(self, path: Path, relative: PurePosixPath) -> str:
        """Returns a file's text; raises FormatError where it is none."""
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            raise FormatError(f"{relative}:{line}: this is not UTF-8 text. Save the file as UTF-8.") from error
        note_text(path, text)
        return text


def _by_path(found: tuple[str, tuple[str, ...]]) -> tuple[str, ...]:
    return (*found[1], found[0])


def _walk(top: str, folders: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
    try:
        entries = list(os.scandir(top))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if entry.is_dir():
            yield from _walk(entry.path, (*folders, entry.name))
        else:
            yield entry.name, folders


def _dashboards(found: Found, document: Section, settings: SettingsRenderer) -> tuple[Dashboard, ...]:
    others = {folder for of in found.paths.values() for folder in of}
    folders = document.texts("dashboard-paths", "the project") or ("dashboards",)
    files = [file for folder in folders if folder not in others for file in found.below(folder, ".yml", ".yaml")]
    return read_dashboards(files, settings=settings, strict=not document.file.endswith("dbt_project.yml"))


def _docs(found: Found) -> dict[str, DocsBlock]:
    docs: dict[str, DocsBlock] = {}
    for folder in dict.fromkeys(folder for of in found.paths.values() for folder in of):
        for path, relative, _ in found.below(folder, ".md"):
            text = found.read(path, relative)
            for block in find_blocks(text, ("docs",), str(relative)):
                docs[block.name] = DocsBlock(name=block.name, text=block.text.strip(), path=relative)
    return docs


def _files(found: Found, package: str) -> Iterator[SourceFile]:
    seen: dict[tuple[str, str], PurePosixPath] = {}
    for file in _unchecked_files(found, package):
        kind = "test" if file.kind == "test" else "analysis" if file.kind == "analysis" else "table"
        if (kind, file.name) in seen:
            what = "model" if file.kind == "python" else file.kind
            raise ProjectError(
                f'{file.path}: the {what} "{file.name}" exists already, in {seen[kind, file.name]}. '
                "Rename one of the two files."
            )
        seen[kind, file.name] = file.path
        yield file


_KINDS: tuple[tuple[FileKind, str, str], ...] = (
    ("model", "model", ".sql"),
    ("python", "model", ".py"),
    ("seed", "seed", ".csv"),
    ("snapshot", "snapshot", ".sql"),
    ("test", "test", ".sql"),
    ("analysis", "analysis", ".sql"),
)


def _unchecked_files(found: Found, package: str) -> Iterator[SourceFile]:
    for kind, of, ending in _KINDS:
        for folder in found.paths[of]:
            for path, relative, folders in found.below(folder, ending):
                if path.name == "__init__.py" or (kind == "test" and folders[:1] in (("generic",), ("fixtures",))):
                    continue
                text = "" if kind == "seed" else found.read(path, relative)
                if kind == "snapshot":
                    yield from _snapshots(text, relative, folders, package)
                    continue
                yield SourceFile(
                    kind=kind, name=path.stem, path=relative, folders=folders, raw_sql=text, package=package
                )


def _snapshots(text: str, path: PurePosixPath, folders: tuple[str, ...], package: str) -> Iterator[SourceFile]:
    for block in find_blocks(text, ("snapshot",), str(path)):
        before = "\n" * (block.line - 1)  # so that lines in messages are those of the file
        yield SourceFile(
            kind="snapshot",
            name=block.name,
            path=path,
            folders=(*folders, path.stem),
            raw_sql=before + block.text,
            package=package,
        )


def _macros(found: Found, package: str, properties: Properties) -> Iterator[Macro]:
    seen: dict[str, PurePosixPath] = {}
    for folder in [*found.paths["macro"], *(f"{folder}/generic" for folder in found.paths["test"])]:
        for path, relative, _ in found.below(folder, ".sql"):
            for macro in read_macros(found.read(path, relative), relative, package):
                if macro.name in seen:
                    raise ProjectError(
                        f'{relative}:{macro.line}: the macro "{macro.name}" exists already, in {seen[macro.name]}. '
                        "Rename one of the two."
                    )
                seen[macro.name] = relative
                patch = properties.patches.get(("macro", macro.name))
                if patch:
                    is_documented = Config(values=patch.config).is_documented
                    yield replace(
                        macro, description=patch.description, patch_path=patch.path, is_documented=is_documented
                    )
                else:
                    yield macro
