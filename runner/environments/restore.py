"""Restoring: published tables and views go back to what they were, by one more commit each; nothing is lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runner import delta
from runner.delta import log as delta_log
from runner.errors import NotFoundError, ProjectError
from runner.project.parse import Project
from runner.publishing.journal import Step, publish_together
from runner.state.commits import Commit, commits
from runner.state.returned import instead_of
from runner.warehouse import exists, inputs_of_view, is_view, publish_view, view_versions


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A version that a table or view can go back to.

    Attributes:
        said: what was said when it was published.
        changes: False for a commit that changed no row: maintenance, a note.
    """

    version: int
    at: datetime | None
    said: Mapping[str, Any]
    changes: bool = True

    @property
    def run_id(self) -> str:
        return str(self.said.get("run_id") or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """One table's way back.

    Attributes:
        now: the version that is published.
        to: where it goes; None where it is there already.
    """

    unique_id: str
    label: str
    now: int
    to: Point | None


def points(path: Path) -> list[Point]:
    """Returns the versions of a published table or view, oldest first."""
    if is_view(path):
        return [Point(version=number, at=_moment(view), said=view["metadata"]) for number, view in view_versions(path)]
    found: list[Commit] = list(commits(path))[::-1]
    known: Mapping[str, Any] = {}
    result = []
    for one in found:
        if one.changes_rows or one.is_publication:
            known = one.said
        result.append(Point(version=one.version, at=one.at, said=known, changes=one.changes_rows))
    return result


def _moment(view: Mapping[str, Any]) -> datetime | None:
    text = view["metadata"].get("finished_at")
    return datetime.fromisoformat(text) if isinstance(text, str) else None


def to_version(project: Project, unique_id: str, version: int) -> Return:
    """Returns the way back to a version by its number.

    Raises:
        ProjectError: there is no such version.
    """
    label, known = _known(project, unique_id)
    wanted = next((one for one in known if one.version == version), None)
    if wanted is None:
        words = ", ".join(str(one.version) for one in known[-8:])
        raise ProjectError(f"{label} has no version {version}. Its versions: {words}.")
    return _return(unique_id, label, known, wanted)


def to_run(project: Project, unique_id: str, run_id: str) -> Return | None:
    """Returns the way back to what a run published; None where it published nothing of this table."""
    label, known = _known(project, unique_id)
    wanted = [one for one in known if one.run_id.startswith(run_id) and one.changes]
    return _return(unique_id, label, known, wanted[-1]) if wanted else None


def before_run(project: Project, unique_id: str, run_id: str) -> Return | None:
    """Returns the way back to what stood before a run published this table; None where it did not.

    Raises:
        ProjectError: the run made the table: nothing stood before.
    """
    label, known = _known(project, unique_id)
    first = next((index for index, one in enumerate(known) if one.run_id.startswith(run_id) and one.changes), None)
    if first is None:
        return None
    if first == 0:
        raise ProjectError(
            f"{label} was made by that run: nothing stood there before. Leave it out with --exclude {label}."
        )
    return _return(unique_id, label, known, known[first - 1])


def before_time(project: Project, unique_id: str, moment: datetime) -> Return:
    """Returns the way back to what was published at a moment.

    Raises:
        ProjectError: nothing was published then.
    """
    label, known = _known(project, unique_id)
    wanted = [one for one in known if one.at is not None and one.at < moment]
    if not wanted:
        first = known[0].at
        since = f" Its first version that is left is of {first:%Y-%m-%d %H:%M:%S} UTC." if first else ""
        raise ProjectError(f"{label} had not been published then.{since}")
    return _return(unique_id, label, known, wanted[-1])


def runs_known(project: Project) -> list[str]:
    """Returns the ids of the runs that published what stands in the warehouse, the last first."""
    found: dict[str, datetime] = {}
    for node in project.buildable.values():
        path = node.table.path(project.warehouse)
        for one in points(path) if exists(path) else ():
            if one.run_id and one.at:
                found[one.run_id] = max(one.at, found.get(one.run_id, one.at))
    return sorted(found, key=lambda run: found[run], reverse=True)


def named_run(project: Project, word: str) -> str:
    """Returns the id of the run that a person names: its id or the beginning of it.

    Raises:
        NotFoundError: no run that published something here begins so.
    """
    known = runs_known(project)
    found = [run for run in known if run.startswith(word)]
    if len(found) == 1:
        return found[0]
    if not found:
        last = ", ".join(run[:8] for run in known[:5]) or "none"
        raise NotFoundError(
            f'no run "{word}" has published anything here. The last ones: {last}.', name=word, known=known
        )
    raise ProjectError(f'"{word}" begins the ids of {len(found)} runs. Give more of it: {", ".join(found[:3])}.')


def restore(project: Project, ways: Sequence[Return], *, run_id: str) -> int:
    """Takes all ways back, or none; returns how many stay so until something else would be built than what is taken back.

    Raises:
        ProjectError: a version's files are gone, or somebody changes a table meanwhile; nothing is restored.
    """
    moving = [way for way in ways if way.to is not None]
    for way in moving:
        _check_there(project, way)
    staying = [way for way in moving if instead_of(project.buildable[way.unique_id].table.path(project.warehouse))]
    publish_together(project.warehouse, [_step(project, way, run_id) for way in moving])
    return len(staying)


def _known(project: Project, unique_id: str) -> tuple[str, list[Point]]:
    node = project.buildable[unique_id]
    path = node.table.path(project.warehouse)
    if not exists(path):
        raise ProjectError(f"{node.label} has not been built. Build it: run models --select +{node.label}")
    return node.label, points(path)


def _return(unique_id: str, label: str, known: Sequence[Point], wanted: Point) -> Return:
    later = [one for one in known if one.version > wanted.version and one.changes]
    if later and (later[-1].said.get("restored") or {}).get("version") == wanted.version:
        later = []  # what it went back to before
    return Return(unique_id=unique_id, label=label, now=known[-1].version, to=wanted if later else None)


def _check_there(project: Project, way: Return) -> None:
    path = project.buildable[way.unique_id].table.path(project.warehouse)
    if is_view(path) or way.to is None:
        return
    try:
        snapshot = delta_log.read_snapshot(path, version=way.to.version)
    except LookupError as error:
        raise ProjectError(
            f"{way.label}: its log no longer has version {way.to.version}. Choose a later one."
        ) from error
    if gone := delta.missing_files(path, snapshot):
        raise ProjectError(
            f"{way.label}: {len(gone)} of the {len(snapshot.files)} files of version {way.to.version} are gone, "
            f"removed by a VACUUM ({gone[0].name}). Nothing was restored. Choose a later version, or build it again."
        )


def _step(project: Project, way: Return, run_id: str) -> Step:
    path = project.buildable[way.unique_id].table.path(project.warehouse)
    to = way.to
    assert to is not None

    def act(journal: str) -> int | None:
        restored: dict[str, Any] = {"version": to.version, "at": datetime.now(UTC).isoformat(), "run_id": run_id}
        if (instead := instead_of(path)) is not None:
            restored["instead"] = instead
        said = {"sluice": 1, **to.said, "restored": restored, "journal": journal}
        if is_view(path):
            view = dict(view_versions(path))[to.version]
            publish_view(path, sql=view["sql"], inputs=inputs_of_view(view), metadata=said)
            return None
        return delta.restore(path, to.version, user_metadata=said)

    return Step(label=way.label, table=path, act=act)
