"""A regular expression that all of some ids match: `^user_\\d{6}$` of user_001589, user_000042, …"""

from __future__ import annotations

import re
from collections.abc import Sequence

_SEPARATORS = r"[_\-#:./]"
_CLASSES = (
    (r"\d", re.compile(r"\d+")),
    (r"[0-9a-f]", re.compile(r"[0-9a-f]+")),
    (r"[0-9A-F]", re.compile(r"[0-9A-F]+")),
    (r"[a-z]", re.compile(r"[a-z]+")),
    (r"[A-Z]", re.compile(r"[A-Z]+")),
    (r"[0-9a-z]", re.compile(r"[0-9a-z]+")),
    (r"[0-9A-Za-z]", re.compile(r"[0-9A-Za-z]+")),
)
_FEWEST = 5


def shape(values: Sequence[str]) -> str:
    """Returns the narrowest pattern of a fixed beginning and parts of one kind of characters; empty where there is none.

    Args:
        values: ids, a sample of them; fewer than five different ones tell nothing.
    """
    known = sorted(set(values))
    if len(known) < _FEWEST or any(not value for value in known):
        return ""
    prefix = re.match(rf"(.*{_SEPARATORS})?", _common(known))
    begin = prefix[0] if prefix else ""
    rests = [re.split(f"({_SEPARATORS})", value[len(begin) :]) for value in known]
    if len({(len(rest), *rest[1::2]) for rest in rests}) != 1:
        return ""
    parts = [_part([rest[place] for rest in rests]) for place in range(0, len(rests[0]), 2)]
    if not all(parts):
        return ""
    separators = [re.escape(one) for one in rests[0][1::2]]
    body = "".join(part + separator for part, separator in zip(parts, [*separators, ""], strict=True))
    is_fixed = all("{" in part for part in parts)
    return f"^{_escaped(begin)}{body}$" if begin or is_fixed else ""


def _common(known: Sequence[str]) -> str:
    """Returns the beginning that sorted texts have in common: that of the first and the last."""
    first, last = known[0], known[-1]
    length = next(
        (place for place, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last))
    )
    return first[:length]


def _escaped(text: str) -> str:
    return re.sub(r"([.^$*+?{}\[\]|()\\])", r"\\\1", text)


def _part(values: Sequence[str]) -> str:
    for kind, pattern in _CLASSES:
        if all(pattern.fullmatch(value) for value in values):
            lengths = {len(value) for value in values}
            return f"{kind}{{{lengths.pop()}}}" if len(lengths) == 1 else f"{kind}+"
    return ""
