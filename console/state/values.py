"""State as frozen values: the rollout, made by `fold` and `assess`, with a console's own part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from adapters.contract import Reading, Setting, StepsReading, TargetReading
from console.events.evidence import Actor
from console.judge.track import Track
from console.judge.verdict import StageVerdict, Verdict, VerdictState
from console.plan.nouns import LEAST_STALE_S, TICK_S, Metric, Plan, Role, Stage, Step, Target
from console.state.local import LocalState
from console.state.participants import Escalation, Handoff, Pen
from console.state.requests import DecisionState, RequestState


class Mode(StrEnum):
    """The rollout's activity in one word; see `RolloutState.mode`."""

    READY = "ready"
    """Stage 0: nothing exposed by this rollout yet."""
    BAKING = "baking"
    """A stage is confirmed and its bake clock is not through."""
    WATCHING = "watching"
    """A stage is confirmed and baked."""
    PROMOTING = "promoting"
    """Requests sent, not all of them seen in the readings yet."""
    PARTIAL = "partial"
    """Some targets of the stage read as set, others do not, and nothing is in flight."""
    UNPLACED = "unplaced"
    """The opening was ambiguous: the operator has to say where this stands."""
    HALTED = "halted"
    ROLLING_BACK = "rolling back"
    ROLLED_BACK = "rolled back"
    COMPLETE = "complete"
    """The last stage is confirmed."""
    CLOSED = "closed"


class StageMark(StrEnum):
    """How far a stage is."""

    PLANNED = "planned"
    REQUESTED = "requested"
    CONFIRMED = "confirmed"
    PARTIAL = "partial"
    FAILED = "failed"
    """Every request for it was refused, or its outcome is unknown."""


class StepMark(StrEnum):
    """How far a rollback step is."""

    PENDING = "pending"
    REQUESTED = "requested"
    """Sent; not yet read as rolled back."""
    HOLDING = "holding"
    """Reads as rolled back; has to hold a little longer."""
    DONE = "done"
    REFUSED = "refused"
    IN_DOUBT = "in doubt"
    RELAPSED = "relapsed"
    """Moved again after it had read as rolled back: red."""
    WAITING = "waiting"
    """It waits for a person: a manual step, or one that would raise exposure."""
    SKIPPED = "skipped"
    """An operator decided to go on without it; the steps that need it may go on."""
    OVERDUE = "overdue"
    """Sent, and still not read as rolled back when its time was up. Set by `assess`, never folded."""


TROUBLED = frozenset({StepMark.REFUSED, StepMark.IN_DOUBT, StepMark.RELAPSED, StepMark.OVERDUE})
"""Marks that a step does not leave by itself: a person continues, or skips it."""


@dataclass(frozen=True, slots=True)
class StageState:
    number: int
    """1-based; `reached >= number` means confirmed."""
    stage: Stage
    mark: StageMark = StageMark.PLANNED
    confirmed_at: datetime | None = None
    trouble: str = ""
    """Which targets are not as set and why, one line, for PARTIAL and FAILED."""


@dataclass(frozen=True, slots=True)
class Drift:
    """A target that was moved outside this rollout."""

    was: TargetReading
    now: TargetReading
    since: datetime


@dataclass(frozen=True, slots=True)
class TargetState:
    target: Target
    opening: TargetReading | None = None
    """Its reading when the rollout opened, or what a person said instead: the meaning of "before"."""
    reading: TargetReading | None = None
    read_at: datetime | None = None
    """When it was last read successfully, changed or not."""
    confirmed: TargetReading | None = None
    """The reading that the rollout last confirmed; None until opened."""
    drift: Drift | None = None
    held_since: datetime | None = None
    """Since when its reading has not changed."""
    step_since: datetime | None = None
    """For a backend that owns its steps: since when it stands at its step; None: since the opening."""
    step_after: int = 0
    """How many requests there were when it came to its step: its next move is explained by later ones alone."""
    hand_after: int = 0
    """The same for a pause by hand: its end is explained by a resume from this request on."""
    accepted_after: int = 0
    """How many requests there were when an external change of it was last accepted."""
    back: Setting | None = None
    """For a target that is kept from an earlier plan: the setting of that plan's own rollback steps."""
    hides_judgement: bool = False
    """The pause by hand that `confirmed` shows hides an analysis that was inconclusive."""
    asks_before: bool = False
    """A person has to say what it was before: it read more than nothing at the opening."""

    @property
    def steps(self) -> StepsReading | None:
        """The steps that its backend owns; None for a backend without, or before the first read."""
        return self.reading.steps if self.reading is not None else None

    def satisfies(self, setting: Setting) -> bool:
        """Whether it was read, and reads as `setting`."""
        return self.reading is not None and self.reading.satisfies(setting)


