"""A rollout whose steps belong to its backend: its own climb is followed, what others do is shown, nothing is skipped.

Real engines and the real Argo adapter, over a FAKE cluster and a FAKE controller.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import httpx
import pytest

from adapters.contract import Outcome, Phase, Wait
from console.events.evidence import Verb
from console.state.card import card_for
from console.state.gates import why_not
from console.state.values import Mode
from tests.argo_fake import ANALYSIS, PAUSE, pause, weight
from tests.engine_rig import Console
from tests.kube_fake import Sent
from tests.reading_rig import steps_read
from tests.steps_rig import LISTED, STEPS, TAKEN, at_stage, reads, reconciling, room_with, told


async def test_the_stage_that_is_reached_follows_the_controllers_own_climb(tmp_path: Path) -> None:
    async with room_with(tmp_path, LISTED, *STEPS) as (room, site):
        console = await room.console()
        assert console.state.reached == 0
        site.controller.settle()
        await at_stage(console, 1)
        assert console.state.targets["api"].drift is None
        assert "stage twenty reached without a promote" in told(console, "step")
        assert site.cluster.writes == []


async def test_a_promote_ends_one_pause_and_the_next_stage_is_confirmed_when_it_is_read(tmp_path: Path) -> None:
    async with room_with(tmp_path, LISTED, *STEPS) as (room, site), reconciling(site):
        console = await room.console()
        await at_stage(console, 1)
        answer = await console.act(Verb.PROMOTE)
        assert answer.result == "accepted", answer.line
        await at_stage(console, 2)
        assert len(site.cluster.writes) == 1
        assert console.state.decisions[-1].outcome == "confirmed"
        await console.act(Verb.PROMOTE)
        state = await console.until(lambda state: state.mode is Mode.COMPLETE)
        assert reads(state).phase is Phase.HEALTHY
        assert site.controller.finished == ["setWeight 0", "pause 1", "setWeight 2", "pause 3"]
        assert told(console, "drift") == []


async def test_stages_are_taken_from_the_rollouts_own_steps(tmp_path: Path) -> None:
    async with room_with(tmp_path, TAKEN, weight(20), PAUSE, weight(60), PAUSE, ANALYSIS, PAUSE) as (room, site):
        site.controller.settle()
        console = await room.console()
        stages = [(entry.stage.name, str(entry.stage.sets["api"])) for entry in console.state.stages]
        assert stages == [
            ("20pct", "step 1 (20 %)"),
            ("60pct", "step 3 (60 %)"),
            ("step-5", "step 5 (60 %)"),
            ("full", "all steps (100 %)"),
        ]
        assert console.state.reached == 1


async def test_a_console_that_joins_takes_the_same_stages_from_the_journal(tmp_path: Path) -> None:
    async with room_with(tmp_path, TAKEN, *STEPS) as (room, site), reconciling(site):
        first = await room.console()
        await at_stage(first, 1)
        await first.act(Verb.PROMOTE)
        await at_stage(first, 2)
        second = await room.console()
        assert [entry.stage.name for entry in second.state.stages] == ["20pct", "60pct", "full"]
        assert second.state.reached == 2


@pytest.mark.parametrize(("looks", "reached"), [(False, 0), (True, 1)])
async def test_a_rollout_under_way_is_joined_where_it_stands(tmp_path: Path, looks: bool, reached: int) -> None:
    async with room_with(tmp_path, LISTED, *STEPS) as (room, site):
        if looks:
            site.controller.settle()
        console = await room.console()
        assert console.state.reached == reached


async def test_nothing_has_begun_while_no_new_version_was_set(tmp_path: Path) -> None:
    async with room_with(tmp_path, LISTED, *STEPS) as (room, site), reconciling(site):
        site.cluster.change("rollouts", "web", _image("web:1"))
        await asyncio.sleep(0.1)
        console = await room.console()
        assert (console.state.reached, str(reads(console.state))) == (0, "0 %, step 0/4")
        assert "nothing is under way: no new version was set" in (why_not(console.state, Verb.PROMOTE) or "")
        site.cluster.change("rollouts", "web", _image("web:3"))
        await at_stage(console, 1)
        assert told(console, "drift") == []
        assert "api: version h3 is wanted" in told(console, "step")


def _image(name: str):  # type: ignore[no-untyped-def]
    return lambda found: found["spec"]["template"]["spec"]["containers"][0].update(image=name)


async def test_a_vendors_promote_is_noticed_shown_and_has_to_be_accepted(tmp_path: Path) -> None:
    async with room_with(tmp_path, LISTED, *STEPS) as (room, site), reconciling(site):
        console = await room.console()
        await at_stage(console, 1)
        site.controller.vendor_promote()
        state = await console.until(lambda state: state.targets["api"].drift is not None)
        assert re.search(
            r"api moved outside warroom: step 1 -> \d, past the pause at step 1", told(console, "drift")[0]
        )
        await console.until(lambda state: steps_read(reads(state)).step == 3)
        assert console.state.reached == 1
        assert "accept it (a) or undo it" in (why_not(console.state, Verb.PROMOTE) or "")
        await console.act(Verb.ACCEPT, subject="api")
        state = await console.until(lambda state: state.reached == 2)
        assert state.targets["api"].drift is None


@pytest.mark.parametrize("consoles", [2, 10])
async def test_consoles_that_promote_at_once_end_one_pause(tmp_path: Path, consoles: int) -> None:
    async with room_with(tmp_path, LISTED, weight(20), PAUSE, PAUSE, PAUSE) as (room, site):
        site.controller.settle()
        opened = [await room.console() for _ in range(consoles)]
        for console in opened:
            await at_stage(console, 1)
        intents = [console.intent(Verb.PROMOTE) for console in opened]
        answers = await asyncio.gather(
            *(console.engine.act(intent) for console, intent in zip(opened, intents, strict=True))
        )
        results = sorted(str(answer.result) for answer in answers)
        assert results == ["accepted", *["moved"] * (consoles - 1)], [answer.line for answer in answers]
        assert len(site.cluster.writes) == 1
        site.controller.settle()
        assert (site.controller.index(), site.controller.finished) == (2, ["setWeight 0", "pause 1"])


async def test_a_card_that_showed_another_step_is_outdated_whoever_moved_it(tmp_path: Path) -> None:
    async with room_with(tmp_path, LISTED, weight(20), pause(1), weight(60), PAUSE) as (room, site):
        site.controller.settle()
        console = await room.console()
        await console.until(lambda state: steps_read(reads(state)).waits is Wait.TIMER)
        intent = console.intent(Verb.PROMOTE)
        await asyncio.sleep(2.1)
        site.controller.settle()
        await console.until(lambda state: steps_read(reads(state)).step == 3)
        answer = await console.engine.act(intent)
        assert answer.result == "moved", answer.line
        assert "look again" in answer.line
        assert site.cluster.writes == []


async def test_a_halt_pauses_it_by_hand_and_a_resume_takes_exactly_that_back(tmp_path: Path) -> None:
    async with room_with(tmp_path, LISTED, weight(20), ANALYSIS, weight(60), PAUSE) as (room, site), reconciling(site):
        console = await room.console()
        await console.until(lambda state: steps_read(reads(state)).step == 1)
        await console.act(Verb.HALT)
        await console.until(lambda state: steps_read(reads(state)).waits is Wait.MANUAL)
        site.controller.ends_analysis = True
        await asyncio.sleep(0.1)
        assert site.controller.index() == 1
        await console.act(Verb.RESUME)
        await console.until(lambda state: steps_read(reads(state)).step == 3)
        assert site.controller.finished == ["setWeight 0", "analysis 1", "setWeight 2"]
        assert told(console, "drift") == []


@pytest.mark.parametrize("taken_back", ["by us", "by another"])
async def test_what_a_resume_let_go_on_is_ours_though_the_next_read_finds_it_far_on(
    tmp_path: Path, taken_back: str
) -> None:
    async with room_with(tmp_path, LISTED, weight(20), ANALYSIS, weight(60), PAUSE) as (room, site):
        site.controller.settle()
        console = await room.console()
        await console.act(Verb.HALT)
        site.controller.settle()
        await console.until(lambda state: steps_read(reads(state)).waits is Wait.MANUAL)
        site.controller.ends_analysis = True

        def go_on(sent: Sent) -> None:
            if sent.method == "PATCH":  # before anybody reads
                site.controller.settle()

        site.cluster.after = go_on
        if taken_back == "by us":
            await console.act(Verb.RESUME)
        else:
            site.cluster.merge("rollouts", "web", {"spec": {"paused": False}})
            site.controller.settle()
        await console.until(lambda state: steps_read(reads(state)).step == 3)
        outside = ["api moved outside warroom: step 1 -> 3, past the pause by hand at step 1"]
        assert told(console, "drift") == ([] if taken_back == "by us" else outside)


async def test_a_resume_right_after_a_halt_takes_it_back_before_it_was_read(tmp_path: Path) -> None:
    slow = LISTED.replace("poll: 50ms", "poll: 60s")
    async with room_with(tmp_path, slow, weight(20), ANALYSIS, weight(60), PAUSE) as (room, site):
        site.controller.settle()
        console = await room.console()
        await console.until(lambda state: steps_read(reads(state)).step == 1)
        await asyncio.gather(console.act(Verb.HALT), _as_soon_as_halted(console))
        spec = site.cluster.objects["rollouts"]["web"]["spec"]
        assert (console.state.halted, spec["paused"]) == (None, False)
        assert told(console, "drift") == []


async def _as_soon_as_halted(console: Console) -> None:
    await console.until(lambda state: [one.outcome for one in state.requests.values()] == [Outcome.ACCEPTED])
    await console.act(Verb.RESUME)


async def test_a_rollback_aborts_and_is_done_when_it_reads_as_aborted(tmp_path: Path) -> None:
    async with room_with(tmp_path, LISTED, *STEPS) as (room, site), reconciling(site):
        console = await room.console()
        await at_stage(console, 1)
        card = card_for(console.state, Verb.ROLLBACK)
        assert [call.text for call in card.calls] == [
            "PATCH rollouts/web/status: test /status/currentPodHash h2; add /status/abort true; "
            "then an annotation, if its controller overlooks it"
        ]
        await console.act(Verb.ROLLBACK)
        state = await console.until(lambda state: state.mode is Mode.ROLLED_BACK)
        assert reads(state).phase is Phase.ABORTED
        assert len(site.cluster.writes) == 1


async def test_a_rollback_of_a_promoted_version_goes_to_the_one_before_past_its_steps(tmp_path: Path) -> None:
    async with room_with(tmp_path, LISTED.replace("400ms", "3s"), *STEPS) as (room, site), reconciling(site):
        console = await room.console()
        for number in (1, 2):
            await at_stage(console, number)
            await console.act(Verb.PROMOTE)
        await console.until(lambda state: state.mode is Mode.COMPLETE)
        await console.act(Verb.ROLLBACK)
        state = await console.until(lambda state: state.mode is Mode.ROLLED_BACK)
        assert (reads(state).versions.canary, str(state.targets["api"].reading)) == (
            "h1",
            "0 %, step 0/4",
        )
        assert told(console, "drift") == []


async def test_an_analysis_that_failed_is_the_controllers_abort_and_shown_as_such(tmp_path: Path) -> None:
    async with room_with(tmp_path, LISTED, *STEPS) as (room, site), reconciling(site):
        console = await room.console()
        await at_stage(console, 1)
        site.cluster.change("rollouts", "web", lambda found: found["status"].update(abort=True))
        await console.until(lambda state: reads(state).phase is Phase.ABORTED)
        assert console.state.targets["api"].drift is None
        assert any(line.startswith("api: aborted: ") for line in told(console, "step"))
        assert "it is aborted: retry begins again" in (why_not(console.state, Verb.PROMOTE) or "")


async def test_a_call_in_doubt_is_told_by_where_the_rollout_stands_then(tmp_path: Path) -> None:
    async with room_with(tmp_path, LISTED, *STEPS) as (room, site):
        site.controller.settle()
        console = await room.console()
        await at_stage(console, 1)

        def lose(sent: Sent) -> httpx.Response | None:
            if sent.method == "PATCH":
                raise httpx.ReadError("gone")
            return None

        site.cluster.after = lose
        answer = await console.act(Verb.PROMOTE)
        assert answer.result == "unknown", answer.line
        site.cluster.after = lambda _sent: None
        async with reconciling(site):
            await at_stage(console, 2)
        await console.until(lambda state: [one.took_effect for one in state.requests.values()] == [True])
        assert len(site.cluster.writes) == 1


# -- orders ----------------------------------------------------------------------------------------------------------
