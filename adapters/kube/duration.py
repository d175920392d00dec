"""Parse durations as Go programs write them: "1h30m", "45s"."""

from __future__ import annotations

import re

_DURATION = re.compile(r"(?:([0-9.]+)h)?(?:([0-9.]+)m)?(?:([0-9.]+)s)?(?:([0-9.]+)ms)?")
_UNITS_S = (3600.0, 60.0, 1.0, 0.001)


def go_duration_s(text: str) -> float | None:
    """Parse a duration, in seconds; None where it is not one. Source: Go, time.ParseDuration; without µs and ns."""
    found = _DURATION.fullmatch(text)
    try:
        return None if found is None else sum(float(n) * u for n, u in zip(found.groups(), _UNITS_S, strict=True) if n)
    except ValueError:
        return None
