"""Which checks belong to which table, and what they say of it: suites and data tests, as one set.

gather     suites of `expectations/suites` and tests of property files, by the table that they check
rendered   a data test, generic or singular, as a query over the table under check
fuse       which queries are one condition over the table's rows, to be counted with everything else
audit      everything that is asked of one table, in as few Spark jobs as it takes
stored     tables that keep failing rows
told       results as dbt's artifacts name them
"""

from __future__ import annotations

from runner.quality.gather import Quality, load_quality

__all__ = ["Quality", "load_quality"]
