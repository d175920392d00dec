"""Targets: their names, the settings requested of them, and their readings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """A kind of backend: see `adapters.contract.backends`. The embedded world is all three."""

    DEPLOY = "deploy"
    FLAGS = "flags"
    METRICS = "metrics"


class Phase(StrEnum):
    """Neutral phase of a deploy target, whatever the backend calls it."""

    PENDING = "pending"
    PROGRESSING = "progressing"
    PAUSED = "paused"
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    ABORTED = "aborted"
    ROLLED_BACK = "rolled_back"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class TargetRef:
    """One thing with exposure, as the plan names it and as its backend knows it."""

    target: str
    """The plan's name, used on screen and in the journal."""
    name: str
    """The backend's name: an HAProxy backend, an Unleash feature."""
    canary: str | None = None
    """Where traffic is split between two named parts: the canary's part."""
    baseline: str | None = None
    """Where traffic is split between two named parts: the baseline's part."""
    rule: str | None = None
    """Which of several rules of a flag we drive (an Unleash strategy id); None = there must be exactly one."""
    kind: Kind | None = None
    """DEPLOY or FLAGS as the plan uses it, for an adapter that answers both Protocols; None: the adapter's own kind."""


LAST_STEP = -1
"""The step of a setting that wants every step done, however many there are."""


@dataclass(frozen=True, slots=True)
class Setting:
    """The exposure requested of a target. Always absolute, so that a repeat is harmless."""

    percent: int | None
    """Exposure, 0..100; None leaves a flag's percentage as it is (used by `off`), or where `step` says it."""
    on: bool | None = None
    """Flags only: switched on or off. None for a deploy target."""
    step: int | None = None
    """For a backend that owns its steps: the step, 0-based, at which it is to stand; LAST_STEP: all of them done."""
    version: str | None = None
    """For a rollback: the version that is to have all the traffic again, as `canary_version` names it."""

    def __str__(self) -> str:
        if self.on is False:
            return "off"
        if self.step is not None:
            step = "all steps" if self.step == LAST_STEP else f"step {self.step}"
            return step if self.percent is None else f"{step} ({self.percent} %)"
        return f"{self.percent} %"


class Wait(StrEnum):
    """The reason why a target that owns its steps does not go on."""

    GATE = "gate"
    """A pause without an end: only a promote ends it."""
    TIMER = "timer"
    """A pause that ends by itself."""
    MANUAL = "manual"
    """Paused by hand."""
    JUDGEMENT = "judgement"
    """An analysis was inconclusive."""


@dataclass(frozen=True, slots=True)
class OwnStep:
    """One step of a backend that owns its steps."""

    text: str
    """Its action in a few words: "set weight 20 %", "pause 5m", "analysis success-rate"."""
    percent: float | None = None
    """The exposure asked for once it is done."""
    waits: bool = False
    """It is a pause: a stage can end here."""
    lasts_s: float | None = None
    """Seconds that a pause lasts; None: until it is ended by hand."""


