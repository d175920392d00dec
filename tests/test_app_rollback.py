"""A rollback at the keyboard, over a fake engine: begun, gone on with, its manual steps, a step that is left out."""

from __future__ import annotations

from dataclasses import replace

from adapters.contract import Setting
from console.events.evidence import Verb
from console.plan.nouns import Step
from console.state.values import StepMark, StepState
from tests import states
from tests.engine_port_fake import war_room
from tests.states.pieces import with_local


async def test_rolling_back_past_a_one_way_stage_costs_typing() -> None:
    async with war_room(states.past_one_way) as table:
        await table.press("r", "enter")
        assert table.engine.intents == []
        await table.write("rollback")
        await table.press("enter")
        await table.write("data is safe")
        await table.press("enter")
        (intent,) = table.engine.intents
        assert (intent.verb, intent.reason) == (Verb.ROLLBACK, "data is safe")


async def test_a_resumed_rollback_is_continued_by_r_enter() -> None:
    async with war_room(states.rolling_back) as table:
        await table.press("r")
        words = table.words()
        assert "CONTINUE ROLLBACK" in words
        assert "? IN DOUBT" in words
        await table.press("enter")
        assert [intent.verb for intent in table.engine.intents] == [Verb.ROLLBACK]


TELL_DATA = (*"tell", "minus", *"data")


async def test_r_confirms_a_manual_step_while_the_rollback_runs() -> None:
    waiting = states.step_states((StepMark.DONE, ""), (StepMark.DONE, ""), (StepMark.WAITING, ""))
    async with war_room(
        with_local(replace(states.rolling_back(), checklist=waiting, requests={}), running=True)
    ) as table:
        await table.press("r")
        assert "orders v1 is live again" in table.words()
        await table.press("y")
        assert table.engine.intents == []
        await table.press("backspace", *TELL_DATA, "enter")
        (intent,) = table.engine.intents
        assert (intent.verb, intent.subject, intent.typed) == (Verb.CONFIRM, "tell-data", "tell-data")


async def test_r_confirms_a_manual_step_when_nothing_automatic_is_left() -> None:
    waiting = states.step_states((StepMark.DONE, ""), (StepMark.DONE, ""), (StepMark.WAITING, ""))
    async with war_room(
        with_local(replace(states.rolling_back(), checklist=waiting, requests={}), running=False)
    ) as table:
        await table.press("r", *TELL_DATA, "enter")
        assert [(intent.verb, intent.subject) for intent in table.engine.intents] == [(Verb.CONFIRM, "tell-data")]


async def test_r_opens_the_card_of_a_step_that_would_raise_exposure_and_its_id_sends_it() -> None:
    step = Step("edge-back", {"edge": Setting(50)}, derived=True)
    why = "would raise edge from 5 % to 50 %: type its id to send it, or skip it"
    held = StepState(step, StepMark.WAITING, detail=why)
    state = replace(states.rolling_back(), checklist=(held,), requests={})
    async with war_room(with_local(state, running=False)) as table:
        assert "edge-back would raise edge from 5 % to 50 %: r sends it, x skips" in table.words()
        await table.press("r")
        assert "waiting: would raise edge from 5 % to 50" in table.words()
        assert "type edge-back first, then enter sends it" in table.words()
        await table.press(*"edge", "minus", *"back", "enter")
        assert [(intent.verb, intent.subject) for intent in table.engine.intents] == [(Verb.CONFIRM, "edge-back")]


async def test_x_goes_on_without_a_step_once_it_is_named_and_a_reason_is_given() -> None:
    waiting = states.step_states((StepMark.DONE, ""), (StepMark.REFUSED, "frozen"), (StepMark.PENDING, ""))
    async with war_room(
        with_local(replace(states.rolling_back(), checklist=waiting, requests={}), running=False)
    ) as table:
        await table.press("x")
        assert "Skip which step?" in table.words()
        await table.press("enter")
        assert "steps that wait for it: tell-data" in table.words()
        await table.press(*"edge", "minus", *"zero", "enter")
        assert table.engine.intents == []
        await table.press(*"dead", "enter")
        (intent,) = table.engine.intents
        assert (intent.verb, intent.subject, intent.typed, intent.reason) == (
            Verb.SKIP,
            "edge-zero",
            "edge-zero",
            "dead",
        )


async def test_after_a_crash_r_continues_although_a_manual_step_waits_as_well() -> None:
    waiting = states.step_states((StepMark.DONE, ""), (StepMark.REQUESTED, ""), (StepMark.WAITING, ""))
    async with war_room(
        with_local(replace(states.rolling_back(), checklist=waiting, requests={}), running=False)
    ) as table:
        assert "edge-zero UNANSWERED: r continues" in table.words()
        await table.press("r", "enter")
        assert [intent.verb for intent in table.engine.intents] == [Verb.ROLLBACK]