@dataclass(frozen=True, slots=True)
class MetricState:
    metric: Metric
    ledger: Sequence[Reading] = ()
    """Ticks, oldest first, one per tick start; a missing tick is a gap. By samples a `Ledger`."""
    canary_at: datetime | None = None
    baseline_at: datetime | None = None
    read_at: datetime | None = None
    partial: str | None = None
    problem: str | None = None
    spacing_s: float | None = None
    tick_s: float = TICK_S
    """Length of the ledger's ticks."""
    track: Track | None = None
    """The evidence of the final ticks since the canary was first exposed; None before."""
    overrides: tuple[datetime, ...] = ()
    """When a FAIL of this metric was overridden: the first tick that begins after that is judged without it."""
    unjudged: int = 0
    """Recorded samples that were not folded: until they are, the metric is not judged."""
    late: int = 0
    """Ticks that changed after they had been judged; the ledger keeps what was judged."""
    verdict: Verdict | None = None
    """As of `RolloutState.as_of`; None before the first assessment."""
    said: str | None = None
    """The verdict state last recorded as an event."""
    said_at: datetime | None = None

    @property
    def stale_after_s(self) -> float:
        """Age from which this metric's data counts as stale: the plan's word, or three scrapes."""
        if self.metric.stale_after_s is not None:
            return self.metric.stale_after_s
        return max(LEAST_STALE_S, 3.0 * (self.spacing_s or 0.0))

    @property
    def is_failing(self) -> bool:
        """Whether its verdict is FAIL and counts: not that of an `info` metric."""
        failed = self.verdict is not None and self.verdict.state is VerdictState.FAIL
        return failed and self.metric.role is not Role.INFO


@dataclass(frozen=True, slots=True)
class Boundary:
    """From when on the rollout stood where: ticks that begin later count for this stage."""

    at: datetime
    reached: int
    exposing: bool
    """The canary gets traffic in this stage or one before it."""
    share: float | None
    """The canary's share, 0..100, where every deploy target was given the same; None otherwise."""


@dataclass(frozen=True, slots=True)
class Poll:
    """The last poll that was recorded, on two clocks of the console that polls."""

    at: datetime
    mono_s: float
    """Seconds since the boot of its machine."""
    boot: str

    def since(self, before: Poll) -> float:
        """Seconds since another poll; 0 if that was one of another machine."""
        return self.mono_s - before.mono_s if self.boot == before.boot else 0.0

    @property
    def lead_s(self) -> float:
        """How far its time is ahead of the clock that counts from the boot."""
        return self.at.timestamp() - self.mono_s


@dataclass(frozen=True, slots=True)
class SourceState:
    """One backend being polled."""

    name: str
    adapter: str
    ok_at: datetime | None = None
    failed_since: datetime | None = None
    reason: str = ""
    """Why it fails, one line; empty while it answers."""
    skew_s: float | None = None


@dataclass(frozen=True, slots=True)
class NoteState:
    """A line of the log that is not a decision: a note, a verdict change, a source fault, a drift."""

    at: datetime
    who: Actor | None
    kind: str
    """note, verdict, source, drift, step, request, gate, pen, called, unrecognised"""
    text: str


@dataclass(frozen=True, slots=True)
class UnbelievedRow:
    """A row of the journal that was set aside."""

    seq: int
    by: str
    """Its login, else the user that it names; may be empty."""
    reason: str


@dataclass(frozen=True, slots=True)
class StepState:
    step: Step
    mark: StepMark = StepMark.PENDING
    since: datetime | None = None
    detail: str = ""
    sends: int = 0
    """Requests sent for it in this rollback."""
    released: bool = False
    """A person typed its id: it is sent although it raises exposure."""

    @property
    def is_over(self) -> bool:
        """Whether it is finished: done, or skipped by an operator."""
        return self.mark in (StepMark.DONE, StepMark.SKIPPED)

    @property
    def is_held(self) -> bool:
        """Whether it has a call to send, and a person must release it first."""
        return self.step.manual is None and self.mark is StepMark.WAITING


