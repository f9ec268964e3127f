"""Finding a table's files, and seeing what they are before Spark does anything with them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from ingest.contract import Contract
from ingest.split import LONGEST_RECORD, Layout, Part, cut, place, read_records
from runner.errors import ContractError, FormatError, NotFoundError

_SAMPLE = 1_000  # records per file that are looked at before anything is loaded
_HEAD_BYTES = 64 << 10
_LEAST_PART = 64 << 20
_MOST_PART = 256 << 20
_PARTS_PER_CORE = 4  # so that the last part of one core does not keep the others waiting
_SHOWN_NAMES = 6
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")
_FIRST_FIELD = re.compile(rb'\{\s*("(?:[^"\\]|\\.)*")\s*:')


@dataclass(frozen=True, slots=True)
class Stamp:
    """While it stays, so does the content.

    `ctime_ns` can be set by nobody: a file that was rewritten within the clock's step, or given its old time back, is
    seen as changed.

    Attributes:
        size: in bytes.
        mtime_ns, ctime_ns: when the content, and when anything about the file, was changed last.
    """

    size: int
    mtime_ns: int
    ctime_ns: int


@dataclass(frozen=True, slots=True)
class FileState:
    """A file as it was landed.

    Attributes:
        digest: BLAKE2 of its content.
    """

    name: str
    stamp: Stamp
    digest: str

    def as_dict(self) -> dict[str, Any]:
        return {"name": self.name, **asdict(self.stamp), "digest": self.digest}

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> FileState:
        return cls(said["name"], Stamp(said["size"], said["mtime_ns"], said["ctime_ns"]), said["digest"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What the first records of the files show of a contract.

    Attributes:
        parts: the files, each as one part.
        paths_missing: paths of the contract that no looked-at record has; an inner path only where its outer
            occurs; none where there is no record.
    """

    parts: tuple[Part, ...]
    paths_missing: tuple[str, ...]


def find_files(folder: Path, pattern: str) -> list[Path]:
    """Returns the files of a folder that match a pattern, in the order of the numbers in their names.

    A pattern for JSON that matches nothing takes Parquet files of the same names instead.

    Raises:
        NotFoundError: there is no such folder, or nothing in it matches.
    """
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise NotFoundError(f"{folder}: this folder {what}. Name the folder that holds {pattern}.", name=str(folder))
    patterns = [pattern, re.sub(r"\.json$", ".parquet", pattern)] if pattern.endswith(".json") else [pattern]
    for each in patterns:
        found = [path for path in folder.glob(each) if path.is_file() or _is_parquet(path)]
        if found:
            return sorted(found, key=lambda path: _natural(path.name))
    names = sorted((path.name for path in folder.iterdir()), key=_natural)
    more = ", …" if len(names) > _SHOWN_NAMES else ""
    holds = f"it holds {', '.join(names[:_SHOWN_NAMES])}{more}" if names else "it is empty"
    raise NotFoundError(
        f'{folder}: no file matches "{pattern}"; {holds}. '
        "Put the files there, or change `files` of the table in sources.yml.",
        name=pattern,
    )


def _natural(name: str) -> list[Any]:
    return [int(word) if word.isdigit() else word for word in re.split(r"(\d+)", name)]


def _is_parquet(path: Path) -> bool:
    return path.suffix == ".parquet" and (path.is_file() or any(path.glob("*.parquet")))


def are_parquet(paths: Sequence[Path]) -> bool:
    """True where the files are Parquet; a mixture counts as JSON and is refused when it is read."""
    return all(_is_parquet(path) for path in paths)


def inspect(path: Path) -> Part:
    """Returns a JSON file as one part, by its first bytes.

    Raises:
        FormatError: it is empty, truncated, no JSON, or holds something else than records.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    if head.startswith(_WIDE_MARKS):
        raise FormatError(f"{path}: is UTF-16, and JSON is UTF-8. Write it again as UTF-8.")
    mark = len(_BYTE_ORDER_MARK) if head.startswith(_BYTE_ORDER_MARK) else 0
    body = head[mark:].lstrip()
    if not body:
        raise FormatError(f"{path}: is empty. Write it again, or take it out of the folder.")
    begin = len(head) - len(body)
    if body.startswith(b"["):
        _check_closed(path, size)
        named = _FIRST_FIELD.search(head, begin + 1)
        first_field = orjson.loads(named.group(1)) if named and _is_json(named.group(1)) else ""
        return Part(path, Layout.ARRAY, begin + 1, size, True, first_field)
    if body.startswith(b"{"):
        if not _holds_lines(path, begin):
            raise FormatError(
                f"{path}: its top level is one object over several lines. Write an array of records, or one per line."
            )
        return Part(path, Layout.LINES, mark, size, True)
    begins = body[:20].decode(errors="replace").split("\n")[0]
    raise FormatError(f'{path}: is no JSON with records: it begins with "{begins}". Write an array, or one per line.')


def _is_json(raw: bytes) -> bool:
    try:
        orjson.loads(raw)
    except orjson.JSONDecodeError:
        return False
    return True


def _check_closed(path: Path, size: int) -> None:
    """Finds an array that its file's last bytes leave open, before a long read does."""
    with path.open("rb") as stream:
        stream.seek(max(0, size - _HEAD_BYTES))
        tail = stream.read().rstrip()
    if not tail.endswith(b"]"):
        ends = tail[-20:].decode(errors="replace")
        raise FormatError(
            f'{place(path, size - 1)}: the file ends with "{ends}", not with the "]" of its array: it is truncated. '
            "Write or copy it again; nothing of it was landed."
        )


