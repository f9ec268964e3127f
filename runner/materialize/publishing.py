"""The one step that makes a candidate what readers see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runner import delta
from runner.errors import ProjectError
from runner.materialize.candidate import Candidate, Work, discard
from runner.materialize.hooks import HookError, run_after
from runner.materialize.settings import comments_of
from runner.names import TableRef
from runner.warehouse import publish_view, withdraw_view


def publish(work: Work, candidate: Candidate, *, inputs: Sequence[TableRef], metadata: Mapping[str, Any]) -> int | None:
    """Makes the candidate what readers see, then runs the hooks that follow; returns the table's version, None for a view.

    Raises:
        ContractError: somebody changed the table meanwhile; nothing is published.
        HookError: a post-hook failed, after publishing.
    """
    version = commit(work, candidate, inputs=inputs, metadata=metadata)
    announce(work, candidate, version=version)
    return version


def announce(work: Work, candidate: Candidate, *, version: int | None) -> None:
    """Does what follows a publication: the session reads the new version, and the hooks that follow run.

    Args:
        version: what was published; None for a view.

    Raises:
        HookError: a post-hook failed, after publishing.
    """
    if not candidate.unchanged:
        work.warehouse.register(work.model.table, again=True)
    try:
        run_after(work, candidate.after)
    except HookError as error:
        said = "The view" if version is None else f"Version {version}"
        raise HookError(f"{error} {said} is published.") from error


def commit(
    work: Work,
    candidate: Candidate,
    *,
    inputs: Sequence[TableRef],
    metadata: Mapping[str, Any],
    alone: bool = True,
) -> int | None:
    """Makes the candidate what readers see, and does no more; returns the table's version, None for a view.

    Args:
        alone: False where it is one of a set that may be taken back.

    Raises:
        ContractError: somebody changed the table meanwhile; nothing is published.
    """
    table = work.table
    if candidate.unchanged:
        discard(candidate)
        return candidate.read_version
    if candidate.path is None:
        comments = comments_of(work.model)
        said = {**metadata, "comments": comments} if comments else metadata
        publish_view(table, sql=candidate.compiled.sql, inputs=inputs, metadata=said, alone=alone)
        return None
    try:
        if candidate.since is None:
            version = delta.publish(
                table,
                candidate.path,
                user_metadata=metadata,
                read_version=candidate.read_version,
                details=candidate.details,
            )
        else:
            assert candidate.read_version is not None
            version = delta.publish_changes(
                table,
                candidate.path,
                user_metadata=metadata,
                read_version=candidate.read_version,
                since=candidate.since,
                details=candidate.details,
            )
    except ProjectError:
        discard(candidate)
        raise
    withdraw_view(table)
    return version
