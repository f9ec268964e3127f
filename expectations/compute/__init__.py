"""The one pass: what a suite needs to know of its table, computed once.

conditions   which rows are unexpected: Great Expectations' questions of single rows as conditions in Spark SQL
metrics      Great Expectations' metrics as aggregates and queries
job          needs to values, in this process where the rows are at hand, all others in one Spark job
"""

from __future__ import annotations

from expectations.compute.job import TOGETHER, Aggregates, Computed, Data, compute, types_of

__all__ = ["TOGETHER", "Aggregates", "Computed", "Data", "compute", "types_of"]
