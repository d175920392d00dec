"""Read points in time as people and exporters write them, and print them. All UTC."""

from __future__ import annotations

from datetime import UTC, datetime

_EARLIEST, _LATEST = -62_135_424_000.0, 253_402_128_000.0
"""The years 1 to 9999, the range of `datetime`, less two days at both ends: ticks reach further than samples."""
_UNITS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
"""From this number on an epoch time counts nanoseconds, microseconds, milliseconds: as seconds it would lie beyond the
year 5000."""
_LONGEST = 40


def parse_moment(given: str | float) -> float:
    """Unix seconds from ISO 8601 (without a zone: UTC) or from an epoch time in s, ms, us or ns.

    Raises:
        ValueError: it is neither, or is outside the years 1 to 9999.
    """
    if isinstance(given, str):
        text = given.strip()
        if len(text) > _LONGEST or "_" in text:
            raise ValueError(given)
        try:
            seconds = _epoch(float(text))
        except ValueError:
            at = datetime.fromisoformat(f"{text[:-4]}Z" if text.endswith(" UTC") else text)
            seconds = (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
    else:
        seconds = _epoch(float(given))
    if not _EARLIEST <= seconds <= _LATEST:
        raise ValueError(given)
    return seconds


def _epoch(number: float) -> float:
    if number != number:
        raise ValueError(number)
    size = abs(number)
    return next((number / unit for least, unit in _UNITS if size >= least), number)


def utc(at: float) -> datetime:
    """Unix seconds as a UTC datetime."""
    return datetime.fromtimestamp(at, UTC)


def iso(at: float) -> str:
    """`2026-03-02T12:00:00Z`, with milliseconds where there are any."""
    when = utc(at)
    return when.isoformat(timespec="milliseconds" if when.microsecond else "seconds").replace("+00:00", "Z")