@dataclass(frozen=True, slots=True)
class TargetReading:
    """One observation of a target, never an assumption."""

    target: str
    at: datetime
    """UTC; the backend's own time where it gives one, else when its answer arrived."""
    percent: float | None
    """Configured exposure 0..100 as read; None when it is not known (see `problem`)."""
    on: bool | None = None
    """Flags only: switched on in this environment."""
    phase: Phase = Phase.UNKNOWN
    detail: str = ""
    """One line worth showing beside the number ("weights 5/95", "strategy 01J..")."""
    problem: str | None = None
    """Why this target cannot be driven as it stands ("2 strategies", "nodes disagree"); forward moves are refused."""
    canary_version: str | None = None
    baseline_version: str | None = None
    release: str | None = None
    """The version that its owner wants now, in words that differ with it ("cart:2 (template 5d41402a)").

    From a backend whose `canary_version` has a name only once it was begun; None where it is not known."""
    revision: str | None = None
    """The backend's own version token, where it has one."""
    changed_by: str | None = None
    """Who the backend says changed it last."""
    step: int | None = None
    """For a backend that owns its steps: the step it stands on, 0-based; the number of steps when all are done."""
    steps: int | None = None
    """How many steps there are. None: the backend has no steps of its own."""
    own_steps: tuple[OwnStep, ...] = ()
    """The steps themselves."""
    at_rest: bool = False
    """Nothing is being rolled out: `canary_version` has everything."""
    waits: Wait | None = None
    """The reason why it waits; None while it goes on by itself, or has nothing to go on with."""
    until: datetime | None = None
    """When a timed pause ends, UTC."""
    desired: float | None = None
    """The exposure asked for, 0..100, where `percent` is what is really there and may lag behind."""
    skipped: str | None = None
    """A step that was left though it was not done, in words; None where none was, as far as is known."""
    cannot: Mapping[str, str] = field(default_factory=dict)
    """Verb -> why the backend cannot be asked for it as it stands, one line ("you lack patch on rollouts/status")."""
    revisions: tuple[str, ...] = ()
    """Earlier versions that an undo can name, newest first."""
    notes: tuple[str, ...] = ()
    """Warnings for every decision about it, one line each."""
    asks_s: float | None = None
    """Seconds between two questions of a backend that asks at gates instead of being called; None for any other."""

    @property
    def exposure(self) -> float | None:
        """Share that really gets the new thing, 0..100: nothing while a flag is off."""
        return 0.0 if self.on is False else self.percent

    def satisfies(self, setting: Setting) -> bool:
        """Whether this reading is what `setting` asked for. A reading with a problem satisfies only `off`."""
        if setting.on is False:
            return self.on is False
        if setting.version is not None:
            return self._gone_back(setting.version)
        if self.problem is not None or self.percent is None:
            return False
        if self.steps is not None:
            return self._stands_at(setting)
        if setting.on is True and self.on is False:
            return False
        return setting.percent is None or abs(self.percent - setting.percent) < 0.5

    def _stands_at(self, setting: Setting) -> bool:
        """Whether the steps up to the one asked for are done. Nothing begun, or undone, is no step."""
        if self.phase in (Phase.ABORTED, Phase.ROLLED_BACK) or (self.at_rest and not self.percent):
            return False
        if self.at_rest:
            return setting.step is not None or setting.percent == 100
        if setting.step is None:
            wanted = self.percent if self.desired is None else self.desired
            return wanted is not None and setting.percent != 100 and abs(wanted - (setting.percent or 0)) < 0.5
        return setting.step != LAST_STEP and self.step is not None and self.step >= setting.step

    def _gone_back(self, version: str) -> bool:
        """Whether `version` has all the traffic, and nothing is under way that would take it away again."""
        if self.percent is None or self.percent >= 0.5:
            return False
        unbegun = self.steps is not None and self.canary_version is None  # what is to come has not even a name yet
        return self.phase is Phase.ABORTED or unbegun or (self.at_rest and self.canary_version == version)

    def same_as(self, other: TargetReading) -> bool:
        """Whether two readings show the same; times and details do not count."""
        return self._shows() == other._shows()

    def _shows(self) -> tuple[object, ...]:
        return (
            self.percent,
            self.on,
            self.problem,
            self.phase,
            self.step,
            self.own_steps,
            self.at_rest,
            self.waits,
            self.until,
            self.desired,
            self.canary_version,
            self.baseline_version,
            self.release,
            self.revision,
            self.skipped,
            self.cannot,
            self.revisions,
            self.notes,
            self.asks_s,
        )

    def __str__(self) -> str:
        if self.on is False:
            return "off"
        if not self.steps or self.step is None:
            return "?" if self.percent is None else f"{self.percent:g} %"
        share = "?" if self.percent is None else f"{self.percent:.3g} %"
        held = f" ({self.waits})" if self.waits is not None else " (aborted)" if self.phase is Phase.ABORTED else ""
        waiting = f" with {self.release}" if self.release is not None and self.canary_version is None else ""
        return f"{share}, step {self.step}/{self.steps}{held}{waiting}"
