"""Errors that need a person's change in the project, its data or its machine.

    ProjectError                 something in the project needs a change; printed as one line, exit 2
    ├── NotFoundError            a name that nothing has, with the nearest name
    ├── FormatError              a file that cannot be read as what it should be
    ├── NothingSelected          what was asked for (`state:modified`, `failed:`) holds of nothing now; printed, exit 0
    ├── ContractError            data or a model's result that breaks what was promised of it
    └── MachineError             the machine lacks something (Java, jars, a server)

Anything else that is raised is a bug and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ProjectError(Exception):
    """Something in the project needs a person's change. The message reads *place: what is wrong. The way out.*"""


class FormatError(ProjectError):
    """A file is not what it should be: broken YAML, an unknown key, truncated JSON."""


class NothingSelected(ProjectError):
    """A selector of what changes between runs chooses nothing: there is nothing to do, and nothing is wrong."""


class ContractError(ProjectError):
    """Data, or the result of a model, breaks what was promised of it."""


class MachineError(ProjectError):
    """The machine lacks something that the command needs."""


class NotFoundError(ProjectError):
    """A name that nothing in the project has.

    Attributes:
        name: the word as it was written.
        nearest: the closest existing name, or None.
    """

    def __init__(self, message: str, *, name: str, known: Iterable[str] = ()) -> None:
        self.name = name
        self.nearest = nearest(name, known)
        super().__init__(message + did_you_mean(name, known))


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Returns the name in `known` that is closest to `word`, or None where none is close."""
    options = list(known)
    by_case = {option.lower(): option for option in options}
    if word.lower() in by_case:
        return by_case[word.lower()]
    matches = difflib.get_close_matches(word, options, n=1, cutoff=0.6)
    return matches[0] if matches else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Returns ' Did you mean "x"?' for the closest known name, or an empty string."""
    match = nearest(word, known)
    return f' Did you mean "{match}"?' if match else ""
