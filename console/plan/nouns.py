"""A validated plan, as plain frozen values for state and widgets; `loader` makes it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from adapters.contract import Kind, MetricQuery, Setting, TargetRef

TICK_S = 10.0
"""Shortest automatic tick, in seconds."""
_STEADY = 0.95
"""Factor of a scrape interval before it is rounded up to ticks, because scrapes are not exact to the millisecond."""
LEAST_STALE_S = 30.0
"""Younger data is never stale by default, in seconds."""
TOLERANCE = 1.25
"""Default `tolerance` of a metric that counts events."""
GAUGE_TOLERANCE = 1.10
"""Default `tolerance` of a gauge: variation of a healthy instance from the mean of the others."""
MIN_EXCESS = 0.0005
"""Default `min_excess` of a metric that counts events, as a share."""


class Role(StrEnum):
    """Effect of a metric's verdict."""

    CRITICAL = "critical"
    """It must pass before the next stage."""
    GUARD = "guard"
    """Its fail holds the stage; a missing pass does not."""
    INFO = "info"
    """Shown, without effect."""


@dataclass(frozen=True, slots=True)
class Team:
    """One entry of `teams`."""

    name: str
    owner: str | None = None
    escalate: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BackendSpec:
    """One entry of `backends`."""

    name: str
    adapter: str
    kinds: tuple[Kind, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    """The adapter's own keys, validated by its Options model."""
    address: str = ""
    """Where it acts, from its options; with the adapter it says which backend this is."""
    kept: bool = False
    """Of an earlier plan of the rollout: it may fail to connect without stopping the others."""


@dataclass(frozen=True, slots=True)
class Target:
    """One entry of `targets`."""

    ref: TargetRef
    backend: str
    kind: Kind
    """DEPLOY or FLAGS."""
    team: str | None = None
    kept: bool = False
    """Of an earlier plan of the rollout, at its old place: part of no stage, and rolled back with the others."""

    @property
    def name(self) -> str:
        """Name of the target in the plan."""
        return self.ref.target


@dataclass(frozen=True, slots=True)
class ExpectedTraffic:
    """A metric's expected traffic, both arms together."""

    rate: float
    """Events per second."""
    bad: float
    """Bad share, 0..1."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One entry of `metrics`."""

    query: MetricQuery
    backend: str
    role: Role = Role.CRITICAL
    tolerance: float = 1.25
    """Ratio canary/baseline up to which the canary counts as equal; a `fail` needs more."""
    pass_below: float = 2.0
    """Ratio that a `pass` excludes."""
    limit: float | None = None
    """The canary's own ceiling: a share (0..1) for counts, a level for gauges."""
    negligible: float = 0.0005
    """Bad share (0..1) below which no ratio matters: a canary proven below it passes."""
    min_excess: float = 0.0005
    """Least absolute excess of a fail: a share (0..1), or a gauge's difference; 0 for any."""
    falling: bool = False
    """Lower is worse, as for logins and orders."""
    warmup_s: float = 0.0
    """Seconds after a stage's beginning whose ticks are not judged: cold caches are a real difference."""
    stale_after_s: float | None = None
    """Age at which data is stale; None for three scrapes, at least `LEAST_STALE_S`."""
    traffic: ExpectedTraffic | None = None
    """Traffic that the plan's author expects."""
    without_baseline: bool = False
    """`arms: none`: no baseline by plan, so only the canary's own limit is judged."""
    links: Mapping[str, str] = field(default_factory=dict)
    team: str | None = None

    @property
    def name(self) -> str:
        """Name of the metric in the plan."""
        return self.query.metric


class OnFail(StrEnum):
    """Automatic action of the console when a stage's verdict is FAIL."""

    ASK = "ask"
    HALT = "halt"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class Authority:
    """The people who may use a verb; any one of the fields suffices."""

    users: tuple[str, ...] = ()
    """Operating system users; on PostgreSQL, logins."""
    groups: tuple[str, ...] = ()
    """Unix groups of this host."""
    owners: bool = False
    """The owner of the stage's team."""

    def __str__(self) -> str:
        """Text such as "ana, group sre or the stage's owner"."""
        named = [*self.users, *(f"group {group}" for group in self.groups)]
        named += ["the stage's owner"] if self.owners else []
        return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} or {named[-1]}"


AUTHORITIES = ("promote", "override", "resume", "place", "accept", "close", "approve", "take")
"""Verbs that `authority` can restrict. Safer verbs are not among them: everyone may halt and roll back."""
STAGE_AUTHORITIES = ("promote", "override", "approve")
"""Verbs that a stage can restrict for itself."""


