"""What a landing came to, and whether the one that a table holds still stands: asked without Spark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.contract import Contract, Reason
from ingest.files import FileState, is_unchanged
from runner import delta
from runner.names import TableRef

if TYPE_CHECKING:
    from ingest.drift import Drift


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What became of a table's records.

    Attributes:
        read: records that the source had; always `landed + quarantined`.
        rescued: landed records that hold something which the contract does not name.
    """

    read: int
    landed: int
    quarantined: int
    rescued: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """What one landing of a table came to.

    Attributes:
        reasons: why records are in quarantine, most frequent first.
        version: the table's version that holds them.
        skipped: why nothing was done; None where it was. The counts are then those of the landing that stands.
        paths_missing: paths of the contract that none of the looked-at records has.
        changes: what an incremental landing changed (`read`, `new`, `changed`, `deleted`); empty where all was landed.
        notes: what a person should know of how it was landed.
        drift: how the records differ from the contract and from the landing before; None where nothing was done.
    """

    table: TableRef
    counts: Counts
    reasons: tuple[Reason, ...]
    version: int
    seconds: float
    skipped: str | None = None
    paths_missing: tuple[str, ...] = ()
    changes: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    drift: Drift | None = None


def unchanged(contract: Contract, paths: Sequence[Path], warehouse: Path) -> str | None:
    """Returns why landing these files again would change nothing; None where it would.

    A file is the one that was landed where its size and times are, or where its content's digest is. Asks no Spark.
    """
    table = contract.ref.path(warehouse)
    said = delta.metadata(table)
    if said.get("kind") != "landing" or said.get("contract") != contract.digest():
        return None
    known = {state.name: state for state in map(FileState.from_dict, said["files"])}
    if known.keys() != {path.name for path in paths}:
        return None
    if delta.changed_since(table, said["version"]):
        return None
    if not all(is_unchanged(path, known[path.name]) for path in paths):
        return None
    return f"unchanged since version {said['version']}"


def standing(contract: Contract, warehouse: Path, *, skipped: str) -> Landed:
    """Returns the landing that the table holds, as its commit describes it, with the reason for leaving it."""
    table = contract.ref.path(warehouse)
    said = delta.metadata(table)
    return Landed(
        table=contract.ref,
        counts=Counts(**{name: said[name] for name in ("read", "landed", "quarantined", "rescued")}),
        reasons=(),
        version=said["version"],
        seconds=0.0,
        skipped=skipped,
        paths_missing=tuple(said.get("paths_missing", ())),
    )