def _holds_lines(path: Path, begin: int) -> bool:
    """True where each line is a record, false where the lines are parts of one; a first line may be broken."""
    with path.open("rb") as stream:
        stream.seek(begin)
        first = stream.readline(LONGEST_RECORD).strip(b", \t\r\n")
        if first.endswith(b"}"):
            return True
        second = next((line for line in map(bytes.strip, stream) if line), b"")
    return second.startswith(b"{") and first[-1:] not in (b"{", b"[", b":")


def preview(contract: Contract, paths: Sequence[Path]) -> Preview:
    """Returns the files as parts, after a look at each one's first records.

    Raises:
        FormatError: a file is empty, truncated, or holds no JSON records.
        ContractError: no path of the contract occurs in a file, or no record has the key.
    """
    parts = [inspect(path) for path in paths]
    seen: set[str] = set()
    looked_at = 0
    for part in parts:
        documents = [record.document for record in islice(read_records(part), _SAMPLE)]
        if documents:
            seen |= _check_paths(contract, part, documents)
        looked_at += len(documents)
    missing = (
        [path for path in contract.paths() if path not in seen and _outer(path) in {"", *seen}] if looked_at else []
    )
    return Preview(parts=tuple(parts), paths_missing=tuple(missing))


def _check_paths(contract: Contract, part: Part, documents: Sequence[Any]) -> set[str]:
    from ingest.decode import occurring_paths

    seen: set[str] = set()
    for document in documents:
        seen |= occurring_paths(document, contract)
    if not seen:
        raise _foreign(contract, part, documents)
    for name in contract.key:
        if name not in seen:
            raise ContractError(
                f'{part.path}: the key "{name}" of {contract} is in none of the first {len(documents):,} records; '
                f"they have {_fields(documents)}. Mend the file, or `key` in sources.yml."
            )
    return seen


def _foreign(contract: Contract, part: Part, documents: Sequence[Any]) -> ContractError | FormatError:
    if all(document is None for document in documents):
        return FormatError(f"{part.path}: none of its first {len(documents):,} records is JSON. Write it again.")
    if not any(isinstance(document, dict) for document in documents):
        return FormatError(f"{part.path}: its array holds no objects. Write an array of records, or one per line.")
    if len(documents) == 1:
        wrapped = [name for name, value in documents[0].items() if isinstance(value, list) and value]
        if wrapped:
            return FormatError(
                f'{part.path}: its top level is an object; the records are in "{wrapped[0]}". Write that array alone.'
            )
    return ContractError(
        f"{part.path}: none of the paths of {contract} in sources.yml occurs in it: it has {_fields(documents)}. "
        "Is it another table's file?"
    )


def _fields(documents: Iterable[Any]) -> str:
    names: dict[str, None] = {}
    for document in documents:
        if isinstance(document, dict):
            names |= dict.fromkeys(document)
    shown = list(names)[:_SHOWN_NAMES]
    return ", ".join(shown) + (", …" if len(names) > len(shown) else "")


def _outer(path: str) -> str:
    """Returns the path of the named thing around a path, empty for a column."""
    outer, _, _ = path.rpartition(".")
    return outer.removesuffix(".*").removesuffix("[]")


def plan_parts(parts: Sequence[Part], cores: int) -> list[Part]:
    """Returns the parts cut so that `cores` are kept busy, each part between about 64 and 256 MiB where it is cut."""
    whole = sum(part.end - part.start for part in parts)
    size = min(max(whole // (cores * _PARTS_PER_CORE), _LEAST_PART), _MOST_PART)
    return [piece for part in parts for piece in cut(part, size)]


def digest(path: Path) -> str:
    """Returns the fingerprint of a file's content, or of the contents of a folder's files."""
    found = hashlib.blake2b(digest_size=16)
    for each in _contents(path):
        with each.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                found.update(chunk)
    return found.hexdigest()


def _contents(path: Path) -> Iterator[Path]:
    return iter(sorted(path.glob("*.parquet"))) if path.is_dir() else iter((path,))


def stamp(path: Path) -> Stamp:
    """Returns a file's stamp, or that of a folder's files together."""
    stats = [each.stat() for each in _contents(path)]
    return Stamp(
        sum(each.st_size for each in stats),
        max(each.st_mtime_ns for each in stats),
        max(each.st_ctime_ns for each in stats),
    )


def is_unchanged(path: Path, known: FileState) -> bool:
    """True where the file's content is what it was: by its stamp, else (same size, other times) by its digest."""
    now = stamp(path)
    return now == known.stamp or (now.size == known.stamp.size and digest(path) == known.digest)
