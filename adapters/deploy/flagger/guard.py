"""Guard tokens: the Canary that a decision was based on, in short."""

from __future__ import annotations

import json
from dataclasses import dataclass

from adapters.deploy.flagger.wire import Canary


@dataclass(frozen=True, slots=True)
class GuardToken:
    """The state of a Canary that a guard compares."""

    phase: str
    weight: int
    iterations: int
    applied: str
    """The hash of the release that is under way, or was last."""
    promoted: str
    suspended: bool = False
    skips: bool = False
    template: str = ""
    """The hash of the template that its target wanted; empty where that was not read."""

    @classmethod
    def of(cls, canary: Canary, template: str = "") -> GuardToken:
        """Take the state of a Canary. `template`: the hash of the template that its target wants."""
        status = canary.status
        known = (status.phase, status.weight, status.iterations, status.applied, status.promoted)
        return cls(*known, canary.suspend, canary.skip, template)

    @property
    def place(self) -> tuple[object, ...]:
        """The step and the release that a promote is about. A gate that closes meanwhile does not change it."""
        return (self.weight, self.iterations, self.applied, self.template)

    @classmethod
    def parse(cls, text: str) -> GuardToken | None:
        """Parse the text that str() gave; None where it is another."""
        try:
            phase, weight, iterations, applied, promoted, flags, *more = json.loads(text)
            (template,) = more or ("",)  # tokens of older journals have none
            known = (str(phase), int(weight), int(iterations), str(applied), str(promoted))
            return cls(*known, "s" in flags, "k" in flags, str(template))
        except (ValueError, TypeError, RecursionError):
            return None

    def __str__(self) -> str:
        flags = "s" * self.suspended + "k" * self.skips
        parts = [self.phase, self.weight, self.iterations, self.applied, self.promoted, flags]
        parts += [self.template] if self.template else []
        return json.dumps(parts, separators=(",", ":"))