@dataclass(frozen=True, slots=True)
class CalendarWindow:
    """A span of wall-clock time: weekly, or between two moments."""

    zone: str
    """IANA name of the time zone."""
    days: frozenset[int] = frozenset()
    """0 Monday .. 6 Sunday: the days on which a weekly window begins; empty for one from moment to moment."""
    begins_min: int = 0
    """Weekly: minutes after midnight."""
    ends_min: int = 1440
    """Weekly: minutes after midnight, excluded; not after the beginning means on the next day."""
    begins: datetime | None = None
    """Not weekly: local time without a zone of its own."""
    ends: datetime | None = None
    """Not weekly: excluded."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Rung:
    """One rung of the escalation ladder."""

    after_s: float
    """Seconds without any action after which this rung is due."""
    call: str
    """The person or team to call, as free text; it is shown and recorded, never executed."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One entry of `stages`: settings, or a manual step to confirm."""

    name: str
    sets: Mapping[str, Setting] = field(default_factory=dict)
    """Target -> setting, in plan order."""
    manual: str | None = None
    bake_s: float = 0.0
    min_requests: int = 0
    """Canary requests that every critical metric needs in this stage before a pass."""
    one_way: bool = False
    team: str | None = None
    approvals: int = 0
    """Number of people, besides the promoter, who must approve the promote to this stage."""
    authority: Mapping[str, Authority] = field(default_factory=dict)
    """Verb -> people who may use it for this stage; for other verbs the plan's `authority` applies."""


@dataclass(frozen=True, slots=True)
class StagesFrom:
    """`stages: {from: TARGET}`: stages taken from a target's own steps.

    There is one stage for each pause among the steps, and one for all of them done.
    """

    target: str
    bake_s: float = 0.0
    min_requests: int = 0
    approvals: int = 0
    team: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of `rollback`, or one derived from the stages."""

    id: str
    sets: Mapping[str, Setting] = field(default_factory=dict)
    manual: str | None = None
    needs: tuple[str, ...] = ()
    """Steps that must read as rolled back first; independent steps run at the same time."""
    team: str | None = None
    timeout_s: float | None = None
    """Seconds from its call until its targets must read as rolled back; None for twice `Plan.hold_s`."""
    repeatable: bool | None = None
    """Whether a second call does no harm while the first may still arrive; None for its backend's default."""
    derived: bool = False
    """Made from what was read, not written in the plan: it raises no exposure without a person."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Intervals and deadlines, in seconds."""

    poll_s: float = 5.0
    tick_s: float | None = None
    """None for the smallest multiple of 10 s that is not below the scrape interval, per metric."""
    read_deadline_s: float = 4.0
    write_deadline_s: float = 5.0
    send_within_s: float = 5.0
    """A request may be sent within this time after it was committed, never later (send_by)."""
    gone_s: float = 120.0
    """Absence of a captain after which the pen is free."""

    def tick_for(self, spacing_s: float | None) -> float:
        """The tick of a metric with a scrape interval of `spacing_s`; None if unknown."""
        if self.tick_s is not None:
            return self.tick_s
        return TICK_S * max(1, math.ceil(_STEADY * (spacing_s or 0.0) / TICK_S))


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole plan. Dict order is plan order everywhere."""

    rollout: str
    title: str
    risk: str
    teams: Mapping[str, Team]
    backends: Mapping[str, BackendSpec]
    targets: Mapping[str, Target]
    metrics: Mapping[str, Metric]
    stages: tuple[Stage, ...]
    """Empty with `stages_from` until its target was read."""
    rollback: tuple[Step, ...] | None
    """None if the checklist is derived from the opening's readings, with one step per target."""
    timing: Timing
    path: str
    """Path of the file, for messages only."""
    digest: str
    """SHA-256 of the file's bytes, hex."""
    on_fail: OnFail = OnFail.ASK
    authority: Mapping[str, Authority] = field(default_factory=dict)
    """Verb -> people who may use it; everyone may use any other verb."""
    launch: tuple[CalendarWindow, ...] = ()
    """Forward moves are possible only within one of these; empty for any time."""
    freeze: tuple[CalendarWindow, ...] = ()
    """Forward moves are not possible within any of these."""
    escalation: tuple[Rung, ...] = ()
    stages_from: StagesFrom | None = None
    text: str = field(default="", repr=False, compare=False)
    """The file's text, recorded with the opening so that a later edit can be shown as a difference."""
    one_by_one: bool = False
    """Whether rollback steps begin one after the other, in order; else each begins once its needs are met."""

    @property
    def critical(self) -> tuple[Metric, ...]:
        """Metrics with the role `critical`."""
        return tuple(metric for metric in self.metrics.values() if metric.role is Role.CRITICAL)

    @property
    def hold_s(self) -> float:
        """Seconds for which a rolled-back reading must hold before its step is done: a write deadline and a poll."""
        return self.timing.write_deadline_s + self.timing.poll_s
