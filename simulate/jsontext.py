"""Arrow tables as JSON text, a column at a time.

Every cell's text is built by Arrow's own kernels (joins and takes over whole columns), so a row costs no Python work.
The forms are those that Python's `json` writes: ISO timestamps without a zone, with microseconds only where there are
any; floats in their shortest form; nulls written out. One departure: a float that is zero reads `0`, as the shop's
exports have it for "no discount".
"""

from __future__ import annotations

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from runner.errors import FormatError

_NEEDS_ESCAPE = r'["\\\x00-\x1f]'


def json_rows(table: pa.Table, *, indent: bool = False, depth: int = 0) -> pa.Array:
    """Returns one JSON object per row of `table`, as strings.

    Args:
        indent: spread objects and arrays over lines, two spaces a level, as `json.dumps(indent=2)` does.
        depth: the level at which the rows stand; 1 inside an indented array.
    """
    columns = [(name, table.column(name).combine_chunks()) for name in table.column_names]
    return _object([(name, _text(column, indent, depth + 1)) for name, column in columns], indent, depth)


def _text(array: pa.Array, indent: bool, depth: int) -> pa.Array:
    """Returns the JSON text of every value of `array`; null values read `null`."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _or_null(_text(array.dictionary, indent, depth).take(array.indices))
    if pa.types.is_struct(kind):
        fields = [(kind.field(i).name, _text(array.field(i), indent, depth + 1)) for i in range(kind.num_fields)]
        return _object(fields, indent, depth)
    if pa.types.is_map(kind):
        keys = _text(array.keys, indent, depth + 1)
        colon = ": " if indent else ":"
        entries = pc.binary_join_element_wise(keys, _text(array.items, indent, depth + 1), colon)
        return _joined(pa.ListArray.from_arrays(array.offsets, entries), "{}", indent, depth)
    if pa.types.is_list(kind):
        values = _text(array.values, indent, depth + 1)
        return _joined(pa.ListArray.from_arrays(array.offsets, values), "[]", indent, depth)
    return _or_null(_scalar_text(array))


def _scalar_text(array: pa.Array) -> pa.Array:
    kind = array.type
    if pa.types.is_string(kind):
        return _quoted(array)
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return array.cast(pa.string())
    if pa.types.is_floating(kind):
        return _float_text(array)
    if pa.types.is_timestamp(kind):
        return pc.binary_join_element_wise('"', iso_text(array), '"', "")
    raise FormatError(
        f'simulate: a column of type "{kind}" has no JSON form. Use text, numbers, times or nests of them.'
    )


def iso_text(times: pa.Array) -> pa.Array:
    """Returns timestamps (microseconds) as ISO strings without a zone: microseconds only where they are not zero."""
    micros = times.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    seconds = pa.array(micros // 1_000_000, pa.timestamp("s")).cast(pa.string())
    text = pc.replace_substring(seconds, " ", "T", max_replacements=1)
    rest = micros % 1_000_000
    if rest.any():
        digits = pc.utf8_lpad(pa.array(rest).cast(pa.string()), 6, "0")
        text = pc.if_else(pa.array(rest > 0), pc.binary_join_element_wise(text, digits, "."), text)
    return pc.if_else(times.is_valid(), text, pa.scalar(None, pa.string())) if times.null_count else text


def _float_text(array: pa.Array) -> pa.Array:
    text = array.cast(pa.string())
    whole = pc.invert(pc.match_substring_regex(text, r"[.e]"))
    bare = pc.or_(pc.invert(whole), pc.equal(array, 0.0))
    return pc.if_else(bare, text, pc.binary_join_element_wise(text, ".0", ""))


def _quoted(array: pa.Array) -> pa.Array:
    if not pc.any(pc.match_substring_regex(array, _NEEDS_ESCAPE)).as_py():
        return pc.binary_join_element_wise('"', array, '"', "")
    quoted = [None if value is None else orjson.dumps(value).decode() for value in array.to_pylist()]
    return pa.array(quoted, pa.string())


def _or_null(text: pa.Array) -> pa.Array:
    return text.fill_null("null") if text.null_count else text


def _object(fields: list[tuple[str, pa.Array]], indent: bool, depth: int) -> pa.Array:
    gap = "\n" + "  " * (depth + 1) if indent else ""
    colon = ": " if indent else ":"
    parts: list[pa.Array | str] = []
    for position, (name, text) in enumerate(fields):
        before = ("{" if position == 0 else ",") + gap
        parts += [before + orjson.dumps(name).decode() + colon, text]
    end = "\n" + "  " * depth + "}" if indent else "}"
    return pc.binary_join_element_wise(*parts, end, "")


def _joined(lists: pa.ListArray, brackets: str, indent: bool, depth: int) -> pa.Array:
    gap = "\n" + "  " * (depth + 1) if indent else ""
    end = "\n" + "  " * depth if indent else ""
    inner = pc.binary_join(lists, "," + gap)
    text = pc.binary_join_element_wise(brackets[0] + gap, inner, end + brackets[1], "")
    if not indent:
        return text
    empty = np.diff(lists.offsets.to_numpy()) == 0
    return pc.if_else(pa.array(empty), pa.scalar(brackets), text) if empty.any() else text
