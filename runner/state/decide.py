"""Whether a node has to be built: what it would be built from now, against what its published data were built from.

    reuse     nothing changed: readers keep what they have
    recheck   only what is asked of it changed, or, of a view, the rows below it: its checks run on what is published
    build     all else

A parent counts by its rows: a table by its id and the last version that changed them, a view by its SQL and by what
stands below it. So a decision is taken when the node's turn comes, after its parents ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from runner.compile import inputs_of
from runner.model import Model, SourceTable
from runner.names import TableRef
from runner.project.parse import Project
from runner.state.commits import Standing, changed, standing
from runner.state.fingerprint import Fingerprint, check_digests, fingerprint
from runner.state.published import Published, judged, published, read_checked, write_checked
from runner.state.returned import Returned, returned
from runner.state.tokens import clock, digest
from runner.state.unseen import unseen_tables
from runner.warehouse import is_view, read_view, view_as_named

if TYPE_CHECKING:
    from runner.quality import Quality

Act = Literal["reuse", "recheck", "build"]
Kind = Literal["asked", "new", "foreign", "restored", "sql", "config", "engine", "time", "columns", "rows", "checks"]
Parents = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One thing that is not as it was, and the same in a person's words."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do with a node, and why.

    Attributes:
        reasons: why it is not reused; empty where it is.
        version: the published version; None for a view, and where nothing is published.
        published_at: when that was published.
        warned: the warning that it was published with.
        before, after: the SQL that it was built from and is to be built from, without comments.
        checked: True where it has checks that a run would look at.
        kept: how it came to stand where it does, of what was restored and stays so; see `runner.state.returned`.
    """

    unique_id: str
    act: Act
    reasons: tuple[Reason, ...] = ()
    version: int | None = None
    published_at: datetime | None = None
    warned: str = ""
    before: str = ""
    after: str = ""
    checked: bool = False
    kept: str = ""

    @property
    def why(self) -> str:
        """All reasons in one line; empty where there is none."""
        return "; ".join(reason.text for reason in self.reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What a decision saw: a node is published as built from this, and not from what changed meanwhile."""

    fingerprint: Fingerprint
    parents: Parents
    asked: Parents
    there: Published | None
    moved: tuple[Reason, ...] = ()
    compared: tuple[Reason, ...] = ()
    why: str = ""
    kept: Returned | None = None


class State:
    """What stands, against what would be built now, for the nodes of one run.

    Args:
        force: build all the same.
        full_refresh: build incremental models anew.
        checked: False where models are published without checks.
        window: True where the run is asked to do certain batches.
        now: the moment of the run.
        path_of: where a table is; below the target's warehouse by default.
    """

    def __init__(
        self,
        project: Project,
        quality: Quality,
        *,
        force: bool = False,
        full_refresh: bool = False,
        checked: bool = True,
        window: bool = False,
        now: datetime | None = None,
        path_of: Callable[[TableRef], Path] | None = None,
    ) -> None:
        self._project = project
        self._quality = quality
        self._force = force
        self._full_refresh = full_refresh
        self._checked = checked
        self._window = window
        self._now = now or datetime.now(UTC)
        self._path_of = path_of or (lambda ref: ref.path(project.warehouse))
        self._nodes = {node.table: node for node in project.nodes()}
        self._seen: dict[str, _Seen] = {}
        self._refs: dict[str, TableRef] = {}

    def decide(self, unique_id: str, *, moved: Iterable[Reason] = (), compared: Iterable[Reason] = ()) -> Decision:
        """Returns what to do with a model or a landed table as things stand now.

        Args:
            moved, compared: what is about to change of what it, and what its checks, read; not published yet.

        Raises:
            ProjectError: the model's template is wrong.
        """
        node = self._project.node(unique_id)
        if isinstance(node, SourceTable):
            return self._decide_source(node)
        if node.config.materialized == "ephemeral":
            return Decision(unique_id=unique_id, act="reuse")
        now = fingerprint(self._project, node, self._quality.asked(self._project, unique_id), now=self._now)
        if not self._checked:
            now = replace(now, checks=None)
        there = published(self._path_of(node.table))
        seen = _Seen(
            fingerprint=now,
            parents=self._parents(unique_id),
            asked=self._asked(unique_id),
            there=there,
            moved=tuple(moved),
            compared=tuple(compared),
        )
        decision = self._decision(node, seen)
        kept = returned(there.said) if there and decision.kept else None
        self._seen[unique_id] = replace(seen, why=decision.why, kept=kept)
        return decision

    def _decision(self, node: Model, seen: _Seen) -> Decision:
        there, now = seen.there, seen.fingerprint
        if there is None:
            new = Reason(kind="new", text="never built")
            return Decision(unique_id=node.unique_id, act="build", reasons=(new,), after=now.text)
        building, judging = self._reasons(node, seen, there)
        back = returned(there.said)
        kept = False
        if back is not None and building and not any(reason.kind == "asked" for reason in building):
            since, judging = self._reasons(node, seen, replace(there, said=back.said_before(there.said)), back)
            kept = not since
            changes = ", ".join(reason.text for reason in since)
            again = Reason(kind="restored", text=f"{back.words}; since then {changes}")
            building = [] if kept else [again, *(one for one in building if one.text not in changes)]
        return Decision(
            unique_id=node.unique_id,
            act="build" if building else "recheck" if judging else "reuse",
            reasons=(*building, *judging),
            version=there.version,
            published_at=there.at,
            warned=str(there.said.get("warned") or ""),
            before=there.fingerprint.text if there.fingerprint else "",
            after=now.text,
            checked=bool(now.checks),
            kept=back.words if back is not None and kept else "",
        )

    def metadata(
        self, unique_id: str, *, seconds: float, rows: int | None = None, warned: str = "", incomplete: str = ""
    ) -> dict[str, Any]:
        """Returns what the commit that publishes a decided model says of it.

        Args:
            seconds: how long it took so far.
            rows: how many it holds, where that is known.
            warned: the warning that it is published with.
            incomplete: what a later run has to go on with, such as batches that failed; empty where it is done.
        """
        seen = self._seen[unique_id]
        return {
            "fingerprint": seen.fingerprint.stored(),
            "parents": seen.parents,
            "asked": seen.asked,
            "why": seen.why,
            "seconds": round(seconds, 3),
            "rows": rows,
            "finished_at": datetime.now(UTC).isoformat(),
            **({"warned": warned} if warned else {}),
            **({"incomplete": incomplete} if incomplete else {}),
            **({"unseen": unseen} if (unseen := self._unseen(unique_id, seen)) else {}),
        }

    def parents_read(self, unique_id: str) -> Parents:
        """Returns the tables and views that a decided node reads, as they were when it was decided."""
        return self._seen[unique_id].parents if unique_id in self._seen else {}

    def read_again(self, unique_id: str, versions: Mapping[str, int], early: Parents) -> dict[str, Parents]:
        """Returns what a decided node read, for a commit in the set that publishes its parents, too; and keeps it.

        Args:
            versions: of the tables that the set has published so far, by unique id.
            early: what stood below views of the set when they were made.
        """
        seen = self._seen[unique_id]

        def settled(now: Parents, then: Parents) -> Parents:
            found: dict[str, Mapping[str, Any]] = {}
            for key, value in now.items():
                if key in versions:
                    found[key] = {**value, "version": versions[key]}
                else:
                    found[key] = value if "view" in value else then.get(key, early.get(key, value))
            return found

        parents = settled(self._parents(unique_id), seen.parents)
        asked = settled(self._asked(unique_id), seen.asked)
        self._seen[unique_id] = replace(seen, parents=parents, asked=asked)
        return {"parents": parents, "asked": asked}

    def passed(self, unique_id: str, *, run_id: str, warned: str = "") -> None:
        """Keeps that the checks of a published node passed, so that they need not run again."""
        node = self._project.node(unique_id)
        path = self._path_of(node.table)
        if isinstance(node, SourceTable):
            write_checked(path, self._source_said(node) | {"warned": warned, "run_id": run_id})
            return
        seen = self._seen.get(unique_id)
        if seen is None or seen.there is None:
            return
        found: dict[str, Any] = {"fingerprint": seen.fingerprint.stored(), "asked": seen.asked}
        if seen.there.is_view:
            found["parents"] = seen.parents
        said = {**seen.there.said, "warned": warned}
        if seen.kept is not None:  # what it was built from stays what it is
            said["restored"] = {**said["restored"], "instead": {**seen.kept.instead, **found}}
        else:
            said |= found
        judged(path, {**said, "checked_by": run_id, "checked_at": datetime.now(UTC).isoformat()})

    def _reasons(
        self, node: Model, seen: _Seen, there: Published, back: Returned | None = None
    ) -> tuple[list[Reason], list[Reason]]:
        """Returns why it must be built, and why its checks must run again.

        Args:
            back: leaves out that parents were restored with it.
        """
        now, then = seen.fingerprint, there.fingerprint
        building = [*self._requested(node), *_of_another(node, there)]
        if then is None:
            return building or [Reason(kind="new", text="it was built without a fingerprint")], []
        if incomplete := there.said.get("incomplete"):
            building.append(Reason(kind="new", text=str(incomplete)))
        if unseen := there.said.get("unseen"):
            named = ", ".join(unseen)
            building.append(
                Reason(kind="time", text=f"it reads {named} without ref or source: a change would not be seen")
            )
        building += [*_of_code(now, then), *_of_config(now, then), *_of_engine(now, then)]
        tables = self._of_tables(seen.parents, there.said.get("parents") or {}, back)
        changes = [*_of_time(seen, then), *tables, *seen.moved]
        judging = list(_of_checks(now, then))
        if there.is_view:  # it holds no rows: new ones below it concern its checks alone
            building += [reason for reason in changes if reason.kind == "columns"]
            judging += [reason for reason in changes if reason.kind != "columns" and now.checks]
        else:
            building += changes
        if now.checks:
            asked = self._of_tables(seen.asked, there.said.get("asked") or {}, back)
            judging += [Reason(kind="checks", text=f"a check reads another table: {one.text}") for one in asked]
            judging += seen.compared
        return building, judging

    def _unseen(self, unique_id: str, seen: _Seen) -> list[str]:
        node = self._project.node(unique_id)
        if not isinstance(node, Model) or node.language != "sql":
            return []
        known = {str(self._ref(key)) for key in (*seen.parents, *seen.asked)} | {str(node.table)}
        known |= {str(ref) for ref in inputs_of(self._project, node)}  # those, too, that are not published yet
        return unseen_tables(seen.fingerprint.text, known)

    def _requested(self, node: Model) -> Iterator[Reason]:
        if self._force:
            yield Reason(kind="asked", text="--force")
        elif self._full_refresh and node.config.materialized == "incremental":
            yield Reason(kind="asked", text="--full-refresh")
        elif self._window and node.config.is_microbatch:
            yield Reason(kind="asked", text="its batches were asked for")

    def _decide_source(self, node: SourceTable) -> Decision:
        now = check_digests(self._quality.asked(self._project, node.unique_id))
        if not now:
            return Decision(unique_id=node.unique_id, act="reuse")
        said = self._source_said(node)
        then = read_checked(self._path_of(node.table))
        reasons: list[Reason] = [Reason(kind="asked", text="--force")] if self._force else []
        if not then:
            reasons.append(Reason(kind="new", text="never checked"))
        else:
            reasons += self._of_tables(said["parents"], then.get("parents") or {})
            reasons += _differences("check", now, then.get("checks") or {}, "checks")
        return Decision(
            unique_id=node.unique_id,
            act="recheck" if reasons else "reuse",
            reasons=tuple(reasons),
            warned=str(then.get("warned") or ""),
        )

    def _source_said(self, node: SourceTable) -> dict[str, Any]:
        """Returns what a look at a landed table depends on: its rows, those of other tables, the checks."""
        parents = dict(self._below(node.table))
        return {
            "checks": check_digests(self._quality.asked(self._project, node.unique_id)),
            "parents": {**parents, **self._asked(node.unique_id)},
        }

    def _parents(self, unique_id: str) -> Parents:
        found: dict[str, Mapping[str, Any]] = {}
        for parent in self._project.graph.parents(unique_id):
            node = self._project.node(parent)
            if isinstance(node, Model) and node.config.materialized == "ephemeral":
                found |= self._parents(parent)
            else:
                found |= self._below(node.table)
        return found

    def _asked(self, unique_id: str) -> Parents:
        """Returns the other tables that a node's checks read."""
        found: dict[str, Mapping[str, Any]] = {}
        if self._checked:
            for other in self._quality.references.get(unique_id, {}).values():
                if other != unique_id:
                    found |= self._below(self._project.node(other).table)
        return found

    def _below(self, ref: TableRef) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yields a table, or a view and all that stands below it, by unique id; nothing for what is missing."""
        path = self._path_of(ref)
        node = self._nodes.get(ref)
        key = node.unique_id if node else str(ref)
        self._refs[key] = ref
        if is_view(path):
            view = read_view(path)
            yield key, {"view": digest(view["sql"]), "clock": clock(view["sql"])}
            for other in view_as_named(ref, view)[1]:
                yield from self._below(other)
        elif now := standing(path):
            yield key, asdict(now)

    def _of_tables(self, now: Parents, then: Parents, back: Returned | None = None) -> Iterator[Reason]:
        for key in [*now, *(key for key in then if key not in now)]:
            label = self._label(key)
            if key not in now:
                yield Reason(kind="columns", text=f"{label} is not read any more")
            elif key not in then:
                yield Reason(kind="columns", text=f"{label} was not read before")
            elif "view" in now[key] or "view" in then[key]:
                if now[key].get("view") != then[key].get("view") and not (back and self._went_back(key, back)):
                    yield Reason(kind="columns", text=f"the view {label} changed")
            else:
                yield from self._of_table(key, Standing(**now[key]), Standing(**then[key]), back)

    def _went_back(self, key: str, back: Returned) -> bool:
        path = self._path_of(self._ref(key))
        return is_view(path) and back.holds(read_view(path)["metadata"])

    def _of_table(self, key: str, now: Standing, then: Standing, back: Returned | None) -> Iterator[Reason]:
        label = self._label(key)
        if back is not None:
            path = self._path_of(self._ref(key))
            if changed(path, now, table_id=then.table_id, version=then.version, but=back.holds) is False:
                return
        if now.columns != then.columns:
            yield Reason(kind="columns", text=f"{label} has other columns")
        if now == then:
            return
        path = self._path_of(self._ref(key))
        commit = changed(path, now, table_id=then.table_id, version=then.version)
        if commit is True:
            yield Reason(kind="rows", text=f"{label} was made anew")
        elif commit:
            versions = f"version {then.version} → {commit.version}"
            yield Reason(kind="rows", text=f"{label} has new data: {versions}")

    def _ref(self, key: str) -> TableRef:
        if key in self._refs:
            return self._refs[key]
        for ref, node in self._nodes.items():
            if node.unique_id == key:
                return ref
        schema, name = key.split(".", 1)
        return TableRef(schema, name)

    def _label(self, key: str) -> str:
        kind, _, rest = key.partition(".")
        return rest.partition(".")[2] if kind in ("model", "source", "seed", "snapshot") else key


def _of_another(node: Model, there: Published) -> Iterator[Reason]:
    if not there.said:
        yield Reason(kind="new", text=f"what stands at {node.table} was not published by a run")
    elif there.said.get("model") != node.unique_id:
        yield Reason(kind="new", text=f"{node.table} was built as {there.said.get('model')}")
    elif there.foreign:
        commit = there.foreign
        yield Reason(kind="foreign", text=f"it was changed by others: version {commit.version}, {commit.operation}")


def _of_code(now: Fingerprint, then: Fingerprint) -> Iterator[Reason]:
    if now.code == then.code:
        return
    macros = [name for name in now.macros if then.macros.get(name, now.macros[name]) != now.macros[name]]
    through = [f"macro {name.split('.', 2)[-1]}" for name in macros]
    through += [
        f"variable {name}: {then.variables[name]} → {value}"
        for name, value in now.variables.items()
        if name in then.variables and then.variables[name] != value
    ]
    yield Reason(kind="sql", text="its SQL changed" + (f", through {', '.join(through)}" if through else ""))


def _of_config(now: Fingerprint, then: Fingerprint) -> Iterator[Reason]:
    for name in sorted({*now.config, *then.config}):
        before, after = then.config.get(name), now.config.get(name)
        if before != after:
            yield Reason(kind="config", text=f"{name}: {before or 'not set'} → {after or 'not set'}")


def _of_engine(now: Fingerprint, then: Fingerprint) -> Iterator[Reason]:
    for name in sorted({*now.engine, *then.engine}):
        before, after = then.engine.get(name), now.engine.get(name)
        if before != after:
            yield Reason(kind="engine", text=f"{name} {before or 'not set'} → {after or 'not set'}")


def _of_time(seen: _Seen, then: Fingerprint) -> Iterator[Reason]:
    now = seen.fingerprint
    clocks = [now.clock, *(str(parent.get("clock", "")) for parent in seen.parents.values())]
    if "run" in clocks:
        yield Reason(kind="time", text="its SQL gives another result each time (now(), rand() or the like)")
    elif "day" in clocks and now.moment != then.moment:
        yield Reason(kind="time", text=f"current_date was {then.moment}, is {now.moment}")


def _of_checks(now: Fingerprint, then: Fingerprint) -> Iterator[Reason]:
    if now.checks and then.checks is None:
        yield Reason(kind="checks", text="it was published without checks")
    elif now.checks:
        yield from _differences("check", now.checks, then.checks or {}, "checks")


def _differences(what: str, now: Mapping[str, str], then: Mapping[str, str], kind: Kind) -> Iterator[Reason]:
    """Yields what is new or changed; what is gone asks nothing."""
    for name, value in now.items():
        if name not in then:
            yield Reason(kind=kind, text=f"{what} added: {name}")
        elif then[name] != value:
            yield Reason(kind=kind, text=f"{what} changed: {name}")
