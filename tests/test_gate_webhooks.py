"""Gates that Flagger asks at: answered from what people decided, once per step, and never left open.

Real engines and the real Flagger adapter, over a FAKE cluster and a FAKE controller.
"""

from __future__ import annotations

import asyncio
import json
from functools import partial
from pathlib import Path

import pytest

from adapters.contract import Wait
from console.engine.answer import Result
from console.events.evidence import Verb
from console.state.gates import why_not
from tests.flagger_rig import under_way
from tests.gate_rig import PLAN, QUESTION, has_reached, reads, site
from tests.reading_rig import steps_read


async def test_a_promote_answers_each_gate_once_up_to_its_stage_and_then_no_more(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        await there.released(console)
        answer = await console.act(Verb.PROMOTE)
        assert answer.line == "promote to ten accepted"
        await there.looks(5)
        assert there.flagger.passed == ["confirm-rollout at 0", "confirm-traffic-increase at 0"]
        state = await console.until(lambda state: state.reached == 2)
        assert reads(state).percent == 10.0
        assert there.said[-1].text in ("not now: nobody has promoted it", "not now: it stands where it was promoted to")


async def test_a_release_that_has_no_name_yet_is_called_a_new_version(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        state = await there.released(console)
        assert reads(state).versions.canary is None
        assert "web: a new version is wanted" in [note.text for note in state.log]


async def test_a_whole_rollout_through_its_gates_ends_promoted(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        await there.released(console)
        for reached in (2, 3, 4):
            await console.act(Verb.PROMOTE)
            await there.looks(6)
            await console.until(partial(has_reached, reached))
        assert there.flagger.passed == [
            "confirm-rollout at 0",
            "confirm-traffic-increase at 0",
            "confirm-traffic-increase at 10",
            "confirm-traffic-increase at 30",
            "confirm-traffic-increase at 50",
            "confirm-promotion at 50",
        ]
        assert not [entry for entry in console.state.targets.values() if entry.drift]


async def test_nothing_is_answered_that_nobody_promoted(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        await there.released(console)
        await there.looks(3)
        assert there.flagger.passed == []
        assert {said.text for said in there.said} <= {"not now: nobody has promoted it"}


async def test_ten_promotes_at_once_let_it_on_by_one_stage(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        consoles = [await there.opened(), *[await there.room.console() for _ in range(9)]]
        await there.released(consoles[0])
        for console in consoles:
            await console.until(lambda state: state.reached == 1)
        wishes = [console.intent(Verb.PROMOTE) for console in consoles]
        answers = await asyncio.gather(*(one.engine.act(wish) for one, wish in zip(consoles, wishes, strict=True)))
        assert [answer.result for answer in answers].count(Result.ACCEPTED) == 1
        await consoles[0].until(lambda state: state.promoting is not None and not state.in_flight)
        await there.looks(6)
        assert there.flagger.passed == ["confirm-rollout at 0", "confirm-traffic-increase at 0"]


async def test_what_another_console_decided_a_moment_ago_is_known_when_flagger_asks(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console, other = await there.opened(), await there.room.console()
        await there.released(console)
        await other.until(lambda state: state.reached == 1)
        await console.engine.supervisor.stop("journal")  # so that nothing but the query makes it look
        assert (await other.act(Verb.PROMOTE)).result is Result.ACCEPTED
        assert (await console.engine.gate_responder.answer("confirm-rollout", QUESTION, None)).code == 200


async def test_two_gatehouses_answer_one_question_once(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console, other = await there.opened(), await there.room.console()
        await there.released(console)
        await other.until(lambda state: state.reached == 1)
        await console.act(Verb.PROMOTE)
        await other.until(lambda state: state.promoting is not None and not state.in_flight)
        doors = (console.engine.gate_responder, other.engine.gate_responder)
        said = await asyncio.gather(*(door.answer("confirm-rollout", QUESTION, None) for door in doors))
        assert sorted(answer.code for answer in said) == [200, 403]


async def test_an_answer_that_flagger_never_heard_is_not_given_again(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        await there.released(console)
        await console.act(Verb.PROMOTE)
        first = await console.engine.gate_responder.answer("confirm-rollout", QUESTION, None)
        second = await console.engine.gate_responder.answer("confirm-rollout", QUESTION, None)
        assert (first.code, second.text) == (200, "not now: answered already at step 0")


async def test_a_gatehouse_that_is_started_again_remembers_what_it_answered(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        await there.released(console)
        await console.act(Verb.PROMOTE)
        await console.engine.gate_responder.answer("confirm-rollout", QUESTION, None)
        await console.die()
        again = await there.room.console()
        said = await again.engine.gate_responder.answer("confirm-rollout", QUESTION, None)
        assert said.text == "not now: answered already at step 0"


async def test_of_two_clusters_with_one_name_each_the_webhook_says_which_it_is(tmp_path: Path) -> None:
    plan = PLAN.replace("cluster: {adapter: flagger-fake}", "eu: {adapter: flagger-fake}, us: {adapter: flagger-fake}")
    plan = plan.replace("web: {backend: cluster, name: podinfo}", "web: {backend: eu, name: podinfo}, us: *us")
    plan = plan.replace("us: *us", "us: {backend: us, name: podinfo}")
    plan = plan.replace("all steps", "all steps, us: all steps").replace("web: step 0", "web: step 0, us: step 0")
    async with site(tmp_path, plan) as there:
        console = await there.opened()
        await there.flagger.look()
        said = await console.engine.gate_responder.answer("confirm-rollout", QUESTION, None)
        assert (said.code, said.text.split(";")[0]) == (409, "not now: it may be any of web, us")
        named = {**json.loads(QUESTION), "metadata": {"target": "us"}}
        said = await console.engine.gate_responder.answer("confirm-rollout", json.dumps(named).encode(), None)
        assert (said.code, said.text) == (403, "not now: nobody has promoted it")


async def test_a_gate_that_somebody_else_opened_is_shown_as_drift(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        await there.released(console)
        there.cluster.change("canaries", "podinfo", lambda found: found["status"].update(under_way(10)))
        state = await console.until(lambda state: state.targets["web"].drift)
        assert "past the gate at step 0, which warroom did not answer" in state.log[-1].text
        assert "drifted" in str(why_not(state, Verb.PROMOTE))


async def test_a_blue_green_is_asked_for_twice_and_both_are_answered(tmp_path: Path) -> None:
    plan = PLAN.replace("step 2", "step 1").replace("  - {name: fifty, set: {web: step 4}}\n", "")
    async with site(tmp_path, plan, iterations=2) as there:
        console = await there.opened()
        await there.released(console)
        await console.act(Verb.PROMOTE)
        await there.looks(5)
        await console.until(lambda state: state.reached == 2 and steps_read(reads(state)).waits is Wait.GATE)
        await console.act(Verb.PROMOTE)
        await there.looks(5)
        await console.until(lambda state: state.reached == 3)
        assert there.flagger.passed == ["confirm-rollout at 0", *["confirm-promotion at 0"] * 2]
        assert console.state.targets["web"].drift is None


@pytest.mark.parametrize(
    ("gate", "body", "code"),
    [
        ("confirm-rollout", b"{", 400),
        ("confirm-rollout", b'{"name": "other", "namespace": "default"}', 404),
        ("confirm-rollout", b'{"name": "podinfo", "namespace": "elsewhere"}', 404),
        ("somersault", b'{"name": "podinfo", "namespace": "default"}', 404),
    ],
)
async def test_a_question_that_is_none_of_ours_is_no(tmp_path: Path, gate: str, body: bytes, code: int) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        assert (await console.engine.gate_responder.answer(gate, body, None)).code == code


async def test_with_a_token_only_who_shows_it_is_answered(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        await there.released(console)
        console.engine.gate_responder._token = "s3cret"
        plain = {"name": "podinfo", "namespace": "default"}
        shown = {**plain, "metadata": {"token": "s3cret"}}
        for body, token, code in (
            (plain, None, 401),
            (plain, "wrong", 401),
            (plain, "s3cret", 403),
            (shown, None, 403),
        ):
            said = await console.engine.gate_responder.answer("confirm-rollout", json.dumps(body).encode(), token)
            assert (said.code, "s3cret" in said.text) == (code, False)


async def test_a_cluster_that_cannot_be_read_is_no(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        await there.released(console)
        await console.act(Verb.PROMOTE)
        there.cluster.delete("canaries", "podinfo")
        said = await console.engine.gate_responder.answer("confirm-rollout", QUESTION, None)
        assert said.code == 403
