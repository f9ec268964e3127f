"""Turns what Spark says of a failed query into the model, the template's line, and one sentence."""

from __future__ import annotations

import re
from pathlib import Path

from runner.compile import Compiled

_LINE = re.compile(r"line (\d+),? pos(?:ition)? (\d+)")
_STATE = re.compile(r"\s*SQLSTATE: \w+")
_CAUSE = re.compile(r"^(?:Caused by: |: )[\w.$]+(?:Exception|Error): (\[[A-Z_.]+\])", re.MULTILINE)
_CONDITION = re.compile(r"^\[([A-Z_.]+)\]\s*")

_GONE = re.compile(
    r"FAILED_READ_FILE\.(?:FILE_NOT_EXIST|DBR_FILE_NOT_EXIST)\S*\s.*?while reading file (?:file:)?(\S+?\.parquet)",
    re.DOTALL,
)


def explain(error: Exception, compiled: Compiled, compiled_path: Path | None = None) -> str:
    """Returns *file:line: what Spark says.*, with the compiled file's path where there is one.

    Args:
        error: what running `compiled.sql` raised.
        compiled: the model's SQL.
        compiled_path: where the SQL was written.
    """
    text = first_words(error)
    line = _line(str(error))
    place = str(compiled.model.path)
    if line is not None:
        place += f":{compiled.template_line(line)}"
    where = f" Compiled: {compiled_path}" + (f":{line}" if line else "") if compiled_path else ""
    return f"{place}: {text}{where}"


def from_spark(error: Exception) -> bool:
    """True for what Spark raises of a query, as against a bug of ours."""
    return type(error).__module__.startswith(("pyspark.", "py4j."))


def first_words(error: Exception) -> str:
    """Returns what Spark says without its plan, stack, state and condition code: one line."""
    if gone := _GONE.search(str(error)):
        return (
            f"a data file is gone: {gone.group(1)}. A VACUUM removed it, of this table or of the one that it is a shallow "
            "clone of. Clone it again (`run clone`), go back to a version whose files are there (`run restore`), or build it."
        )
    lines = _root_cause(str(error)).strip().splitlines() or [type(error).__name__]
    kept: list[str] = []
    for line in lines:
        if line.startswith(("== SQL", "'", "+-", ":-", "\tat ", "JVM stacktrace", "Traceback", "    at ")) or (
            kept and not line.strip()
        ):
            break
        kept.append(line.strip())
    text = " ".join(kept)
    text = _STATE.split(text)[0]
    text = _CONDITION.sub("", text)
    text = re.sub(r";?\s*line \d+ pos \d+;?\s*$", "", text).strip()
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _root_cause(text: str) -> str:
    """Returns the text from the innermost cause that Spark gave a condition; the whole text where there is none."""
    causes = list(_CAUSE.finditer(text))
    return text[causes[-1].start(1) :] if causes else text


def _line(message: str) -> int | None:
    match = _LINE.search(message)
    return int(match.group(1)) if match else None
