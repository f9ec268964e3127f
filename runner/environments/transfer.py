"""Brings a published table or view of one target to another, without building it: its files are linked, not copied.

A Delta table's data files never change, so a second name for the same file (a hard link) is a copy that costs nothing:
whoever removes the first name, VACUUM included, leaves the second. Where links cannot be made (another file system),
files are copied.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runner import delta
from runner.delta import log as delta_log
from runner.environments.places import elsewhere
from runner.errors import ContractError
from runner.names import TableRef
from runner.project.parse import Project
from runner.warehouse import exists, inputs_of_view, is_view, read_view, renamed, withdraw_view

_OF_ONE_COMMIT = ("restored", "journal", "taken_back", "promoted", "cloned")
_Z85 = {letter: index for index, letter in enumerate("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#")}  # fmt: skip


def can_link(source: Path, folder: Path) -> bool:
    """True where a file of `source` can have a second name in `folder`'s file system."""
    sample = next((source / delta_log.LOG).glob("*.json"), None)
    there = next(one for one in (folder, *folder.parents) if one.is_dir())
    if sample is None:
        return False
    probe = there / f".link-{uuid.uuid4().hex}"
    try:
        os.link(sample, probe)
    except OSError:
        return False
    probe.unlink()
    return True


def as_candidate(source: Path, table: Path, *, version: int | None = None) -> Path:
    """Returns a candidate of `table` that holds what `source` holds, linked where possible.

    Args:
        version: the version of `source`; the newest by default.

    Raises:
        ContractError: a file of the source is gone.
    """
    snapshot = delta_log.read_snapshot(source, version=version)
    if gone := delta.missing_files(source, snapshot):
        raise ContractError(
            f"{source.parent.name}.{source.name}: {len(gone)} of its {len(snapshot.files)} files are gone ({gone[0].name}): "
            "a VACUUM removed them. Build it again."
        )
    candidate = delta.new_candidate(table)
    candidate.mkdir(parents=True)
    try:
        adds = [_linked(add, source, candidate) for add in snapshot.files.values()]
        metadata = {**snapshot.metadata, "id": str(uuid.uuid4())}
        content: list[Mapping[str, Any]] = [{"commitInfo": {"operation": "CLONE"}}, {"protocol": snapshot.protocol}]
        content.append({"metaData": metadata})
        domains = [
            {"domainMetadata": {"domain": domain, "configuration": text, "removed": False}}
            for domain, text in snapshot.domains.items()
        ]
        delta_log.commit(candidate, 0, [*content, *domains, *({"add": add} for add in adds)])
    except BaseException:
        delta.discard(candidate)
        raise
    return candidate


def _linked(add: Mapping[str, Any], source: Path, candidate: Path) -> dict[str, Any]:
    """Links a data file, and the file of its deletion vector, into the candidate; returns its `add` there."""
    name = f"part-{uuid.uuid4().hex}.parquet"
    _link(delta.file_of(add, source), candidate / name)
    found = {**add, "path": name, "dataChange": True}
    vector = add.get("deletionVector")
    if vector and vector["storageType"] in ("u", "p"):
        file = _vector_file(vector, source)
        if not (candidate / file.name).exists():  # several data files share one
            _link(file, candidate / file.name)
        moved = vector["pathOrInlineDv"][-20:] if vector["storageType"] == "u" else (candidate / file.name).as_uri()
        found["deletionVector"] = {**vector, "pathOrInlineDv": moved}
    return found


def _vector_file(vector: Mapping[str, Any], source: Path) -> Path:
    text = str(vector["pathOrInlineDv"])
    if vector["storageType"] == "p":
        return delta.file_of({"path": text}, source)
    number = b"".join(_number(text[-20:][start : start + 5]) for start in range(0, 20, 5))
    return source / text[:-20] / f"deletion_vector_{uuid.UUID(bytes=number)}.bin"


def _number(letters: str) -> bytes:
    value = 0
    for letter in letters:
        value = value * 85 + _Z85[letter]
    return value.to_bytes(4, "big")


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def view_for(
    own: Project, other: Project, theirs: TableRef, *, coming: Mapping[str, TableRef]
) -> tuple[str, list[TableRef]]:
    """Returns another target's view as this target would have it: it reads this target's tables where they are there.

    Args:
        own, other: the project on this target and on the other one.
        theirs: the view there.
        coming: tables of this target that are about to be there, by unique id.
    """
    view = read_view(theirs.path(other.warehouse))
    nodes = {node.table: node.unique_id for node in other.nodes()}
    places = {node.table.path(own.warehouse).absolute(): node.unique_id for node in own.nodes()}
    names: dict[str, str] = {}
    inputs: list[TableRef] = []
    for ref in inputs_of_view(view):
        unique_id = places.get(ref.folder) if ref.folder else nodes.get(ref)
        here = own.node(unique_id).table if unique_id else ref
        if unique_id in coming or ((unique_id or not ref.folder) and exists(here.path(own.warehouse))):
            chosen = here
        elif ref.folder or own.warehouse.resolve() == other.warehouse.resolve():
            chosen = ref
        else:
            chosen = elsewhere(ref, prefix=f"in_{other.files.target.name}", warehouse=other.warehouse)
        names[str(ref)] = str(chosen)
        inputs.append(chosen)
    same = all(old == new for old, new in names.items())
    return str(view["sql"]) if same else renamed(view["sql"], names), inputs


def publish_linked(source: Path, table: Path, *, version: int, said: Mapping[str, Any]) -> int:
    """Publishes a version of a table as another table's new content; returns that one's new version.

    Raises:
        ContractError: a file is gone, or somebody changes the table meanwhile; nothing is published.
    """
    candidate = as_candidate(source, table, version=version)
    try:
        done = delta.publish(
            table, candidate, user_metadata=said, read_version=None if is_view(table) else delta.version(table)
        )
    except BaseException:
        delta.discard(candidate)
        raise
    withdraw_view(table)
    return done


def said_of(path: Path) -> dict[str, Any]:
    """Returns what was said when the table or view at `path` was published."""
    from runner.state.published import published

    found = published(path)
    said = found.said if found and found.said else delta.metadata(path)  # a landed table is published by no model
    kept = {key: value for key, value in said.items() if key not in _OF_ONE_COMMIT}
    return json.loads(json.dumps(kept)) if not said.get("is_note") else {}
