"""Spark SQL as words: what two texts have in common when only comments and white space differ."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import lru_cache

# Hints look like comments and are none; a raw string knows no escapes.
_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<line>--(?:\\\n|[^\n])*)
    | (?P<hint>/\*\+)
    | (?P<block>/\*)
    | (?P<word>
          [rR]'[^']*' | [rR]"[^"]*"
        | '(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" | `(?:[^`]|``)*`
        | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$
        | \d[\w.]*(?:(?<=[eE])[+-]\d+)? | \.\d\w*
        | \w+
        | <=> | <> | <= | >= | != | == | \|\| | -> | => | :: | <<< | >>> | << | >> | \*/
        | .
      )
    """,
    re.VERBOSE | re.DOTALL,
)
_FENCE = re.compile(r"/\*|\*/")

# What gives another value each time, or each day. A name counts with what follows: `now(`, or alone where Spark takes
# it alone. `rand(42)` gives the same again.
_DAY = {"current_date", "curdate"}
_MOMENT = {"current_timestamp", "localtimestamp", "current_time"}
_MOMENT_CALLS = {"now", "unix_timestamp", "unix_micros", "unix_millis"}
_CHANCE_CALLS = {"rand", "random", "randn", "randstr", "uniform", "uuid", "shuffle"}
_SEEDED = {"rand": 1, "random": 1, "randn": 1, "randstr": 2, "uniform": 3, "uuid": 1, "shuffle": 2}


def tokens(sql: str) -> Iterator[str]:
    """Yields the words of Spark SQL without comments and white space; texts in quotes stay as they are."""
    at = 0
    while at < len(sql):
        match = _TOKEN.match(sql, at)
        assert match is not None  # the last alternative takes any character
        at = match.end()
        if match["block"]:
            at = _end_of_comment(sql, at)
        elif match["hint"] or match["word"]:
            yield match.group()


def digest(sql: str) -> str:
    """Returns 32 hexadecimal digits that only a change of a word changes."""
    return digest_of("\n".join(words(sql)))


@lru_cache(maxsize=4096)
def words(sql: str) -> tuple[str, ...]:
    """Returns the words of Spark SQL; see `tokens`."""
    return tuple(tokens(sql))


def digest_of(text: str) -> str:
    """Returns 32 hexadecimal digits of a text."""
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def uncommented(sql: str) -> str:
    """Returns the SQL in its lines, without comments, empty lines and space at their ends."""
    kept: list[str] = []
    at = 0
    while at < len(sql):
        match = _TOKEN.match(sql, at)
        assert match is not None
        at = match.end()
        if match["block"]:
            at = _end_of_comment(sql, at)
            kept.append(" ")
        elif not match["line"]:
            kept.append(match.group())
    lines = (line.rstrip() for line in "".join(kept).splitlines())
    return "\n".join(line for line in lines if line)


def clock(sql: str) -> str:
    """Returns how the SQL's result depends on when it runs.

    Returns:
        `run` where each run gives another one, `day` where each day does, empty where none does.
    """
    found = ""
    read = words(sql)
    for index, word in enumerate(read):
        name = word.lower()
        if name not in _NAMES or (index and read[index - 1].lower() in (".", "as")):
            continue
        called = read[index + 1 : index + 2] == ("(",)
        if name in _MOMENT or (name in _MOMENT_CALLS and called and read[index + 2 : index + 3] == (")",)):
            return "run"
        if name in _CHANCE_CALLS and called and _arguments(read, index + 1) < _SEEDED[name]:
            return "run"
        if name == "tablesample" and "repeatable" not in [one.lower() for one in read[index : index + 12]]:
            return "run"
        if name in _DAY:
            found = "day"
    return found


_NAMES = _DAY | _MOMENT | _MOMENT_CALLS | _CHANCE_CALLS | {"tablesample"}


def _arguments(read: tuple[str, ...], opening: int) -> int:
    """Returns how many arguments stand in the parentheses that open at an index."""
    depth = 0
    count = 0
    for index in range(opening, len(read)):
        word = read[index]
        if word in ("(", "[", "{"):
            depth += 1
            if depth == 1 and read[index + 1 : index + 2] != (")",):
                count = 1
        elif word in (")", "]", "}"):
            depth -= 1
            if depth == 0:
                break
        elif word == "," and depth == 1:
            count += 1
    return count


def _end_of_comment(sql: str, at: int) -> int:
    """Returns where the comment ends that is open at an index: Spark's comments nest."""
    depth = 1
    while depth and (fence := _FENCE.search(sql, at)):
        depth += 1 if fence.group() == "/*" else -1
        at = fence.end()
    return at if depth == 0 else len(sql)
