"""How a node becomes a table or a view: first a candidate, then, if its checks pass, one publishing step.

view         the query itself is the candidate; publishing replaces the view's definition
table        written as a Delta table inside the published one's folder; publishing is one commit
incremental  the first time a table; later a shallow clone of the published table, changed by the model's strategy:
             checks see the final table, and publishing commits only what changed
ephemeral    nothing is built
"""

from __future__ import annotations

from runner.materialize.build import goes_on, make_candidate
from runner.materialize.candidate import Candidate, Work, discard, withhold
from runner.materialize.publishing import announce, commit, publish

__all__ = ["Candidate", "Work", "announce", "commit", "discard", "goes_on", "make_candidate", "publish", "withhold"]
