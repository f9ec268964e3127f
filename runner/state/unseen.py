"""Tables that a model's SQL names by itself, without `ref` or `source`: whether they changed cannot be seen."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from runner.state.tokens import words


def unseen_tables(sql: str, known: Collection[str]) -> list[str]:
    """Returns the tables, as `schema.name`, that the SQL reads and that are none of `known`."""
    candidates = {name for name in _named(sql) if name not in known}
    return sorted(candidates & _tables(sql)) if candidates else []


def _named(sql: str) -> Iterator[str]:
    """Yields every name with a schema that stands where a table may: cheap, and with some that are columns."""
    read = words(sql)
    for index, word in enumerate(read):
        if word.lower() in ("from", "join") and read[index + 2 : index + 3] == (".",):
            end = index + 2
            while read[end + 2 : end + 3] == (".",):
                end += 2
            yield "".join(read[index + 1 : end + 2]).replace("`", "")


def _tables(sql: str) -> set[str]:
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(sql, read="spark")
    except (SqlglotError, RecursionError):
        return set()  # Spark has understood it; that it names such a table is not sure
    return {".".join(part.name for part in table.parts) for table in tree.find_all(exp.Table) if len(table.parts) > 1}
