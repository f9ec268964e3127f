"""A stretch of time that a query is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from runner.errors import FormatError


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """From `start` on and before `end`, both in UTC; None is without bound.

    Raises:
        FormatError: it holds no moment.
    """

    start: datetime | None = None
    end: datetime | None = None

    def __post_init__(self) -> None:
        for moment in (self.start, self.end):
            if moment is not None and moment.tzinfo is None:
                raise ValueError("a window's moments carry their zone")
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise FormatError(
                f"the window holds no moment: from {shown(self.start)} until before {shown(self.end)}. "
                "Give an earlier --from, or a later --until."
            )

    @property
    def is_open(self) -> bool:
        """True where neither side is bounded."""
        return self.start is None and self.end is None


def moment(text: str) -> datetime:
    """Returns the moment that a day (its beginning) or an ISO date and time names; without a zone it is UTC.

    Raises:
        FormatError: the text is neither.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise FormatError(f'"{text}" is no time. Write a day or a moment: 2026-01-31, 2026-01-31T18:30:00.') from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def shown(value: datetime) -> str:
    """Returns a moment as ISO text in UTC, a midnight as its day."""
    text = value.astimezone(UTC).replace(tzinfo=None).isoformat()
    return text.removesuffix("T00:00:00") if text.endswith("T00:00:00") else f"{text}Z"
