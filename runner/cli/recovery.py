"""What the next command does after a process died while it published several tables together."""

from __future__ import annotations

from pathlib import Path

from runner.publishing.journal import Recovered, recover


def told(found: Recovered) -> str:
    """Returns in words what became of a set whose process had died."""
    why = "a process died while it published several tables together"
    if found.completed:
        return f"{why}; all of them are published."
    names = ", ".join(f"{table.parent.name}.{table.name}" for table in found.taken_back)
    done = f"taken back: {names}" if names else "nothing was published yet"
    return f"{why}; {done}. All stand as before that run."


def recover_sets(warehouse: Path) -> list[str]:
    """Ends what dead processes did not finish of sets that are published together; returns what to say of it."""
    return [told(found) for found in recover(warehouse)]
