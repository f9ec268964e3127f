"""Cloning: the tables and views of another target, here, without copying their data.

linked    the data files get a second name in the own table's folder: nobody else's VACUUM can take them away, and every
          Delta reader reads the table; needs one file system
shallow   Delta's SHALLOW CLONE: a log that names the other table's files where they are; a note in the other table's
          folder says so, which our own VACUUM heeds
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from runner import delta
from runner.delta import log as delta_log
from runner.environments.transfer import can_link, publish_linked, said_of, view_for
from runner.errors import ProjectError
from runner.model import Model
from runner.project.parse import Project
from runner.state.commits import Standing, changed, commits, standing
from runner.warehouse import exists, is_view, publish_view, read_view

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CLONES = "_clones"  # in a table's folder: who refers to its files; neither readers nor VACUUM look into it
How = Literal["linked", "shallow", "view", "there", "missing", "ephemeral"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloned:
    """What became of one table.

    Attributes:
        how: `there`: it is here already and was left alone; `missing`: the other target has none.
        version: the version of the other table that was cloned; None for a view.
        size: the bytes that the clone refers to.
    """

    label: str
    how: How
    version: int | None = None
    size: int = 0


@dataclass(slots=True, kw_only=True)
class Cloner:
    """Clones tables of `other` into `own`: the same project on two targets.

    Args:
        shallow: make shallow clones also where files could be linked.
        again: clone also what is here already, as a new version of it.
        spark: gives a session, for shallow clones only.
    """

    own: Project
    other: Project
    run_id: str
    shallow: bool = False
    again: bool = False
    spark: SparkSession | None = None
    _standing: dict[str, tuple[Path, Standing, Standing]] = field(default_factory=dict)

    def needs_spark(self, nodes: Sequence[str]) -> bool:
        """True where a table has to be cloned by Delta's own statement."""
        for unique_id in nodes:
            theirs, here = self._paths(unique_id)
            if self._is_work(unique_id) and not is_view(theirs) and (self.shallow or not can_link(theirs, here)):
                return True
        return False

    def run(self, nodes: Sequence[str]) -> Iterator[Cloned]:
        """Clones nodes, parents first, and yields what became of each.

        Raises:
            ProjectError: a table cannot be cloned; those before it are.
        """
        coming = {node: self.own.node(node).table for node in nodes if exists(self._paths(node)[0])}
        for unique_id in nodes:
            node = self.own.node(unique_id)
            theirs, here = self._paths(unique_id)
            if isinstance(node, Model) and node.config.materialized == "ephemeral":
                continue
            if not exists(theirs):
                yield Cloned(label=node.label, how="missing")
            elif not self._is_work(unique_id):
                yield Cloned(label=node.label, how="there")
            elif is_view(theirs):
                sql, inputs = view_for(self.own, self.other, self.other.node(unique_id).table, coming=coming)
                publish_view(here, sql=sql, inputs=inputs, metadata=self._said(theirs, None))
                yield Cloned(label=node.label, how="view")
            else:
                yield self._table(unique_id, node.label, theirs, here)

    def _paths(self, unique_id: str) -> tuple[Path, Path]:
        theirs = self.other.node(unique_id).table.path(self.other.warehouse)
        return theirs, self.own.node(unique_id).table.path(self.own.warehouse)

    def _is_work(self, unique_id: str) -> bool:
        theirs, here = self._paths(unique_id)
        return exists(theirs) and theirs.resolve() != here.resolve() and (self.again or not exists(here))

    def _table(self, unique_id: str, label: str, theirs: Path, here: Path) -> Cloned:
        found = standing(theirs)
        assert found is not None
        said = self._said(theirs, found)
        if self.shallow or not can_link(theirs, here):
            self._shallow(label, theirs, here, found.version, said)
            how: How = "shallow"
        else:
            publish_linked(theirs, here, version=found.version, said=said)
            how = "linked"
        now = standing(here)
        assert now is not None
        self._standing[unique_id] = (theirs, found, now)
        size = sum(add.get("size", 0) for add in delta_log.read_snapshot(here).files.values())
        return Cloned(label=label, how=how, version=found.version, size=size)

    def _said(self, theirs: Path, found: Standing | None) -> dict[str, Any]:
        """Returns what the clone's commit says: what the other table's said, with cloned parents in place of its own."""
        said = said_of(theirs)
        said["parents"] = {key: self._parent(key, value) for key, value in (said.get("parents") or {}).items()}
        where: dict[str, Any] = {"target": self.other.files.target.name, "path": str(theirs.absolute())}
        cloned = {**where, "at": datetime.now(UTC).isoformat(), "run_id": self.run_id}
        if found is not None:
            cloned |= {"version": found.version, "table_id": found.table_id}
        return {"sluice": 1, **said, "cloned": cloned}

    def _parent(self, key: str, then: Mapping[str, Any]) -> Mapping[str, Any]:
        known = self._standing.get(key)
        if known is None or "view" in then:
            return then
        theirs, found, here = known
        if changed(theirs, found, table_id=then["table_id"], version=then["version"]):
            return then  # the clone's parent has newer rows than the clone was built from
        return {"table_id": here.table_id, "version": here.version, "columns": here.columns}

    def _shallow(self, label: str, theirs: Path, here: Path, version: int, said: Mapping[str, Any]) -> None:
        if exists(here):
            raise ProjectError(
                f"{label} is here already, and Delta cannot put a shallow clone in its place. "
                f"Remove {here.relative_to(self.own.root) if here.is_relative_to(self.own.root) else here} first, or leave --shallow out."
            )
        assert self.spark is not None
        note_clone(theirs, here, version=version)
        name = f"`sluice_clones`.`{here.parent.name}__{here.name}`"
        location = str(here.absolute()).replace("'", "\\'")
        self.spark.sql("create schema if not exists `sluice_clones`")
        self.spark.sql(
            f"create table {name} shallow clone delta.`{theirs.absolute()}` version as of {version} location '{location}'"
        )
        self.spark.sql(f"drop table {name}")  # the name only: a table with a location keeps its files
        delta.note(here, user_metadata=dict(said))


