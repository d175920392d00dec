"""Random but plausible histories of a small rollout, for property tests: whatever happens, nothing may raise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from hypothesis import strategies as st

from adapters.contract import Outcome, Setting
from console.events.evidence import Verb
from console.events.kinds import (
    Event,
    Noted,
    RolloutClosed,
    RolloutOpened,
    SourceFailed,
    SourceRecovered,
    StepDone,
    Unrecognized,
    VerdictChanged,
)
from console.plan.nouns import Plan, Stage
from tests.rollout_rig import EDGE, FLAG, OFF, Story, empty_card, reads
from tests.states import PLAN

EDITED = (
    PLAN,
    replace(PLAN, rollback=None, digest="derived"),
    replace(PLAN, stages=PLAN.stages[1:], digest="shorter"),
    replace(PLAN, stages=PLAN.stages[:1], digest="one stage"),
    replace(PLAN, stages=(Stage("new", {EDGE: Setting(2)}, one_way=True), *PLAN.stages[1:]), digest="renamed"),
    replace(PLAN, metrics={}, digest="no metrics"),
    replace(
        PLAN,
        targets={EDGE: PLAN.targets[EDGE]},
        stages=(Stage("edge", {EDGE: Setting(9)}),),
        rollback=None,
        digest="one target",
    ),
    replace(
        PLAN,
        targets={**PLAN.targets, EDGE: replace(PLAN.targets[EDGE], ref=replace(PLAN.targets[EDGE].ref, name="be_b"))},
        rollback=None,
        digest="elsewhere",
    ),
)
"""What the plan file may have become: by digest, one of these is accepted."""
KEPT = ("edge-back", "edge@plan-1-back")
BEFORE: tuple[dict[str, Setting], ...] = ({}, {}, {EDGE: Setting(5)}, {FLAG: OFF}, {EDGE: Setting(100), "no": OFF})
SUBJECTS = (None, "0", "1", "5", "99", "²", "plan", EDGE, FLAG, "tell-data", "edge-zero", *KEPT, "nothing")
STEPS = ("flag-off", "edge-zero", "tell-data", "edge-back", "nothing")
SETTINGS = (Setting(0), Setting(1), Setting(5, on=True), Setting(100), OFF)

ACTIONS: tuple[Literal["set", "pause", "resume"], ...] = ("set", "set", "pause", "resume")

targets = st.sampled_from((EDGE, FLAG))
percents = st.sampled_from((None, 0, 1, 5, 20, 100))
pick = st.integers(0, 1000)


def story() -> Story:
    """A rollout that knows every plan it may be edited into."""
    return Story(plans={plan.digest: plan for plan in EDITED})


def _opening(told: Story, draw: st.DataObject) -> None:
    percent = draw.draw(percents)
    readings = tuple(reads(name, percent, told.at) for name in (EDGE, FLAG) if percent is not None)
    reached = draw.draw(st.sampled_from((None, 0, 1, 2, 5)))
    told.tell(
        RolloutOpened(
            at=told.at,
            plan_digest=PLAN.digest,
            plan_text=PLAN.text,
            readings=readings,
            reached=reached,
            asks_before=draw.draw(st.booleans()),
        )
    )


def _observed(told: Story, draw: st.DataObject) -> None:
    name = draw.draw(targets)
    told.observe(name, draw.draw(percents), draw.draw(st.sampled_from((None, "nodes disagree"))))


def _decided(told: Story, draw: st.DataObject) -> None:
    plan: Plan = draw.draw(st.sampled_from(EDITED))
    subject = draw.draw(st.sampled_from(SUBJECTS))
    verb = draw.draw(st.sampled_from(Verb))
    before = draw.draw(st.sampled_from(BEFORE)) if verb is Verb.PLACE else {}
    told.decide(verb, subject, plan if subject == "plan" else None, card=empty_card(verb, told.at), before=before)


def _requested(told: Story, draw: st.DataObject) -> None:
    decisions = [entry.id for entry in told.state.decisions] or ["nobody"]
    name = draw.draw(st.sampled_from(sorted(told.state.plan.targets)))
    step = draw.draw(st.sampled_from((None, *STEPS)))
    action = draw.draw(st.sampled_from(ACTIONS))
    decision = decisions[draw.draw(pick) % len(decisions)]
    told.send(decision, name, draw.draw(st.sampled_from(SETTINGS)), step, action)


def _answered(told: Story, draw: st.DataObject) -> None:
    requests = [*told.state.requests, "nothing"]
    request = requests[draw.draw(pick) % len(requests)]
    if draw.draw(st.booleans()):
        told.settle(request, draw.draw(st.sampled_from(Outcome)), "because")
    else:
        told.reconcile(request, draw.draw(st.booleans()))


def _else(told: Story, draw: st.DataObject) -> None:
    at = told.wait(draw.draw(st.sampled_from((0, 1, 60)))).at
    source = draw.draw(st.sampled_from(("prom", "edge-lb", "nobody")))
    facts: tuple[Event, ...] = (
        SourceFailed(at=at, source=source, reason="gone"),
        SourceRecovered(at=at, source=source),
        VerdictChanged(at=at, metric="errors", was="pass", became="fail", reason="10x"),
        VerdictChanged(at=at, metric="nothing", was="pass", became="fail", reason="10x"),
        *(StepDone(at=at, step=step, how="reads back") for step in STEPS),
        Noted(at=at, text="hello"),
        Unrecognized(at=at, said_kind="alarm_rung"),
        RolloutClosed(at=at, how="decision"),
    )
    told.tell(draw.draw(st.sampled_from(facts)))


def _flowed(told: Story, draw: st.DataObject) -> None:
    told.flow(draw.draw(st.sampled_from((5, 20))), bad=draw.draw(st.sampled_from((0, 100, 100_001))))


MOVES: tuple[Callable[[Story, st.DataObject], None], ...] = (_observed, _decided, _requested, _answered, _else, _flowed)


def happen(told: Story, draw: st.DataObject, at_most: int = 25) -> None:
    """Let a random history happen to a story."""
    _opening(told, draw)
    for move in draw.draw(st.lists(st.sampled_from(MOVES), max_size=at_most)):
        move(told, draw)
