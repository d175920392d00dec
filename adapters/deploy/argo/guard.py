"""Guard tokens: the Rollout that a decision was based on, in short.

A token travels as the `revision` of a reading, through the decision card and the journal, back to the patch.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache

from adapters.deploy.argo.wire import REVISION, Rollout

_COMPACT = json.JSONEncoder(separators=(",", ":"))

Pause = tuple[str, str]
"""(reason, startTime) as the controller wrote them."""


@dataclass(frozen=True, slots=True)
class GuardToken:
    """The state of a Rollout that a guard compares."""

    index: int | None
    """currentStepIndex; None without steps."""
    hash: str
    stable: str
    pauses: tuple[Pause, ...] = ()
    by_hand: bool = False
    """spec.paused"""
    aborted: bool = False
    full: bool = False
    """promoteFull"""
    active: str = ""
    """The active selector of a blue-green."""
    revision: str = ""
    """The revision annotation, which identifies the template."""

    @classmethod
    def of(cls, rollout: Rollout) -> GuardToken:
        """Take the state of a Rollout."""
        status, green = rollout.status, rollout.blue_green is not None
        return cls(
            index=None if green else status.index,
            hash=status.hash,
            stable=status.stable,
            pauses=tuple((pause.reason, pause.began) for pause in status.pauses),
            by_hand=bool(rollout.paused),
            aborted=bool(status.abort),
            full=bool(status.promote_full),
            active=status.active if green else "",
            revision=rollout.meta.annotations.get(REVISION, ""),
        )

    @classmethod
    @lru_cache(maxsize=1024)
    def parse(cls, text: str) -> GuardToken | None:
        """Parse the text that str() gave; None where it is another. Every order of a Rollout parses the same text."""
        try:
            index, hashed, stable, pauses, flags, active, revision = json.loads(text)
            by_hand, aborted, full = (flag in flags for flag in "paf")
            found = tuple((reason, began) for reason, began in pauses)
            return cls(index, hashed, stable, found, by_hand, aborted, full, active, revision)
        except (ValueError, TypeError, RecursionError):
            return None

    def __str__(self) -> str:
        flags = "".join(letter for letter, on in zip("paf", (self.by_hand, self.aborted, self.full), strict=True) if on)
        parts = [self.index, self.hash, self.stable, self.pauses, flags, self.active, self.revision]
        return _COMPACT.encode(parts)