def note_clone(source: Path, clone: Path, *, version: int) -> None:
    """Notes in a table's folder that a shallow clone refers to its files."""
    folder = source / CLONES
    folder.mkdir(exist_ok=True)
    text = {"clone": str(clone.absolute()), "version": version, "at": datetime.now(UTC).isoformat()}
    name = hashlib.sha256(str(clone.absolute()).encode()).hexdigest()[:16]
    partial = folder / f".{name}"
    partial.write_text(json.dumps(text), encoding="utf-8")
    partial.replace(folder / f"{name}.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Referring:
    """A shallow clone that refers to a table's files.

    Attributes:
        files: the table's files that it refers to, in any version that its log still has.
        lost: True where the clone cannot be looked at: all files of the version that it was made of count.
    """

    clone: Path
    version: int
    files: frozenset[Path]
    lost: bool = False


def clones_of(source: Path) -> list[Referring]:
    """Returns the shallow clones of a table that are still there, and forgets those that are gone."""
    found = []
    for record in sorted((source / CLONES).glob("*.json")):
        said = json.loads(record.read_text(encoding="utf-8"))
        clone, version = Path(said["clone"]), int(said["version"])
        if (clone / delta_log.LOG).is_dir():
            found.append(Referring(clone=clone, version=version, files=_files_of(clone, source)))
        elif clone.parent.parent.is_dir():
            record.unlink(missing_ok=True)  # its warehouse is there, the clone is not
        else:
            found.append(Referring(clone=clone, version=version, files=_at(source, version), lost=True))
    return found


def _files_of(clone: Path, source: Path) -> frozenset[Path]:
    adds = list(delta_log.read_snapshot(clone).files.values())
    for _, log in delta_log.commits(clone):
        adds += [action["add"] for action in delta_log.actions(log) if "add" in action]
    return frozenset(path for add in adds if (path := delta.file_of(add, clone)).is_relative_to(source.absolute()))


def _at(source: Path, version: int) -> frozenset[Path]:
    try:
        snapshot = delta_log.read_snapshot(source, version=version)
    except LookupError:
        snapshot = delta_log.read_snapshot(source)
    return frozenset(delta.file_of(add, source) for add in snapshot.files.values())


def refers_elsewhere(path: Path) -> bool:
    """True for a shallow clone: a table whose log names files outside of its folder."""
    for add in delta_log.read_snapshot(path).files.values():
        if not delta.file_of(add, path).is_relative_to(path.absolute()):
            return True
    return False


def clone_said(path: Path) -> Mapping[str, Any]:
    """Returns of what the table or view at `path` is a clone: `target`, `path`, `version`, …; empty where it is none."""
    if not exists(path):
        return {}
    if is_view(path):
        found = read_view(path)["metadata"].get("cloned")
    else:
        found = next((one.said["cloned"] for one in commits(path) if "cloned" in one.said), None)
    return found if isinstance(found, dict) else {}
