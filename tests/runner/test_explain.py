"""What Spark says of a failed query, cut down to one sentence."""

from __future__ import annotations

import pytest

from runner.explain import first_words

UNRESOLVED = """[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column, variable, or function parameter with name `totl` cannot be \
resolved. Did you mean one of the following? [`total`]. SQLSTATE: 42703; line 2 pos 2;
'Project ['totl]
+- SubqueryAlias orders
"""
NESTED = """An error occurred while calling o1306.save.
: org.apache.spark.SparkException: [TASK_WRITE_FAILED] Task failed while writing rows to file:/a. SQLSTATE: 58030
\tat org.apache.spark.sql.errors.QueryExecutionErrors$.taskFailed(QueryExecutionErrors.scala:776)
Caused by: org.apache.spark.SparkArithmeticException: [DIVIDE_BY_ZERO] Division by zero. Use `try_divide` to tolerate \
divisor being 0 and return NULL instead. SQLSTATE: 22012
== SQL (line 2, position 3) ==
  1 / (order_id - 1) as ratio
\tat org.apache.spark.sql.errors.QueryExecutionErrors$.divideByZeroError(QueryExecutionErrors.scala:203)
"""
SYNTAX = """[PARSE_SYNTAX_ERROR] Syntax error at or near 'form'. SQLSTATE: 42601 (line 1, pos 9)

== SQL ==
select * form t
---------^^^
"""


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            UNRESOLVED,
            "A column, variable, or function parameter with name `totl` cannot be resolved. "
            "Did you mean one of the following? [`total`].",
        ),
        (NESTED, "Division by zero. Use `try_divide` to tolerate divisor being 0 and return NULL instead."),
        (SYNTAX, "Syntax error at or near 'form'."),
        ("no condition at all", "no condition at all."),
        ("", "ValueError."),
    ],
)
def test_first_words(said: str, words: str) -> None:
    assert first_words(ValueError(said)) == words