@dataclass(frozen=True, slots=True)
class RolloutState:
    """One rollout by its events, assessed at `as_of`. Made by `fold` and `assess`, the same on every console."""

    rollout: str
    """The rollout's id: plan name, a slash, run number."""
    plan: Plan
    opened_at: datetime | None = None
    as_of: datetime | None = None
    reached: int | None = None
    """Stages reached, 0 before the first; None: unplaced."""
    candidates: tuple[int, ...] = ()
    asks_before: bool = False
    """Whether a first reading above nothing leaves open what was before; False in recordings of older versions."""
    move: int = 0
    """Forward moves so far."""
    stages: tuple[StageState, ...] = ()
    targets: Mapping[str, TargetState] = field(default_factory=dict)
    metrics: Mapping[str, MetricState] = field(default_factory=dict)
    sources: Mapping[str, SourceState] = field(default_factory=dict)
    requests: Mapping[str, RequestState] = field(default_factory=dict)
    decisions: tuple[DecisionState, ...] = ()
    log: tuple[NoteState, ...] = ()
    checklist: tuple[StepState, ...] = ()
    promoting: str | None = None
    """Id of the promote decision whose stage is not confirmed yet."""
    halted: str | None = None
    """Id of the halt decision in force."""
    rollback: str | None = None
    """Id of the latest rollback decision."""
    rolled_back_at: datetime | None = None
    closed: str | None = None
    stage_since: datetime | None = None
    """When the stage we stand on was confirmed: verdicts count ticks from here on."""
    boundaries: tuple[Boundary, ...] = ()
    """Every stage that was stood on, oldest first."""
    stage_verdict: StageVerdict | None = None
    """As of `as_of`; None before the first assessment and while nothing is exposed."""
    baked_s: float = 0.0
    """Fresh, unhalted seconds of the stage we stand on."""
    clocked_at: datetime | None = None
    """Up to when the bake clock has been reckoned."""
    polled: Poll | None = None
    """The last poll; None in recordings whose polls have no time since a boot."""
    latest_at: datetime | None = None
    """The latest time that an event gave since that poll."""
    acted_at: datetime | None = None
    """When a person last decided or noted anything."""
    decided_before: int = 0
    """How many decisions there were when the stage we stand on was confirmed."""
    plans: Mapping[str, Plan] = field(default_factory=dict, repr=False)
    """Every plan text this rollout knows, parsed, by digest: an accepted edit is looked up here, so fold stays pure."""
    pen: Pen = field(default_factory=Pen)
    handoff: Handoff | None = None
    """The note that the last captain left; None once the pen is taken."""
    called: tuple[Escalation, ...] = ()
    """Rungs of the escalation ladder that were reached, oldest first."""
    unrecognised: int = 0
    unbelieved: tuple[UnbelievedRow, ...] = ()
    """The first rows of the journal that no console can have written: set aside, without effect."""
    unbelieved_count: int = 0
    """How many there are."""
    last_seq: int = 0

    @property
    def mode(self) -> Mode:
        """The rollout's mode, first match wins."""
        if self.closed is not None:
            return Mode.CLOSED
        if self.rollback is not None:
            return Mode.ROLLED_BACK if self.rolled_back_at is not None else Mode.ROLLING_BACK
        if self.halted is not None:
            return Mode.HALTED
        if self.reached is None:
            return Mode.UNPLACED
        if self.promoting is not None:
            mark = self.stages[self.reached].mark
            return Mode.PROMOTING if mark is StageMark.REQUESTED else Mode.PARTIAL
        if self.reached == len(self.stages):
            return Mode.COMPLETE
        if self.reached == 0:
            return Mode.READY
        return Mode.BAKING if self.baked_s < self.stages[self.reached - 1].stage.bake_s else Mode.WATCHING

    @property
    def current(self) -> StageState | None:
        """The stage we stand on; None before the first or while unplaced."""
        return self.stages[self.reached - 1] if self.reached else None

    @property
    def next(self) -> StageState | None:
        """The stage a promote leads to; None after the last or while unplaced."""
        return None if self.reached is None or self.reached >= len(self.stages) else self.stages[self.reached]

    def stages_named(self, subject: str | None) -> int | None:
        """The number of stages reached that `subject` spells, from "0"; None if it is none of this plan."""
        return {str(number): number for number in range(len(self.stages) + 1)}.get(subject or "")

    @property
    def past_one_way(self) -> Stage | None:
        """The last one-way stage that was reached, or is under way; None if going back is still free."""
        begun = (StageMark.REQUESTED, StageMark.PARTIAL, StageMark.FAILED)
        reached = self.reached or 0
        passed = [entry.stage for entry in self.stages if entry.number <= reached or entry.mark in begun]
        return next((stage for stage in reversed(passed) if stage.one_way), None)

    @property
    def exposing(self) -> bool:
        """Whether a stage that was reached gives the canary anything; False while there were manual ones at most."""
        settings = [setting for entry in self.stages[: self.reached or 0] for setting in entry.stage.sets.values()]
        return any(setting.on is not False and setting.percent != 0 for setting in settings)

    @property
    def in_doubt(self) -> tuple[RequestState, ...]:
        """Requests whose effect a read has yet to show, except on targets that an accepted plan dropped."""
        return tuple(each for each in self.requests.values() if each.in_doubt and each.target in self.targets)

    @property
    def in_flight(self) -> tuple[RequestState, ...]:
        return tuple(request for request in self.requests.values() if request.in_flight)


@dataclass(frozen=True, slots=True)
class State(RolloutState):
    """A rollout with this console's local part: everything a screen shows. Published by the engine's store."""

    local: LocalState = field(default_factory=LocalState)

    @classmethod
    def of(cls, rollout: RolloutState, local: LocalState | None = None) -> State:
        """The two halves as one value. `local`: None where no console runs the rollout."""
        return cls(**{name: getattr(rollout, name) for name in _FOLDED}, local=local or LocalState())


AnyState = TypeVar("AnyState", bound=RolloutState)
"""A rollout with or without its local part, which is handed on as it is."""
_FOLDED = tuple(each.name for each in fields(RolloutState))
