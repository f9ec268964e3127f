"""What makes a check the same check in two runs: what it asks and of which rows, not where its limits lie."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable

from expectations.suite import Expectation

# Arguments of these kinds say what is looked at; numbers, limits, lists of accepted values say what is allowed.
_ASKED = frozenset({"column", "columns", "sql", "sqls", "table", "text", "texts", "choice"})


def check_id(expectation: Expectation) -> str:
    """Returns the check's name in the history: `expect_column_mean_to_be_between.total`.

    A data test has its own unique id. Where more than the columns says what is asked (a condition, another table, a row
    condition) eight hexadecimal digits of it follow. Other limits, severities and names leave it as it is.
    """
    if expectation.test_id:
        return expectation.test_id
    asked = {"where": expectation.where} if expectation.where else {}
    columns = []
    for argument in expectation.definition.arguments:
        value = expectation.arguments.get(argument.name)
        if argument.kind not in _ASKED or value is None or value == argument.default:
            continue
        if argument.kind == "column":
            columns.append(str(value))
        elif argument.kind == "columns":
            columns.extend([value] if isinstance(value, str) else map(str, value))
        else:
            asked[argument.name] = value
    words = [expectation.type, "-".join(columns)] if columns else [expectation.type]
    if asked:
        text = json.dumps(asked, sort_keys=True, default=str)
        words.append(hashlib.blake2b(text.encode(), digest_size=4).hexdigest())
    return ".".join(words)


def check_ids(expectations: Iterable[Expectation]) -> list[str]:
    """Returns the name of each check of one table; of equal ones the second is `…#2`."""
    seen: Counter[str] = Counter()
    found = []
    for one in expectations:
        name = check_id(one)
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return found
