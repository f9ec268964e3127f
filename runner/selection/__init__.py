"""Which nodes a person means: dbt's selectors, with parentheses and a few methods more.

clv                 a name, or a dotted prefix of folders; fnmatch wildcards
tag:nightly  path:models/marts  source:mongodb.users  config.materialized:table  state:modified  changed:main
+clv  clv+  2+clv+1  with ancestors, descendants, up to a depth
@clv                descendants, and all ancestors of both
a b                 union             a,b   intersection (binds tighter)
(a b),tag:x         parentheses, also with graph operators: 1+(a b)+

grammar    text to an expression       methods   what `tag:x` chooses among nodes
nodes      what is chosen from         evaluate  an expression to unique ids, with the tests that come along
named      selectors.yml               state     what earlier runs left, and what differs from them
changed    what git says               suggest   the nearest name where nothing matches
"""

from __future__ import annotations

from runner.selection.evaluate import select
from runner.selection.grammar import INDIRECT, Expression, Indirect, parse_selector
from runner.selection.named import NamedSelectors, read_selectors
from runner.selection.nodes import Selectable
from runner.selection.state import StateView

__all__ = [
    "INDIRECT",
    "Expression",
    "Indirect",
    "NamedSelectors",
    "Selectable",
    "StateView",
    "parse_selector",
    "read_selectors",
    "select",
]
