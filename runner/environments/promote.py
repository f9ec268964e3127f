"""Promoting: what was built and audited on one target is published on another without building it again.

That is right only where the other target would build the same: the same SQL (tables named by what they are, wherever they
stand), settings, checks and engine, from the same rows. Whatever differs is named, and then nothing is promoted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.environments.clone import clone_said
from runner.environments.places import elsewhere
from runner.environments.transfer import publish_linked, said_of, view_for
from runner.model import Model
from runner.names import TableRef
from runner.project.parse import Project
from runner.publishing.journal import Step, publish_together
from runner.state.commits import changed, standing
from runner.state.fingerprint import Fingerprint, fingerprint
from runner.state.published import Published, published
from runner.state.tokens import digest
from runner.warehouse import is_view, publish_view, read_view, renamed

if TYPE_CHECKING:
    from runner.quality import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Whether one model can be promoted.

    Attributes:
        differs: what differs from what the other target would build; empty where it can be promoted.
        same: True where the other target has just this already.
    """

    unique_id: str
    label: str
    differs: tuple[str, ...]
    same: bool = False


@dataclass(slots=True, kw_only=True)
class Promoter:
    """Judges and promotes models of `source` into `target`: the same project on two targets.

    Args:
        quality: the checks as the target has them.
        nodes: what is promoted, parents first.
    """

    source: Project
    target: Project
    quality: Quality
    nodes: Sequence[str]
    run_id: str

    def judge(self) -> list[Judged]:
        """Returns for each node whether it can be promoted."""
        return [self._judge(self.target.buildable[node]) for node in self.nodes if self._is_built(node)]

    def promote(self, judged: Sequence[Judged]) -> list[int | None]:
        """Publishes what can be promoted and is not there already, all or nothing; returns the versions.

        Raises:
            ProjectError: a file is gone, or somebody changes a table meanwhile; nothing is promoted.
        """
        nodes = [one.unique_id for one in judged if not one.same and not one.differs]
        return publish_together(self.target.warehouse, [self._step(node) for node in nodes])

    def _is_built(self, node: str) -> bool:
        return self.target.buildable[node].config.materialized != "ephemeral"

    def _path(self, project: Project, unique_id: str) -> Path:
        return project.node(unique_id).table.path(project.warehouse)

    def _judge(self, model: Model) -> Judged:
        unique_id, name = model.unique_id, self.source.files.target.name
        there = published(self._path(self.source, unique_id))
        if there is None:
            return Judged(unique_id=unique_id, label=model.label, differs=(f"it has not been built in {name}",))
        differs = tuple(self._differences(model, there, name))
        now = published(self._path(self.target, unique_id))
        promoted = (now.said.get("promoted") or {}) if now and not now.foreign else {}
        found = standing(self._path(self.source, unique_id)) if not there.is_view else None
        same = (
            found is not None
            and promoted.get("table_id") == found.table_id
            and promoted.get("version") == found.version
        )
        return Judged(unique_id=unique_id, label=model.label, differs=differs, same=same and not differs)

    def _differences(self, model: Model, there: Published, name: str) -> Iterator[str]:
        then = there.fingerprint
        if there.foreign:
            yield f"it was changed in {name} by others after it was built: version {there.foreign.version}, {there.foreign.operation}"
        if then is None:
            yield f"what stands in {name} was not built by a run that kept a fingerprint; build it there"
            return
        now = self._expected(model)
        if self._words(then.text) != self._words(now.text):
            yield f"its SQL in {name} is not what {self.target.files.target.name} would run"
        for what, before, after in (("setting", then.config, now.config), ("engine", then.engine, now.engine)):
            for key in sorted({*before, *after}):
                if before.get(key) != after.get(key):
                    yield f"{what} {key}: {before.get(key) or 'not set'} in {name}, {after.get(key) or 'not set'} here"
        if now.checks and then.checks is None:
            yield f"it was published in {name} without checks"
        for check in sorted(now.checks or {}):
            if (then.checks or {}).get(check) != (now.checks or {})[check] and then.checks is not None:
                yield f"the check {check} did not judge it in {name} as it is now"
        if then.clock == "run":
            yield "its SQL gives another result each time (now(), rand() or the like)"
        elif then.clock == "day" and then.moment != now.moment:
            yield f"it was built on {then.moment}, and its SQL asks for the current date"
        for key, value in (there.said.get("parents") or {}).items():
            if not there.is_view or "view" in value:
                yield from self._of_parent(self._unique_id(key), value, name)

    def _expected(self, model: Model) -> Fingerprint:
        return fingerprint(self.target, model, self.quality.suites.get(model.unique_id), now=datetime.now(UTC))

    def _words(self, sql: str) -> str:
        """Returns the SQL's digest with tables named by their unique ids, on whichever target they stand."""
        names: dict[str, str] = {}
        for project, other in ((self.source, self.target), (self.target, self.source)):
            for node in project.nodes():
                name = f"node.{node.unique_id.replace('.', '__')}"
                names[str(node.table)] = name
                mounted = elsewhere(node.table, prefix=f"in_{project.files.target.name}", warehouse=other.warehouse)
                names[str(mounted)] = name
        return digest(renamed(sql, names))

    def _unique_id(self, key: str) -> str:
        """Returns the unique id of a parent that was recorded by the name under which another target's table is known."""
        if key in self.target.graph:
            return key
        for project, other in ((self.source, self.target), (self.target, self.source)):
            prefix = f"in_{project.files.target.name}"
            for node in project.nodes():
                if str(elsewhere(node.table, prefix=prefix, warehouse=other.warehouse)) == key:
                    return node.unique_id
        return key

    def _of_parent(self, key: str, then: Mapping[str, Any], name: str) -> Iterator[str]:
        if key in self.target.buildable and self.target.buildable[key].config.materialized == "ephemeral":
            return
        label = self._label(key)
        if key not in self.target.graph:
            yield f"it reads {label}, which is not in the project any more"
            return
        theirs, here = self._path(self.source, key), self._path(self.target, key)
        if "view" in then:
            if key not in self.nodes and not self._same_view(then, theirs, here):
                yield f"it reads the view {label}, which is another one in {self.target.files.target.name}: promote it as well"
            return
        if key in self.nodes and (now := standing(theirs)) and now.table_id == then["table_id"]:
            if changed(theirs, now, table_id=then["table_id"], version=then["version"]):
                yield f"it was built from version {then['version']} of {label}, and {name} has a newer one: build it there again"
            return
        yield from self._of_rows(key, then, label, theirs, here, name)

    def _of_rows(
        self, key: str, then: Mapping[str, Any], label: str, theirs: Path, here: Path, name: str
    ) -> Iterator[str]:
        where = self.target.files.target.name
        now = standing(here)
        if now is None:
            yield f"it reads {label}, which is not in {where}: promote it as well"
            return
        table_id, version = then["table_id"], int(then["version"])
        cloned = clone_said(theirs) if now.table_id != table_id else {}
        own = standing(theirs)
        if cloned.get("table_id") == now.table_id and own is not None and own.table_id == table_id:
            first = next((one.version for one in _clonings(theirs)), own.version)
            if changed(theirs, own, table_id=table_id, version=min(first, version)):
                yield f"it was built from rows of {label} that only {name} has: promote it as well"
                return
            table_id, version = now.table_id, int(cloned["version"])
        if now.table_id != table_id:
            yield f"it was built from {label} of {name}, whose rows are not known to be those of {where}: promote it as well"
        elif commit := changed(here, now, table_id=table_id, version=version):
            newer = f"version {now.version}" if commit is True else f"version {commit.version}"
            yield f"it was built from version {version} of {label}, and {where} has {newer}: build it again in {name}"

    def _same_view(self, then: Mapping[str, Any], theirs: Path, here: Path) -> bool:
        if not is_view(here):
            return False
        if then["view"] == digest(read_view(here)["sql"]):
            return True  # it was read here
        return is_view(theirs) and self._words(read_view(theirs)["sql"]) == self._words(read_view(here)["sql"])

    def _label(self, key: str) -> str:
        kind, _, rest = key.partition(".")
        return rest.partition(".")[2] if kind in ("model", "source", "seed", "snapshot") else key

    def _step(self, unique_id: str) -> Step:
        model = self.target.buildable[unique_id]
        theirs, here = self._path(self.source, unique_id), self._path(self.target, unique_id)

        def act(journal: str) -> int | None:
            found = standing(theirs) if not is_view(theirs) else None
            said = self._said(model, theirs, journal)
            if found is None:
                coming: dict[str, TableRef] = {node: self.target.node(node).table for node in self.nodes}
                ref = self.source.node(unique_id).table
                sql, inputs = view_for(self.target, self.source, ref, coming=coming)
                publish_view(here, sql=sql, inputs=inputs, metadata=said, alone=False)
                return None
            said["promoted"] |= {"version": found.version, "table_id": found.table_id}
            return publish_linked(theirs, here, version=found.version, said=said)

        return Step(label=model.label, table=here, act=act)

    def _said(self, model: Model, theirs: Path, journal: str) -> dict[str, Any]:
        """Returns what the commit says: as if it had been built here, from what stands here now."""
        said = said_of(theirs)
        parents: dict[str, Any] = {}
        for key, value in (said.get("parents") or {}).items():
            key = self._unique_id(key)
            here = self._path(self.target, key) if key in self.target.graph else None
            now = standing(here) if here is not None and "view" not in value else None
            if here is not None and "view" in value and is_view(here):
                parents[key] = {**value, "view": digest(read_view(here)["sql"])}
            else:
                parents[key] = value if now is None else _stands(now)
        expected = replace(self._expected(model), moment=str(said["fingerprint"].get("moment") or ""))
        promoted = {
            "target": self.source.files.target.name,
            "run_id": said.get("run_id"),
            "at": datetime.now(UTC).isoformat(),
        }
        return {
            "sluice": 1, **said, "run_id": self.run_id, "parents": parents, "fingerprint": expected.stored(),
            "promoted": promoted, "journal": journal, "finished_at": datetime.now(UTC).isoformat(),
        }  # fmt: skip


def _stands(now: Any) -> dict[str, Any]:
    return {"table_id": now.table_id, "version": now.version, "columns": now.columns}


def _clonings(path: Path) -> Iterator[Any]:
    from runner.state.commits import commits

    yield from (one for one in commits(path) if "cloned" in one.said)
