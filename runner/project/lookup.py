"""What `ref` and `source` mean: from words to nodes, across packages and versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from runner.errors import NotFoundError, ProjectError
from runner.model import Ref, SourceTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A node that can be referred to."""

    unique_id: str
    name: str
    package: str
    version: str | None = None
    latest: bool = True


class Lookup:
    """Finds nodes by the names that people write.

    Args:
        root: the project's name; among equal names the project's own node wins, then the reader's package's.
        entries: all that `ref` can mean.
        sources: all landed tables.
    """

    def __init__(self, root: str, entries: Iterable[Entry], sources: Iterable[SourceTable]) -> None:
        self._root = root
        self._entries: dict[str, dict[str, list[Entry]]] = {}
        for entry in entries:
            self._entries.setdefault(entry.name, {}).setdefault(entry.package, []).append(entry)
        self._sources: dict[str, dict[str, SourceTable]] = {}
        for table in sources:
            self._sources.setdefault(table.label, {})[table.fqn[0]] = table
        self._found: dict[tuple[Ref, str], str] = {}

    @property
    def names(self) -> Mapping[str, object]:
        """Every name that `ref` knows."""
        return self._entries

    @property
    def labels(self) -> Mapping[str, object]:
        """Every `source.table`."""
        return self._sources

    def ref(self, ref: Ref, package: str) -> str:
        """Returns the unique id of what a `ref` in a file of `package` means.

        Raises:
            NotFoundError: nothing has that name, package or version.
        """
        key = (ref, package)
        if key not in self._found:
            self._found[key] = self._search(ref, package)
        return self._found[key]

    def source(self, name: str, table: str, package: str) -> SourceTable:
        """Returns the landed table that `source(name, table)` in a file of `package` means.

        Raises:
            NotFoundError: there is none.
        """
        label = f"{name}.{table}"
        found = self._sources.get(label)
        if not found:
            raise NotFoundError(
                f'source("{name}", "{table}") names no table of sources.yml.', name=label, known=self._sources
            )
        for owner in (self._root, package):
            if owner in found:
                return found[owner]
        return next(iter(found.values()))

    def _search(self, ref: Ref, package: str) -> str:
        by_package = self._entries.get(ref.name, {})
        if ref.package is not None:
            entries = by_package.get(ref.package, [])
            if not entries:
                packages = {owner for of in self._entries.values() for owner in of}
                known = (
                    [name for name, of in self._entries.items() if ref.package in of]
                    if ref.package in packages
                    else packages
                )
                word = ref.name if ref.package in packages else ref.package
                raise NotFoundError(f"{ref} names no model.", name=word, known=known)
        else:
            owners = [owner for owner in (self._root, package) if owner in by_package] or list(by_package)
            if not owners:
                raise NotFoundError(f"{ref} names no model.", name=ref.name, known=self._entries)
            if len(owners) > 1 and not {self._root, package} & set(owners):
                raise ProjectError(
                    f'{ref} can mean a model of {" or ".join(owners)}. Write which: ref("{owners[0]}", "{ref.name}").'
                )
            entries = by_package[owners[0]]
        return _version(ref, entries).unique_id


def _version(ref: Ref, entries: list[Entry]) -> Entry:
    wanted = [entry for entry in entries if (entry.latest if ref.version is None else entry.version == ref.version)]
    if not wanted:
        known = [entry.version for entry in entries if entry.version is not None]
        there = f"Its versions: {', '.join(known)}." if known else "It has no versions: take the version out."
        raise NotFoundError(f"{ref} names no model: there is no version {ref.version}. {there}", name=str(ref.version))
    return wanted[0]
