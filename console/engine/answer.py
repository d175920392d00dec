"""The result of an intent: a toast, or an exit code."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Result(StrEnum):
    """How an intent ended."""

    ACCEPTED = "accepted"
    """Recorded, and every call it made was accepted."""
    REFUSED = "refused"
    """A gate is closed, the journal cannot be written, or a backend said no."""
    UNKNOWN = "unknown"
    """A call's outcome is unknown until the next read."""
    MOVED = "moved"
    """Another decision moved the rollout first."""
    UNJOURNALED = "unjournaled"
    """The journal could not be read or written; the line says what was done regardless."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How one intent ended."""

    result: Result
    line: str
    """One plain line: what happened and what to do."""
    details: tuple[str, ...] = ()
    """Further lines for a headless verb, one per step."""
