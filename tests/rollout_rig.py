"""A rollout told event by event, with a clock of its own: what the tests of the fold, the gates and the card stand on.

The plan is that of `tests.states`: edge (deploy) and new-checkout (flag), five stages, the third manual and one-way.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal

from adapters.contract import Counts, MetricReply, Outcome, Phase, Reading, Setting, Shape, TargetReading
from console.events.evidence import Actor, Card, Verb
from console.events.kinds import (
    DecisionTaken,
    Event,
    RequestMade,
    RequestReconciled,
    RequestSettled,
    RolloutOpened,
    SourceRead,
    StepDone,
    TargetObserved,
)
from console.plan.nouns import Plan
from console.state.assessment import assess
from console.state.card import card_for, wanted_settings
from console.state.folding import blank, fold
from console.state.values import State, StepMark
from tests.states import ANA, PLAN

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
EDGE, FLAG = "edge", "new-checkout"
OFF = Setting(None, on=False)
REFUSED, UNKNOWN, ACCEPTED = Outcome.REFUSED, Outcome.UNKNOWN, Outcome.ACCEPTED


def reads(target: str, percent: float | None, at: datetime, problem: str | None = None) -> TargetReading:
    """A reading; a flag at nothing is off, any other share is on."""
    on = None if target == EDGE else percent != 0
    return TargetReading(target, at, percent, on, Phase.HEALTHY, problem=problem)


def empty_card(verb: Verb, at: datetime = START) -> Card:
    """The least that a decision may carry."""
    return Card(verb, "start", "one", 0, at)


class Story:
    """Folds what it is told. Every method that tells something first lets a second pass."""

    def __init__(self, plan: Plan = PLAN, plans: Mapping[str, Plan] | None = None) -> None:
        self.state = State.of(blank(plan, f"{plan.rollout}/1", plans))
        self.at = START
        self.events: list[Event] = []

    @property
    def seen(self) -> State:
        """The state as a screen sees it now."""
        return assess(self.state, self.at)

    def wait(self, seconds: float) -> Story:
        """Let time pass in silence."""
        self.at += timedelta(seconds=seconds)
        return self

    def tell(self, event: Event) -> State:
        """Fold one event; samples have no number in the journal."""
        seq = None if isinstance(event, SourceRead) else self.state.last_seq + 1
        self.events.append(event)
        self.state = State.of(fold(self.state, event, seq), self.state.local)
        return self.state

    def open(self, edge: float | None = 0, flag: float | None = 0, reached: int | None = 0) -> Story:
        """Open on these readings; a target at None could not be read."""
        readings = tuple(
            reads(name, percent, self.at) for name, percent in ((EDGE, edge), (FLAG, flag)) if percent is not None
        )
        opened = RolloutOpened(
            at=self.at,
            who=ANA,
            plan_digest=self.state.plan.digest,
            plan_text=self.state.plan.text,
            readings=readings,
            reached=reached,
            candidates=() if reached is None else (reached,),
        )
        self.tell(opened)
        return self

    def observe(self, target: str, percent: float | None, problem: str | None = None) -> State:
        """A target reads differently now."""
        self.wait(1)
        return self.tell(TargetObserved(at=self.at, reading=reads(target, percent, self.at, problem)))

    def flow(self, seconds: float, bad: float = 100, n: float = 100_000) -> State:
        """Polls every 5 s: both targets and every metric; per 10 s tick the canary with `bad` of `n`.

        The baseline errs in 0.1 % of so many requests that the canary's share is what its weight says.
        """
        reading_of_edge = self.state.targets[EDGE].reading
        weight = reading_of_edge.percent if reading_of_edge is not None and reading_of_edge.percent else 50.0
        others = n * (100.0 - weight) / weight if 0.0 < weight < 100.0 else n
        for _ in range(int(seconds // 5)):
            self.wait(5)
            tick = self.at - timedelta(seconds=self.at.timestamp() % 10)
            reading = Reading(tick, Counts(n, bad), Counts(others, others / 1000.0))
            replies = tuple(
                MetricReply(name, (reading,), self.at, self.at)
                for name, metric in self.state.metrics.items()
                if metric.metric.query.shape is not Shape.GAUGE
            )
            self.tell(SourceRead(at=self.at, source="prom", replies=replies, targets=tuple(self.state.targets)))
        return self.state

    def decide(
        self,
        verb: Verb,
        subject: str | None = None,
        plan: Plan | None = None,
        card: Card | None = None,
        *,
        who: Actor | None = ANA,
        reason: str = "",
        override: str | None = None,
        pen: int | None = None,
        before: Mapping[str, Setting] | None = None,
    ) -> str:
        """A decision; returns its id. `pen`: the changes of the pen that its author had seen."""
        self.wait(1)
        decision = DecisionTaken(
            at=self.at,
            who=who,
            reason=reason,
            override=override,
            pen=pen,
            verb=verb,
            stage=self.state.reached,
            move=self.state.move + 1 if verb is Verb.PROMOTE else None,
            card=card or card_for(self.seen, verb, subject),
            subject=subject,
            before=dict(before or {}),
            plan_text=plan.text if plan is not None else None,
            plan_digest=plan.digest if plan is not None else None,
        )
        self.tell(decision)
        return decision.id

    def send(
        self,
        decision: str,
        target: str,
        setting: Setting,
        step: str | None = None,
        action: Literal["set", "pause", "resume"] = "set",
    ) -> str:
        """A request is made; returns its id."""
        self.wait(1)
        made = RequestMade(
            at=self.at,
            who=ANA,
            decision=decision,
            backend=self.state.plan.targets[target].backend,
            target=target,
            setting=setting,
            action=action,
            step=step,
            send_by=self.at + timedelta(seconds=5),
            deadline_s=5,
        )
        self.tell(made)
        return made.id

    def settle(self, request: str, outcome: Outcome = ACCEPTED, reason: str = "") -> State:
        """A request ended."""
        self.wait(1)
        return self.tell(RequestSettled(at=self.at, request=request, outcome=outcome, reason=reason))

    def reconcile(self, request: str, took_effect: bool) -> State:
        """A read told what an unknown call did."""
        self.wait(1)
        return self.tell(RequestReconciled(at=self.at, request=request, took_effect=took_effect, reads="as read"))

    def promote(self, override: str | None = None) -> Story:
        """One forward move that goes well: sent, accepted, read."""
        settings = wanted_settings(self.state, Verb.PROMOTE)
        decision = self.decide(Verb.PROMOTE, override=override)
        for target, setting in settings.items():
            self.settle(self.send(decision, target, setting))
            self.observe(target, setting.percent)
        return self

    def roll_back(self) -> Story:
        """A rollback that goes well, up to but without its manual steps."""
        decision = self.decide(Verb.ROLLBACK)
        for entry in self.state.checklist:
            for target, setting in entry.step.sets.items():
                reading = self.state.targets[target].reading
                if reading is None or not reading.satisfies(setting):
                    self.settle(self.send(decision, target, setting, entry.step.id))
                    self.observe(target, setting.percent or 0)
        self.wait(10)
        for entry in self.state.checklist:
            if entry.step.manual is None:
                self.tell(StepDone(at=self.at, step=entry.step.id, how="reads back"))
        return self

    def marks(self) -> list[StepMark]:
        """The marks of the checklist, in order."""
        return [entry.mark for entry in self.state.checklist]
