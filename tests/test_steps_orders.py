"""Orders of a backend that owns its steps: given on what the card showed, or not given, and why."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from adapters.contract import Phase, Wait
from console.events.evidence import Verb
from console.state.orders import offered_orders
from console.state.values import Mode
from tests.argo_fake import ANALYSIS, PAUSE, weight
from tests.reading_rig import steps_read
from tests.steps_rig import LISTED, STEPS, at_stage, reads, reconciling, room_with, told


async def test_an_order_is_given_on_what_its_card_showed_and_written_down(tmp_path: Path) -> None:
    async with room_with(tmp_path, LISTED, *STEPS) as (room, site), reconciling(site):
        console = await room.console()
        await at_stage(console, 1)
        assert [subject for subject, _ in offered_orders(console.state)] == [
            "api promote-full",
            "api abort",
            "api undo 1",
            "api restart",
            "api pause",
        ]
        answer = await console.act(Verb.ORDER, subject="api promote-full")
        assert answer.result == "accepted", answer.line
        state = await console.until(lambda state: state.mode is Mode.COMPLETE)
        assert [entry.action for entry in state.requests.values()] == ["promote-full"]
        assert told(console, "drift") == []


async def test_an_order_whose_word_was_not_typed_is_not_given(tmp_path: Path) -> None:
    async with room_with(tmp_path, LISTED, *STEPS) as (room, site):
        site.controller.settle()
        console = await room.console()
        answer = await console.act(Verb.ORDER, subject="api promote-full", typed="promote")
        assert "it has to be confirmed by typing 'promote-full'" in answer.line
        assert site.cluster.writes == []


@pytest.mark.parametrize(
    ("subject", "why"),
    [
        ("api", "say which target and which order"),
        ("web retry", "say which target and which order: api"),
        ("api retry", "retry: it is not aborted"),
        ("api skip", "skip: it stands at a pause: promote ends it"),
    ],
)
async def test_an_order_that_cannot_be_had_says_why(tmp_path: Path, subject: str, why: str) -> None:
    async with room_with(tmp_path, LISTED, *STEPS) as (room, site):
        site.controller.settle()
        console = await room.console()
        answer = await console.act(Verb.ORDER, subject=subject)
        assert answer.result == "refused"
        assert why in answer.line
        assert site.cluster.writes == []


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (
            "windows: {freeze: [{days: mon-sun, reason: year end}]}\n",
            "FREEZE: year end: only a promote may override that (p)",
        ),
        ("", "full asks for an approval, and only a promote has what is approved (p)"),
    ],
    ids=["freeze", "approval"],
)
async def test_an_order_is_no_way_round_a_freeze_nor_an_approval(tmp_path: Path, more: str, why: str) -> None:
    plan = LISTED + more if more else LISTED.replace("set: {api: all steps}", "set: {api: all steps}, approvals: 1")
    async with room_with(tmp_path, plan, *STEPS) as (room, site), reconciling(site):
        console = await room.console()
        await at_stage(console, 1)
        answer = await console.act(Verb.ORDER, subject="api promote-full")
        assert answer.line.startswith("order refused: promote-full: ") and answer.line.endswith(why)
        assert "api promote-full" not in [subject for subject, _ in offered_orders(console.state)]
        assert "api abort" in [subject for subject, _ in offered_orders(console.state)]
        assert site.cluster.writes == []


async def test_while_halted_only_orders_that_go_safer_can_be_had(tmp_path: Path) -> None:
    async with room_with(tmp_path, LISTED, *STEPS) as (room, site), reconciling(site):
        console = await room.console()
        await at_stage(console, 1)
        await console.act(Verb.HALT)
        await console.until(lambda state: steps_read(reads(state)).waits is Wait.MANUAL)
        assert "halted: resume first (u)" in (await console.act(Verb.ORDER, subject="api restart")).line
        answer = await console.act(Verb.ORDER, subject="api abort")
        assert answer.result == "accepted", answer.line
        await console.until(lambda state: reads(state).phase is Phase.ABORTED)


async def test_ten_consoles_that_skip_the_same_step_skip_one(tmp_path: Path) -> None:
    async with room_with(tmp_path, LISTED, weight(20), ANALYSIS, ANALYSIS, PAUSE) as (room, site):
        site.controller.settle()
        consoles = [await room.console() for _ in range(10)]
        for console in consoles:
            await console.until(lambda state: steps_read(reads(state)).step == 1)
        intents = [console.intent(Verb.ORDER, subject="api skip") for console in consoles]
        answers = await asyncio.gather(
            *(console.engine.act(intent) for console, intent in zip(consoles, intents, strict=True))
        )
        assert sum(answer.result == "accepted" for answer in answers) == 1
        assert site.controller.index() == 2


async def test_a_retry_brings_an_aborted_rollout_back_to_its_first_stage(tmp_path: Path) -> None:
    async with room_with(tmp_path, LISTED, *STEPS) as (room, site), reconciling(site):
        console = await room.console()
        await at_stage(console, 1)
        await console.act(Verb.ORDER, subject="api abort")
        await console.until(lambda state: reads(state).phase is Phase.ABORTED)
        answer = await console.act(Verb.ORDER, subject="api retry")
        assert answer.result == "accepted", answer.line
        state = await console.until(lambda state: steps_read(reads(state)).waits is Wait.GATE)
        assert (state.targets["api"].drift, state.reached) == (None, 1)
