"""What somebody saw of a Canary when they decided, as one short text: the `revision` of a reading."""

from __future__ import annotations

import json
from dataclasses import dataclass

from adapters.deploy.flagger.wire import Canary


class Unreadable(ValueError):
    """A text that is not what `str(Seen)` gives."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A Canary at the moment somebody looked."""

    phase: str
    weight: int
    iterations: int
    applied: str
    """The hash of the release that is under way, or was last."""
    promoted: str
    suspended: bool = False
    skips: bool = False

    @classmethod
    def of(cls, canary: Canary) -> Seen:
        status, spec = canary.status, canary.spec
        return cls(
            status.phase, status.weight, status.iterations, status.applied, status.promoted, spec.suspend, spec.skip
        )

    @classmethod
    def parse(cls, text: str) -> Seen:
        """The reverse of str(). Raises Unreadable."""
        try:
            phase, weight, iterations, applied, promoted, flags = json.loads(text)
            return cls(
                str(phase), int(weight), int(iterations), str(applied), str(promoted), "s" in flags, "k" in flags
            )
        except (ValueError, TypeError, RecursionError):
            raise Unreadable("what was seen cannot be read") from None

    def __str__(self) -> str:
        flags = "s" * self.suspended + "k" * self.skips
        parts = [self.phase, self.weight, self.iterations, self.applied, self.promoted, flags]
        return json.dumps(parts, separators=(",", ":"))
