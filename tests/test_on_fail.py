"""`on_fail`: what the plan wants done by itself is done once, the way a key press goes, and said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from console.alarms import new_alarms
from console.events.evidence import Verb
from console.judge.verdict import StageVerdict, StageWord
from console.plan.nouns import OnFail
from console.state.on_fail import due_intent
from console.state.values import Mode, State
from tests.engine_rig import ONE, war_room
from tests.rollout_rig import Story
from tests.states import PLAN
from widgets.advice import advice_for
from widgets.log import log_lines


def failing(on_fail: OnFail, stages: int = 1) -> State:
    """A rollout whose canary errs ten times as often as the baseline."""
    story = Story(replace(PLAN, on_fail=on_fail)).open()
    story.flow(20)
    for _ in range(stages):
        story.promote()
    story.flow(120, bad=1000)
    assert story.seen.stage_verdict is not None and story.seen.stage_verdict.word is StageWord.FAIL
    return story.seen


def test_a_plan_that_asks_does_nothing_by_itself() -> None:
    assert due_intent(failing(OnFail.ASK)) is None


def test_a_failed_stage_is_halted_or_rolled_back_as_the_plan_says_with_the_verdict_as_reason() -> None:
    halt, rollback = due_intent(failing(OnFail.HALT)), due_intent(failing(OnFail.ROLLBACK))
    assert halt is not None and rollback is not None
    assert (halt.verb, rollback.verb) == (Verb.HALT, Verb.ROLLBACK)
    assert halt.automatic and halt.reason.startswith("on_fail: ") and "10x" in halt.reason


def test_a_stage_that_does_not_fail_is_left_alone() -> None:
    state = failing(OnFail.HALT)
    for word in set(StageWord) - {StageWord.FAIL}:
        assert due_intent(replace(state, stage_verdict=StageVerdict(word, ""))) is None
    assert due_intent(replace(state, stage_verdict=None)) is None


def test_past_a_one_way_stage_it_freezes_instead_of_rolling_back() -> None:
    state = failing(OnFail.ROLLBACK)
    one_way = tuple(replace(entry, stage=replace(entry.stage, one_way=entry.number == 1)) for entry in state.stages)
    intent = due_intent(replace(state, stages=one_way))
    assert intent is not None and intent.verb is Verb.HALT
    assert "past the one-way stage" in intent.reason


def test_it_acts_once_a_stage_whatever_is_decided_afterwards() -> None:
    state = failing(OnFail.HALT)
    story = Story(state.plan)
    story.state, story.at = state, state.as_of or story.at
    story.decide(Verb.HALT)
    acted = replace(
        story.state, decisions=(*story.state.decisions[:-1], replace(story.state.decisions[-1], automatic=True))
    )
    resumed = replace(acted, halted=None, stage_verdict=state.stage_verdict)
    assert resumed.mode in (Mode.BAKING, Mode.WATCHING)
    assert due_intent(resumed) is None


def test_what_it_did_rings_and_stands_in_the_log_and_in_the_advice() -> None:
    state = failing(OnFail.HALT)
    story = Story(state.plan)
    story.state, story.at = state, state.as_of or story.at
    story.decide(Verb.HALT)
    before = story.state
    acted = replace(before, decisions=(*before.decisions[:-1], replace(before.decisions[-1], automatic=True)))
    assert any("by on_fail" in line for line in new_alarms(before, acted))
    assert "HALTED by on_fail" in advice_for(replace(acted, metrics=state.metrics))[1]
    text = "\n".join("".join(piece.text for piece in line) for line in log_lines(acted, 120, 10))
    assert "on_fail" in text


@pytest.mark.parametrize(("what", "verb"), [("halt", Verb.HALT), ("rollback", Verb.ROLLBACK)])
async def test_the_engine_goes_the_way_of_a_key_press(tmp_path: Path, what: str, verb: Verb) -> None:
    async with war_room(tmp_path, ONE.replace("targets:", f"on_fail: {what}\ntargets:")) as room:
        console = await room.console()
        plan = replace(console.state.plan, on_fail=OnFail(what))
        await console.promoted(1)
        said = StageVerdict(StageWord.FAIL, "errors: 9x, 900:1")
        failing_state = replace(console.engine.state(), plan=plan, stage_verdict=said)
        console.engine.duties.act_on_fail(failing_state)
        console.engine.duties.act_on_fail(failing_state)
        await console.until(lambda state: any(decision.automatic for decision in state.decisions))
        done = [decision for decision in console.state.decisions if decision.automatic]
        assert [(decision.verb, decision.reason) for decision in done] == [(verb, "on_fail: errors: 9x, 900:1")]
        assert done[0].seq is not None


async def test_of_two_consoles_that_see_a_stage_fail_one_rolls_it_back_and_once(tmp_path: Path) -> None:
    plan = ONE.replace("scripted", "embedded, latency: 0, scenario: error_spike, rps: 20000, onset: 0s").replace(
        "targets:", "on_fail: rollback\ntargets:"
    )
    plan = plan.replace("kind: deploy}", "kind: deploy, canary: canary, baseline: stable}").replace(
        "stages:", "metrics: {errors: {backend: edge}}\nstages:"
    )
    async with war_room(tmp_path, plan) as room:
        one, two = await room.console(), await room.console()
        await one.promoted(1)
        for console in (one, two):
            await console.until(lambda state: state.mode is Mode.ROLLED_BACK)
        decided = [event for event in room.events() if event.kind == "decision_taken"]
        assert [(event.verb, event.automatic) for event in decided] == [(Verb.PROMOTE, False), (Verb.ROLLBACK, True)]


async def test_a_decision_that_cannot_be_carried_out_is_said_as_a_fault(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        await console.promoted(1)
        await console.act(Verb.ROLLBACK)
        await console.until(lambda state: state.mode is Mode.ROLLED_BACK)
        plan = replace(console.state.plan, on_fail=OnFail.ROLLBACK)
        seen = replace(
            console.engine.state(), plan=plan, rollback=None, stage_verdict=StageVerdict(StageWord.FAIL, "errors: 9x")
        )
        console.engine.duties.act_on_fail(seen)
        await console.until(lambda state: state.local.fault)
        assert "on_fail rollback: rollback refused: everything is rolled back" in (console.state.local.fault or "")
