"""Needs to values without Spark: over tables whose rows are at hand on this machine, by DuckDB in this process.

values      expressions of Spark SQL as DuckDB's, where they mean the same
queries     queries, likewise
answer      the engine: what is asked of rows at hand, as Spark would give it

Below some hundred megabytes Spark's planning, not its reading, is what checks cost. What is taken over is computed here, in
milliseconds; all else, and whatever raises here, is left for Spark, which then computes it or says what is wrong.
"""

from __future__ import annotations

from expectations.in_process.answer import InProcess

__all__ = ["InProcess"]
