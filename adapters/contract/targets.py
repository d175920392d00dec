"""Targets, the things with exposure: their names, settings and readings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """Which of the three Protocols an adapter answers; the embedded world answers all of them."""

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
    """The wanted setting of a target. Always absolute, so that a repeat is harmless."""

    percent: int | None
    """Exposure, 0..100; None leaves a flag's percentage as it is (used by `off`), or where `step` says it."""
    on: bool | None = None
    """Flags only: switched on or off. None for a deploy target."""
    step: int | None = None
    """For a backend that owns its steps: the step, 0-based, at which it is to stand; LAST_STEP: all of them done."""
    version: str | None = None
    """For a way back: the version that is to have all the traffic again, as `VersionsReading.canary` names it."""

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
    """A pause without an end: only a person ends it."""
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
    """The step in a few words: "set weight 20 %", "pause 5m", "analysis success-rate"."""
    percent: float | None = None
    """The exposure asked for once it is done."""
    waits: bool = False
    """It is a pause: a stage can end here."""
    lasts_s: float | None = None
    """Length of a pause in seconds; None: until a person ends it."""


@dataclass(frozen=True, slots=True)
class StepsReading:
    """Where a target stands on the steps that its backend owns."""

    step: int
    """The step it stands on, 0-based; `count` when all are done."""
    count: int
    """How many steps there are."""
    own: tuple[OwnStep, ...] = ()
    """The steps themselves."""
    at_rest: bool = False
    """Nothing is being rolled out: the canary's version has everything."""
    waits: Wait | None = None
    """The reason why it waits; None while it goes on by itself, or has nothing to go on with."""
    until: datetime | None = None
    """When a timed pause ends, UTC."""
    desired: float | None = None
    """The exposure asked for, 0..100, where `TargetReading.percent` is what is really there and may lag behind."""
    skipped: str | None = None
    """A step that was left though it was not done, in words; None where none was, as far as is known."""
    asks_s: float | None = None
    """For a backend that is not called but asks us whether it may go on: how often it asks."""


@dataclass(frozen=True, slots=True)
class VersionsReading:
    """The versions of a target, as far as its backend names them."""

    canary: str | None = None
    """The version that is wanted now; None also while it has not been begun and so has no name."""
    baseline: str | None = None
    """The version before it."""
    release: str | None = None
    """The release that its owner asks for now, in words that differ with it ("cart:2 (template 5d41402a)"): from a
    backend whose `canary` has a name only once it was begun; None where that is not known."""
    revision: str | None = None
    """The backend's own version token, where it has one."""
    revisions: tuple[str, ...] = ()
    """Earlier versions that an undo can name, newest first."""


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
    versions: VersionsReading = VersionsReading()
    changed_by: str | None = None
    """Who the backend says changed it last."""
    steps: StepsReading | None = None
    """None: the backend has no steps of its own."""
    cannot: Mapping[str, str] = field(default_factory=dict)
    """Verb -> why the backend cannot be asked for it as it stands, one line ("you lack patch on rollouts/status")."""
    notes: tuple[str, ...] = ()
    """Notes to be read before anything is done to it, one line each."""
    marks: tuple[str, ...] = ()
    """The marks that consoles left at it (see MarkableBackend), one line each."""

    @property
    def exposure(self) -> float | None:
        """Share that really gets the new thing, 0..100: nothing while a flag is off."""
        return 0.0 if self.on is False else self.percent

    def satisfies(self, setting: Setting) -> bool:
        """Whether this reading is what `setting` asked for. A reading with a problem satisfies only `off`."""
        if setting.on is False:
            return self.on is False
        if setting.version is not None:
            return self._is_back_at(setting.version)
        if self.problem is not None or self.percent is None:
            return False
        if self.steps is not None:
            return self._has_reached(self.steps, setting)
        if setting.on is True and self.on is False:
            return False
        return setting.percent is None or abs(self.percent - setting.percent) < 0.5

    def _has_reached(self, steps: StepsReading, setting: Setting) -> bool:
        """Whether the steps up to the one asked for are done. Nothing begun, or undone, is no step."""
        if self.phase in (Phase.ABORTED, Phase.ROLLED_BACK) or (steps.at_rest and not self.percent):
            return False
        if steps.at_rest:
            return setting.step is not None or setting.percent == 100
        if setting.step is None:
            wanted = self.percent if steps.desired is None else steps.desired
            return wanted is not None and setting.percent != 100 and abs(wanted - (setting.percent or 0)) < 0.5
        return setting.step != LAST_STEP and steps.step >= setting.step

    def _is_back_at(self, version: str) -> bool:
        """Whether `version` has all the traffic, and nothing is under way that would take it away again."""
        if self.percent is None or self.percent >= 0.5:
            return False
        if self.phase is Phase.ABORTED:
            return True
        if self.steps is None:
            return False
        unbegun = self.versions.canary is None  # the coming version has no name yet
        return unbegun or (self.steps.at_rest and self.versions.canary == version)

    def same_as(self, other: TargetReading) -> bool:
        """Whether two readings of a target show the same; times, details and authors do not count."""
        return replace(self, at=other.at, detail=other.detail, changed_by=other.changed_by) == other

    def __str__(self) -> str:
        if self.on is False:
            return "off"
        steps, versions = self.steps, self.versions
        if steps is None or not steps.count:
            return "?" if self.percent is None else f"{self.percent:g} %"
        share = "?" if self.percent is None else f"{self.percent:.3g} %"
        why = steps.waits or ("aborted" if self.phase is Phase.ABORTED else "")
        stopped = f" ({why})" if why else ""
        waiting = f" with {versions.release}" if versions.release is not None and versions.canary is None else ""
        return f"{share}, step {steps.step}/{steps.count}{stopped}{waiting}"
