"""Which queries are one condition over a table's rows.

`select * from clv where total < 0` asks how many rows satisfy `total < 0`: that is counted in the one job that counts
everything else. Only what is certainly of that form is taken, and the condition's text is taken as it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

_PLAIN = {"STAR", "COMMA", "VAR", "IDENTIFIER", "NUMBER", "STRING", "ALIAS", "DOT", "NULL", "TRUE", "FALSE"}


def row_condition(sql: str, table: str) -> str:
    """Returns the condition that the query's rows satisfy among the rows of `table`; empty where it is not so simple.

    Args:
        sql: a query in Spark SQL.
        table: how the table is written in it.
    """
    text = sql.strip().rstrip(";").rstrip()
    try:
        tokens = _tokens(text)
    except Exception:
        return ""
    found = _condition(text, tokens, table)
    return found if found is not None and found != "" else ""


def _tokens(text: str) -> list[Any]:
    return list(_dialect().tokenize(text))


@cache
def _dialect() -> Any:
    from sqlglot.dialects.dialect import Dialect

    return Dialect.get_or_raise("spark")


def _condition(text: str, tokens: Sequence[Any], table: str) -> str | None:
    """Returns the condition of `select <columns> from <table> [alias] where <condition>`, or of one around another."""
    kinds = [token.token_type.name for token in tokens]
    if not kinds or kinds[0] != "SELECT" or "FROM" not in kinds or "WHERE" not in kinds:
        return None
    start = kinds.index("FROM")
    if not set(kinds[1:start]) <= _PLAIN:
        return None  # a function may count or explode rows
    if kinds[start + 1] == "L_PAREN":
        end = _closing(kinds, start + 1)
        inner = _condition(text, tokens[start + 2 : end], table) if end else None
        if end is None or inner is None:
            return None
    else:
        end = _named(text, tokens, start + 1, table)
        inner = ""
        if end is None:
            return None
    after = end + 1
    alias = ""
    if after < len(kinds) and kinds[after] == "ALIAS":
        after += 1
    if after < len(kinds) and kinds[after] in ("VAR", "IDENTIFIER"):
        alias = tokens[after].text
        after += 1
    if after >= len(kinds) or kinds[after] != "WHERE" or after + 1 >= len(kinds):
        return None
    names = {word.strip("`").lower() for word in (*table.split("."), alias) if word}
    rest = kinds[after + 1 :]
    if {"SELECT", "GROUP_BY", "ORDER_BY", "LIMIT", "OVER", "UNION", "HAVING", "WINDOW", "QUALIFY", "OFFSET"} & set(
        rest
    ):
        return None
    if {"CLUSTER_BY", "DISTRIBUTE_BY", "SORT_BY", "EXCEPT", "INTERSECT", "LATERAL", "FILTER", "WHERE"} & set(rest):
        return None
    if any(
        token.text.lower() in names for token in tokens[after + 1 :] if token.token_type.name in ("VAR", "IDENTIFIER")
    ):
        return None  # a column written with its table's name: it has another one here
    condition = text[tokens[after + 1].start : tokens[-1].end + 1]
    return f"({inner}) AND ({condition})" if inner else condition


def _closing(kinds: Sequence[str], opening: int) -> int | None:
    depth = 0
    for index in range(opening, len(kinds)):
        depth += (kinds[index] == "L_PAREN") - (kinds[index] == "R_PAREN")
        if depth == 0:
            return index
    return None


def _named(text: str, tokens: Sequence[Any], start: int, table: str) -> int | None:
    """Returns the index of the last token of the table's name at `start`; None where another name stands there."""
    wanted = table.replace("`", "")
    for end in range(start, min(start + 5, len(tokens))):
        written = "".join(token.text for token in tokens[start : end + 1])
        if written.lower() == wanted.lower():
            return end
    return None
