"""Files of the shop: rows into JSON or Parquet, and a folder that is replaced as a whole."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from runner.errors import FormatError, ProjectError
from simulate.jsontext import json_rows
from simulate.settings import Layout

Write = Callable[[Any], None]
MANIFEST = "shop.json"
FORMAT_VERSION = 1
_KEEP = ".gitkeep"  # of an empty folder in a repository; stays where it is
_SEPARATORS: dict[Layout, bytes] = {"line": b",", "indented": b",\n  ", "lines": b"\n"}
_OPENINGS: dict[Layout, bytes] = {"line": b"[", "indented": b"[\n  ", "lines": b""}
_CLOSINGS: dict[Layout, bytes] = {"line": b"]", "indented": b"\n]", "lines": b"\n"}
_EMPTY: dict[Layout, bytes] = {"line": b"[]", "indented": b"[]", "lines": b""}


def rows_of(table: pa.Table, layout: Layout) -> pa.Array:
    """Returns the JSON text of each row, as it stands in a file of that layout."""
    indented = layout == "indented"
    return json_rows(table, indent=indented, depth=1 if indented else 0)


def block_of(rows: pa.Array, layout: Layout) -> bytes:
    """Returns the rows as one run of bytes, separated as the layout separates them."""
    whole = pa.ListArray.from_arrays(pa.array([0, len(rows)], pa.int32()), rows)
    separator = _SEPARATORS[layout].decode()
    return bytes(pc.binary_join(whole, separator)[0].as_buffer())


@contextmanager
def row_file(path: Path, layout: Layout, sample: bytes | pa.Table) -> Iterator[Write]:
    """Opens a file of rows and gives the function that adds some: bytes from `block_of` to JSON, tables to Parquet.

    Args:
        sample: something that will be written, which tells the form of the file.
    """
    if isinstance(sample, bytes):
        with path.open("wb") as file, _json_rows(file, layout) as write:
            yield write
    else:
        with pq.ParquetWriter(path, sample.schema, compression="zstd") as writer:
            yield writer.write_table


@contextmanager
def _json_rows(file: BinaryIO, layout: Layout) -> Iterator[Write]:
    is_empty = True

    def write(block: bytes) -> None:
        nonlocal is_empty
        if block:
            file.write(_OPENINGS[layout] if is_empty else _SEPARATORS[layout])
            file.write(block)
            is_empty = False

    yield write
    file.write(_CLOSINGS[layout] if not is_empty else _EMPTY[layout])


def plain(table: pa.Table) -> pa.Table:
    """Returns the table without dictionary columns, whose nested form not every Parquet reader knows."""
    return table.cast(pa.schema([field.with_type(_plain_type(field.type)) for field in table.schema]))


def _plain_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return kind.value_type
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_plain_type(field.type)) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(kind.key_type, _plain_type(kind.item_type))
    if pa.types.is_list(kind):
        return pa.list_(_plain_type(kind.value_type))
    return kind


def write_document(path: Path, document: dict[str, Any]) -> None:
    """Writes an indented JSON document."""
    path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


@contextmanager
def replaced_folder(out: Path) -> Iterator[Path]:
    """Gives an empty folder beside `out` that takes its place when the block ends well, and vanishes when it does not.

    Raises:
        ProjectError: `out` holds anything that no generated shop has; nothing is touched then.
    """
    check_replaceable(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".partial", dir=out.parent))
    try:
        yield fresh
        check_replaceable(out)
        fresh.chmod(0o755)
        if (out / _KEEP).exists():
            (fresh / _KEEP).touch()
        if out.exists():
            old = fresh.with_suffix(".old")
            out.rename(old)
            fresh.rename(out)
            shutil.rmtree(old)
        else:
            fresh.rename(out)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def check_replaceable(out: Path) -> None:
    """Raises ProjectError unless `out` is missing, empty, or exactly a generated shop."""
    if not out.exists():
        return
    if not out.is_dir():
        raise ProjectError(f"{out}: this is a file, and a shop is a folder. Give a folder.")
    found = {entry.name for entry in out.iterdir() if entry.name != _KEEP}
    if not found:
        return
    if MANIFEST not in found:
        raise ProjectError(
            f"{out}: this folder holds files and is no generated shop (it has no {MANIFEST}). "
            "Give another folder, or empty this one."
        )
    strange = sorted(found - {MANIFEST} - _written(out / MANIFEST))
    if strange:
        raise ProjectError(
            f'{out}: "{strange[0]}" is not of the generated shop and would be lost. Move it away, or give another folder.'
        )


def _written(manifest: Path) -> set[str]:
    """Returns the names of the files that a manifest lists."""
    try:
        return set(orjson.loads(manifest.read_bytes())["files"])
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise FormatError(
            f"{manifest}: this is not the manifest of a generated shop. Give another folder, or remove this one."
        ) from error
