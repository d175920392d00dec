"""A validated plan, as plain frozen values that the state and the widgets may hold. How it is read: `load`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from adapters.contract import Kind, MetricQuery, Setting, TargetRef

TICK_S = 10.0
"""The shortest tick that is chosen by itself."""
_STEADY = 0.95
"""Scrapes do not come on the millisecond: an interval this little above a multiple still counts as it."""
LEAST_STALE_S = 30.0
"""Data younger than this is never called stale unless the plan says so."""
TOLERANCE = 1.25
GAUGE_TOLERANCE = 1.10
"""A canary instance may differ this much from the mean of the others without being called worse."""
MIN_EXCESS = 0.0005


class Role(StrEnum):
    """What a metric's verdict may do."""

    CRITICAL = "critical"
    """Decides: it must pass for a stage to be left."""
    GUARD = "guard"
    """Its fail holds the stage; its missing pass does not."""
    INFO = "info"
    """Shown, never acts."""


@dataclass(frozen=True, slots=True)
class Team:
    name: str
    owner: str | None = None
    escalate: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BackendSpec:
    """One entry of `backends`. `options` are the adapter's own keys, validated by its Options model."""

    name: str
    adapter: str
    kinds: tuple[Kind, ...]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Target:
    """One entry of `targets`."""

    ref: TargetRef
    backend: str
    kind: Kind
    """DEPLOY or FLAGS."""
    team: str | None = None

    @property
    def name(self) -> str:
        return self.ref.target


@dataclass(frozen=True, slots=True)
class Traffic:
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
    """A ratio canary/baseline up to which worse is still called equal; `fail` needs more than this."""
    pass_below: float = 2.0
    """The ratio that must be excluded for a `pass`."""
    limit: float | None = None
    """The canary's own ceiling: a share (0..1) for counts, a level for gauges."""
    negligible: float = 0.0005
    """A bad share (0..1) so small that no ratio matters: a canary shown to lie below it passes."""
    min_excess: float = 0.0005
    """The least absolute excess that is called a fail: a share (0..1), or a gauge's difference; 0: any."""
    falling: bool = False
    """Lower is worse: logins, orders."""
    warmup_s: float = 0.0
    """Ticks of a stage that begin sooner than this after it are not judged: cold caches are a real difference."""
    stale_after_s: float | None = None
    """None: three scrapes, at least `LEAST_STALE_S`."""
    traffic: Traffic | None = None
    """What the plan's author expects of it."""
    lone: bool = False
    """`arms: none`: it has no baseline by plan; only the canary's own limit can speak."""
    links: Mapping[str, str] = field(default_factory=dict)
    team: str | None = None

    @property
    def name(self) -> str:
        return self.query.metric


class OnFail(StrEnum):
    """What the console does by itself when a stage's verdict is FAIL."""

    ASK = "ask"
    HALT = "halt"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class Who:
    """Who may do something: any one of these suffices."""

    users: tuple[str, ...] = ()
    """Operating system users; on PostgreSQL, logins."""
    groups: tuple[str, ...] = ()
    """Unix groups of this host."""
    owners: bool = False
    """The owner of the team whose stage it is."""

    def __str__(self) -> str:
        """ "ana, group sre or the stage's owner"."""
        named = [*self.users, *(f"group {group}" for group in self.groups)]
        named += ["the stage's owner"] if self.owners else []
        return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} or {named[-1]}"


AUTHORITIES = ("promote", "override", "resume", "place", "accept", "close", "approve", "take")
"""What `authority` can be about. Going safer is not among it: halt and rollback are everybody's."""
STAGE_AUTHORITIES = ("promote", "override", "approve")
"""What a stage can say for itself."""


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time on a wall clock: of some days each week, or from one moment to another."""

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
    """How long nobody has acted."""
    call: str
    """Who is to be called, as people say it; it is shown and recorded, never executed."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One entry of `stages`: either sets exposure, or is a manual step confirmed by its typed word."""

    name: str
    sets: Mapping[str, Setting] = field(default_factory=dict)
    """Target -> setting, in plan order."""
    manual: str | None = None
    bake_s: float = 0.0
    min_requests: int = 0
    """Canary requests that every critical metric must have seen in this stage before it may pass."""
    one_way: bool = False
    team: str | None = None
    approvals: int = 0
    """How many people, besides whoever promotes, have to approve going to this stage."""
    authority: Mapping[str, Who] = field(default_factory=dict)
    """Verb -> who may do it for this stage; what is not here is as the plan's own `authority` says."""


@dataclass(frozen=True, slots=True)
class StagesFrom:
    """`stages: {from: TARGET}`: a stage for every pause among that target's own steps, and one for all of them done."""

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
    """Steps that have to read as rolled back first; steps that need nothing of each other run at once."""
    team: str | None = None
    timeout_s: float | None = None
    """From its call until its targets read as rolled back; None: twice the time a reading has to hold."""
    repeatable: bool | None = None
    """Whether a second call does no harm while the first may still arrive; None: as its backend says."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How often and how long. All in seconds."""

    poll_s: float = 5.0
    tick_s: float | None = None
    """None: the smallest multiple of 10 s that is not below the scrape interval, per metric."""
    read_deadline_s: float = 4.0
    write_deadline_s: float = 5.0
    send_within_s: float = 5.0
    """A request's bytes may leave this long after it was committed, never later (send_by)."""
    gone_s: float = 120.0
    """A captain who was not seen for this long has let go of the pen."""

    def tick_for(self, spacing_s: float | None) -> float:
        """The tick of a metric that is scraped every `spacing_s` seconds, as far as that is known."""
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
    """Empty until its target was read, where they are taken from one (`stages_from`)."""
    rollback: tuple[Step, ...] | None
    """None: the checklist is derived from the opening snapshot (design: one step per target)."""
    timing: Timing
    path: str
    """Where the file was, for messages; not part of the plan's meaning."""
    digest: str
    """SHA-256 of the file's bytes, hex."""
    on_fail: OnFail = OnFail.ASK
    authority: Mapping[str, Who] = field(default_factory=dict)
    """Verb -> who may do it; a verb that is not here is everybody's."""
    launch: tuple[Window, ...] = ()
    """Forward moves only within one of these; empty: at any time."""
    freeze: tuple[Window, ...] = ()
    """No forward moves within any of these."""
    escalation: tuple[Rung, ...] = ()
    stages_from: StagesFrom | None = None
    text: str = field(default="", repr=False, compare=False)
    """The file's text, kept with the opening so that a later edit can be shown as a difference."""
    one_by_one: bool = False
    """The rollback steps begin one after the other, in their order; else as soon as what they need is there."""

    @property
    def critical(self) -> tuple[Metric, ...]:
        return tuple(metric for metric in self.metrics.values() if metric.role is Role.CRITICAL)

    @property
    def hold_s(self) -> float:
        """How long a rolled-back reading must hold before its step is done: longest write deadline plus one poll."""
        return self.timing.write_deadline_s + self.timing.poll_s
