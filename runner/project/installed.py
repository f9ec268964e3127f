"""Which packages a project needs and where they lie: packages.yml, dependencies.yml, the folder of installed packages."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from runner.documents import Section, read_yaml
from runner.errors import FormatError, ProjectError
from runner.project.packages import project_file, shown
from runner.recall import note_listing

DEPENDENCY_FILES = ("packages.yml", "dependencies.yml")
_KINDS = ("local", "package", "git", "tarball", "private")
_KEYS = {*_KINDS, "version", "revision", "install-prerelease", "subdirectory", "name", "warn-unpinned", "provider"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A package that a packages.yml lists.

    Attributes:
        kind: `local`, or where else it would come from: `package` (the hub), `git`, `tarball`, `private`.
        source: the path, name or address.
        path: the folder of a local package.
    """

    kind: str
    source: str
    place: str
    path: Path | None = None

    @property
    def likely_name(self) -> str:
        """The name that the package probably has: the last word of its source."""
        return self.source.rstrip("/").rsplit("/", 1)[-1].removesuffix(".git").replace("-", "_")


def wanted_packages(root: Path, *, base: Path) -> list[Wanted]:
    """Returns what the packages.yml or dependencies.yml of a folder lists; nothing where there is neither.

    Raises:
        FormatError: an entry names no place.
    """
    found = []
    for name in DEPENDENCY_FILES:
        if not (root / name).is_file():
            continue
        document = read_yaml(root / name, name=shown(root / name, base))
        for entry in document.sections("packages", "this file"):
            entry.check_keys(_KEYS, "a package")
            found.append(_wanted(entry, root))
    return found


def _wanted(entry: Section, root: Path) -> Wanted:
    kind = next((kind for kind in _KINDS if kind in entry), None)
    if kind is None:
        raise FormatError(f"{entry.place()}: a package needs a place, e.g. local: ../shared_macros.")
    source = entry.text(kind, "a package")
    return Wanted(kind=kind, source=source, place=entry.place(kind), path=(root / source) if kind == "local" else None)


def install_folder(root: Path, document: Section) -> Path:
    """Returns the folder of installed packages."""
    return root / document.text("packages-install-path", "the project", "dbt_packages")


def package_folders(root: Path, document: Section) -> list[Path]:
    """Returns the folders of every package that the project needs, those they need in turn as well.

    An installed package is read where it is installed; a local one that is not, where it lies.

    Raises:
        ProjectError: a package is not there.
    """
    folder = install_folder(root, document)
    note_listing(folder)
    folders = sorted(path for path in folder.iterdir() if project_file(path)) if folder.is_dir() else []
    names = {_name(path, root): path for path in folders}
    missing: list[Wanted] = []
    seen: set[Path] = set()
    waiting = [root, *folders]
    while waiting:
        at = waiting.pop(0)
        for wanted in wanted_packages(at, base=root):
            if wanted.path is None:
                missing.append(wanted)
                continue
            path = Path(os.path.normpath(wanted.path))
            if not project_file(path):
                raise ProjectError(
                    f"{wanted.place}: there is no package at {wanted.source}: that folder has no dbt_project.yml. "
                    "Write the path from the file that names it."
                )
            name = _name(path, root)
            if path not in seen and name not in names:
                names[name] = path
                waiting.append(path)
            seen.add(path)
    for wanted in missing:
        if wanted.likely_name not in names:
            raise ProjectError(
                f"{wanted.place}: the package {wanted.source} is not installed, and run deps does not download. "
                f"Put it into {folder.name}/{wanted.likely_name}, or at a path of your own and write: local: <path>."
            )
    return list(names.values())


def _name(path: Path, root: Path) -> str:
    name = project_file(path)
    assert name is not None
    return read_yaml(path / name, name=shown(path / name, root)).text("name", "the package")


def install(root: Path, document: Section) -> Iterator[tuple[str, Path, Path]]:
    """Links every local package into the folder of installed packages; yields its name, its place and the link.

    Raises:
        ProjectError: a package is not there, or something else stands where its link belongs.
    """
    folder = install_folder(root, document)
    for path in package_folders(root, document):
        name = _name(path, root)
        link = folder / name
        if path.parent == folder and not path.is_symlink():
            continue
        if path.is_symlink():
            yield name, path.resolve(), link
            continue
        folder.mkdir(parents=True, exist_ok=True)
        if link.is_symlink():
            link.unlink()
        elif link.exists():
            raise ProjectError(f"{shown(link, root)} stands where the package {name} belongs. Move it away.")
        link.symlink_to(os.path.relpath(path, folder), target_is_directory=True)
        yield name, path, link
