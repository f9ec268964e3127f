"""Intervals drawn beside their figures, all of a table on one scale."""

from __future__ import annotations

import math

from runner.insights.finding import Finding

_WIDTH, _HEIGHT, _EDGE = 150, 18, 5  # CSS pixels


def drawn(finding: Finding) -> list[str]:
    """Returns for each row of a finding its value and interval as SVG; nothing where not all rows have finite ones.

    The upright line is where values would be if there was nothing to find.
    """
    values = [row.value for row in finding.rows if row.value is not None]
    if not finding.is_drawn or len(values) != len(finding.rows) or not values:
        return []
    ends = [end for one in values for end in (one.low, one.high)] + ([finding.null] if finding.null is not None else [])
    low, high = min(ends), max(ends)
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return []
    middle = _HEIGHT / 2

    def x(value: float) -> float:
        return _EDGE + (value - low) / (high - low) * (_WIDTH - 2 * _EDGE)

    null = f'<path class="zero" d="M{x(finding.null):.1f} 0v{_HEIGHT}"/>' if finding.null is not None else ""
    return [
        f'<svg class="interval" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" aria-hidden="true" '
        f'focusable="false">{null}<path class="reach" d="M{x(one.low):.1f} {middle:g}H{x(one.high):.1f}"/>'
        f'<circle class="value" cx="{x(one.value):.1f}" cy="{middle:g}" r="3.5"/></svg>'
        for one in values
    ]
