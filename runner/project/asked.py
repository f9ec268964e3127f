"""What templates ask for while a project is parsed, taken over from the reading before where all that it hangs on is the same."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from runner.errors import ProjectError
from runner.jinja.literal import literal_calls
from runner.jinja.render import Captured, Renderer, Scope
from runner.model import Macro, SourceTable
from runner.project.lookup import Lookup
from runner.recall import digest, note_clock, piece

_CLOCKS = ("run_started_at", "modules", "datetime")


class Asked:
    """What templates ask for.

    Args:
        macros, sources, around: all that a template may look at beside its own text and settings; `around` holds the
            variables, the target and the like. Environment variables belong to it as well: a reading in another
            environment takes nothing over (`runner.project.cache`).
    """

    def __init__(
        self,
        renderer: Renderer,
        lookup: Lookup,
        macros: Iterable[Macro],
        sources: Iterable[SourceTable],
        around: Mapping[str, Any],
    ) -> None:
        self._renderer = renderer
        self._lookup = lookup
        self._around = digest(
            *(f"{macro.unique_id} {macro.path}\n{macro.source}" for macro in macros),
            *(f"{table.unique_id} {table.table}" for table in sources),
            json.dumps(dict(around), sort_keys=True, default=repr),
        ).hex()

    def of(self, text: str, scope: Scope, package: str) -> Captured:
        """Returns what the template asks for, in an incremental run as well.

        Raises:
            ProjectError: the template is wrong; the message names file and line.
        """
        if any(word in text for word in _CLOCKS):
            note_clock()
        calls = literal_calls(text)
        if calls is not None:
            return self._renderer.asked(text, scope, calls)
        config = json.dumps(dict(scope.config), sort_keys=True, default=repr)
        key = ("asked", self._around, package, scope.place, text, config)
        found = piece(key, lambda: self._fresh(text, scope))
        return found if self._is_known(found, package) else self._fresh(text, scope)

    def _fresh(self, text: str, scope: Scope) -> Captured:
        captured = self._renderer.render(text, scope)[1]
        if "is_incremental" in text:
            second = self._renderer.render(text, replace(scope, is_incremental=True))[1]
            captured.refs |= second.refs
            captured.sources |= second.sources
            captured.macros |= second.macros
        return captured

    def _is_known(self, captured: Captured, package: str) -> bool:
        """Says whether all that was asked for is still there; where not, rendering tells the line."""
        try:
            for ref in captured.refs:
                self._lookup.ref(ref, package)
            for source, table in captured.sources:
                self._lookup.source(source, table, package)
        except ProjectError:
            return False
        return True
