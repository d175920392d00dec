"""Gates that Flagger asks at: answered from what people decided, once per step, and never left open.

Real engines and the real Flagger adapter, over a FAKE cluster and a FAKE controller.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters import registry
from adapters.contract import Ask, MetricQuery, Outcome, Shape, Wait
from console.engine import nudges
from console.engine.answer import Result
from console.engine.asking import Said
from console.events.evidence import Verb
from console.events.kinds import GateAnswered, GateLapsed
from console.judge.verdict import Verdict, VerdictState
from console.plan.nouns import Metric, Role
from console.state.asked import opening, overdue
from console.state.assess import assess
from console.state.fold import fold
from console.state.gates import why_not
from console.state.values import MetricState, StageMark, State
from tests import flagger_adapter
from tests.engine_rig import TIMING, Console, Room, locked, war_room
from tests.flagger_fake import Controller
from tests.flagger_rig import canary_object, hook, target_object, under_way
from tests.kube_fake import FakeCluster, Json

PLAN = f"""\
warroom: 1
rollout: one
{TIMING}
backends: {{cluster: {{adapter: flagger-fake}}}}
targets: {{web: {{backend: cluster, name: podinfo}}}}
stages:
  - {{name: start, set: {{web: step 0}}}}
  - {{name: ten, set: {{web: step 2}}}}
  - {{name: fifty, set: {{web: step 4}}}}
  - {{name: full, set: {{web: all steps}}}}
"""
QUESTION = json.dumps({"name": "podinfo", "namespace": "default"}).encode()


class Site:
    """A Canary, Flagger, and the console that answers its gates."""

    def __init__(self, room: Room, cluster: FakeCluster) -> None:
        self.room = room
        self.cluster = cluster
        self.flagger = Controller(cluster, self._ask)
        self.door: Console | None = None
        self.said: list[Said] = []
        """Every answer, in order."""

    async def _ask(self, gate: str, body: bytes) -> int:
        if self.door is None:
            return 502
        self.said.append(await self.door.engine.door.answer(gate, body, None))
        return self.said[-1].code

    async def opened(self) -> Console:
        """A console that also answers the gates."""
        self.door = await self.room.console()
        await self.door.engine.answered()
        return self.door

    async def released(self, console: Console) -> State:
        """A new version is set, and Flagger waits for leave to begin."""
        self.flagger.wanted = "v2"
        await self.flagger.look()
        return await console.until(lambda state: state.reached == 1 and reads(state).waits is Wait.GATE)

    async def looks(self, times: int) -> None:
        for _ in range(times):
            await self.flagger.look()


@asynccontextmanager
async def site(folder: Path, plan: str = PLAN, status: Json | None = None, **more: Any) -> AsyncIterator[Site]:
    """A room on a Canary of 10, 30, 50 % that stands behind gates."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setitem(registry.BUILT_IN, "flagger-fake", "tests.flagger_adapter")
        monkeypatch.setattr(nudges, "REST_S", 0.01)
        cluster = flagger_adapter.clusters.setdefault(folder, FakeCluster())
        cluster.put("canaries", canary_object(status, **more))
        cluster.put("deployments", target_object())
        try:
            async with war_room(folder, plan) as room:
                yield Site(room, cluster)
        finally:
            flagger_adapter.clusters.pop(folder, None)


def has_reached(reached: int, state: State) -> bool:
    return state.reached == reached


def reads(state: State) -> Any:
    return state.targets["web"].reading


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
        assert reads(state).canary_version is None
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
        for task in console.engine._tasks:
            if task.get_name() == "tail":
                task.cancel()  # so that nothing but the question makes it look
        assert (await other.act(Verb.PROMOTE)).result is Result.ACCEPTED
        assert (await console.engine.door.answer("confirm-rollout", QUESTION, None)).code == 200


async def test_two_gatehouses_answer_one_question_once(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console, other = await there.opened(), await there.room.console()
        await there.released(console)
        await other.until(lambda state: state.reached == 1)
        await console.act(Verb.PROMOTE)
        await other.until(lambda state: state.promoting is not None and not state.in_flight)
        doors = (console.engine.door, other.engine.door)
        said = await asyncio.gather(*(door.answer("confirm-rollout", QUESTION, None) for door in doors))
        assert sorted(answer.code for answer in said) == [200, 403]


async def test_an_answer_that_flagger_never_heard_is_not_given_again(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        await there.released(console)
        await console.act(Verb.PROMOTE)
        first = await console.engine.door.answer("confirm-rollout", QUESTION, None)
        second = await console.engine.door.answer("confirm-rollout", QUESTION, None)
        assert (first.code, second.text) == (200, "not now: answered already at step 0")


async def test_a_gatehouse_that_is_started_again_remembers_what_it_answered(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        await there.released(console)
        await console.act(Verb.PROMOTE)
        await console.engine.door.answer("confirm-rollout", QUESTION, None)
        await console.die()
        again = await there.room.console()
        said = await again.engine.door.answer("confirm-rollout", QUESTION, None)
        assert said.text == "not now: answered already at step 0"


async def test_a_version_that_is_swapped_before_flagger_asks_is_not_let_in(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        await there.released(console)
        await console.act(Verb.PROMOTE)
        there.flagger.wanted = "v3"
        await there.looks(3)
        assert there.flagger.passed == []
        asks = f"it is not what was promoted any more: it asks for {reads(console.state).release} now"
        lapsed = f"its promote was refused: web: {asks}; look again, and promote again"
        assert {said.text for said in there.said[-3:]} <= {f"not now: {asks}", f"not now: {lapsed}"}
        assert "asks for podinfo:v3 (template " in asks


async def test_a_promote_of_a_version_that_was_swapped_lapses_and_is_asked_anew(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        await there.released(console)
        await console.act(Verb.PROMOTE)
        there.flagger.wanted = "v3"
        await there.looks(1)
        state = await console.until(
            lambda state: any(r.known_outcome is Outcome.REFUSED for r in state.requests.values())
        )
        (request,) = state.requests.values()
        assert request.reason.startswith("web: it is not what was promoted any more: it asks for podinfo:v3")
        assert (await console.act(Verb.PROMOTE)).line == "promote to ten accepted"
        await there.looks(3)
        assert there.flagger.passed == ["confirm-rollout at 0", "confirm-traffic-increase at 0"]
        assert console.state.targets["web"].drift is None


async def test_a_card_that_showed_another_version_promotes_nothing(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        await there.released(console)
        wish = console.intent(Verb.PROMOTE)
        shown = reads(console.state).release
        there.flagger.wanted = "v3"
        await console.until(lambda state: reads(state).release != shown)
        answer = await console.engine.act(wish)
        assert answer.result is Result.MOVED
        assert f"with {shown} -> 0 %, step 0/5 (gate) with podinfo:v3" in answer.line


async def test_a_version_that_is_set_between_the_yes_and_the_start_is_drift_and_its_gates_stay_closed(
    tmp_path: Path,
) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        await there.released(console)
        await console.act(Verb.PROMOTE)
        there.flagger.between = lambda: setattr(there.flagger, "wanted", "v3")
        await there.looks(3)
        assert there.flagger.passed == ["confirm-rollout at 0"]
        state = await console.until(lambda state: state.targets["web"].drift)
        assert any("was set while podinfo:v2" in note.text for note in state.log)
        assert there.said[-1].text == "not now: it was moved outside warroom: accept it first"


async def test_a_version_that_is_set_after_a_yes_that_started_nothing_has_to_be_accepted(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        await there.released(console)
        await console.act(Verb.PROMOTE)
        assert (await console.engine.door.answer("confirm-rollout", QUESTION, None)).code == 200
        there.flagger.wanted = "v3"
        state = await console.until(lambda state: state.targets["web"].drift)
        assert any("was set while podinfo:v2" in note.text for note in state.log)
        await console.until(lambda state: any(r.outcome is Outcome.REFUSED for r in state.requests.values()))
        there.cluster.change("canaries", "podinfo", lambda found: found["spec"].update(skipAnalysis=True))
        await console.until(lambda state: "skipAnalysis is on" in str(reads(state).notes))
        assert console.state.targets["web"].drift is not None
        await console.act(Verb.ACCEPT, subject="web")
        assert (await console.act(Verb.PROMOTE)).line == "promote to ten accepted"
        await there.looks(1)
        assert there.flagger.passed == ["confirm-rollout at 0"]
        assert console.state.targets["web"].drift is None


async def test_a_version_that_is_seen_while_the_yes_is_written_down_keeps_it_back(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        await there.released(console)
        await console.act(Verb.PROMOTE)
        strict = console.engine.record.strict

        async def swapped_meanwhile(event: Any) -> None:
            if isinstance(event, GateAnswered):
                there.flagger.wanted = "v3"
                await console.until(lambda state: "v3" in reads(state).release)
            await strict(event)

        console.engine.record.strict = swapped_meanwhile  # type: ignore[method-assign]
        await there.flagger.look()
        assert there.flagger.passed == []
        assert "podinfo:v3" in there.said[-1].text


async def test_a_halt_keeps_the_gate_closed_and_sends_nothing(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        await there.released(console)
        await console.act(Verb.PROMOTE)
        answer = await console.act(Verb.HALT)
        assert answer.line == "halted"
        await there.looks(3)
        assert there.flagger.passed == []
        assert there.said[-1].text == "not now: halted"
        assert there.cluster.writes == []


async def test_a_halt_while_the_answer_is_written_down_keeps_it_back(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        await there.released(console)
        await console.act(Verb.PROMOTE)
        strict = console.engine.record.strict

        async def halted_meanwhile(event: Any) -> None:
            await strict(event)
            if isinstance(event, GateAnswered):
                await console.act(Verb.HALT)

        console.engine.record.strict = halted_meanwhile  # type: ignore[method-assign]
        await there.flagger.look()
        assert there.flagger.passed == []
        assert there.said[-1].text == "not now: halted"


async def test_a_rollback_is_answered_until_it_is_taken_and_not_before_it_is_decided(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        await there.released(console)
        await console.act(Verb.PROMOTE)
        await there.looks(4)
        await console.until(lambda state: state.reached == 2)
        assert "rollback at 10" not in there.flagger.passed
        await console.act(Verb.ROLLBACK)
        await console.until(lambda state: any(r.setting.version == "v1" for r in state.requests.values()))
        await there.looks(2)
        assert there.flagger.passed[-1] == "rollback at 10"
        state = await console.until(lambda state: state.mode == "rolled back")
        assert state.targets["web"].drift is None


async def test_a_rollback_is_answered_though_the_journal_cannot_be_written(tmp_path: Path) -> None:
    async with site(tmp_path, status=under_way(30)) as there:
        console = await there.opened()
        await console.act(Verb.ROLLBACK)
        await console.until(lambda state: any(r.setting.version == "v1" for r in state.requests.values()))
        with locked(there.room.journal):
            await there.flagger.look()
            assert there.said[-1].code == 200


def gone(_sent: object) -> None:
    """The cluster takes no connections."""
    raise httpx.ConnectError("refused")


async def test_a_rollback_that_was_refused_for_want_of_the_cluster_is_answered_when_flagger_asks(
    tmp_path: Path,
) -> None:
    async with site(tmp_path, status=under_way(30)) as there:
        console = await there.opened()
        there.cluster.hook = gone
        await console.act(Verb.ROLLBACK)
        await console.until(lambda state: any(r.known_outcome is Outcome.REFUSED for r in state.requests.values()))
        there.cluster.hook = lambda _sent: None
        await there.flagger.look()
        assert there.flagger.passed[-1] == "rollback at 30"


async def test_a_step_that_was_skipped_is_not_taken_back(tmp_path: Path) -> None:
    async with site(tmp_path, status=under_way(30)) as there:
        console = await there.opened()
        there.cluster.hook = gone
        await console.act(Verb.ROLLBACK)
        state = await console.until(
            lambda state: any(r.known_outcome is Outcome.REFUSED for r in state.requests.values())
        )
        await console.act(Verb.SKIP, subject=state.checklist[0].step.id, reason="it stays")
        there.cluster.hook = lambda _sent: None
        await there.flagger.look()
        assert there.flagger.passed == []
        assert "not now: its step of the rollback was skipped" in {answer.text for answer in there.said}


async def test_before_it_was_begun_a_rollback_is_that_it_is_not_let_in(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        await there.released(console)
        await console.act(Verb.ROLLBACK)
        await there.looks(2)
        assert there.flagger.passed == []
        await console.until(lambda state: state.mode == "rolled back")


async def test_a_verdict_that_fails_after_the_promote_keeps_its_gate_closed(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        await there.released(console)
        await console.act(Verb.PROMOTE)
        state = console.state
        failed = replace(state, metrics=failing())
        assert opening(failed, Ask("web", "confirm-rollout")).why.startswith("errors FAIL")
        assert opening(state, Ask("web", "confirm-rollout")).request is not None
        overridden = tuple(replace(entry, override="errors FAIL") for entry in state.decisions)
        assert opening(replace(failed, decisions=overridden), Ask("web", "confirm-rollout")).request is not None


def failing(*names: str) -> dict[str, MetricState]:
    return {
        name: MetricState(
            Metric(MetricQuery(name, Shape.COUNTS), "numbers"),
            verdict=Verdict(name, VerdictState.FAIL, "ten times as bad"),
        )
        for name in names or ("errors",)
    }


async def test_an_override_covers_what_failed_then_and_nothing_that_fails_later(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        await there.released(console)
        await console.act(Verb.PROMOTE)
        state = console.state
        overridden = tuple(replace(entry, override="errors FAIL: bad") for entry in state.decisions)
        later = replace(state, decisions=overridden, metrics=failing("errors", "latency"))
        assert opening(later, Ask("web", "confirm-rollout")).why.startswith("latency FAIL")


async def test_metrics_that_fell_silent_after_the_promote_keep_its_gate_closed(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        await there.released(console)
        await console.act(Verb.PROMOTE)
        state = console.engine.state()
        metric = Metric(MetricQuery("errors", Shape.COUNTS), "numbers", role=Role.CRITICAL)
        silent = replace(
            state,
            plan=replace(state.plan, metrics={"errors": metric}),
            metrics={"errors": MetricState(metric)},
            stage_since=console.engine._clock.now() - timedelta(hours=1),
        )
        assert opening(silent, Ask("web", "confirm-rollout")).why == "STALE: errors has no data"
        overridden = tuple(replace(entry, override="STALE: errors has no data") for entry in state.decisions)
        assert opening(replace(silent, decisions=overridden), Ask("web", "confirm-rollout")).request is not None


async def test_a_blue_green_that_counts_its_checks_before_it_asks_does_not_lapse(tmp_path: Path) -> None:
    plan = PLAN.replace("step 2", "all steps").partition("  - {name: fifty")[0]
    async with site(tmp_path, plan, iterations=10) as there:
        console = await there.opened()
        await there.released(console)
        await console.act(Verb.PROMOTE)
        await there.looks(3)
        state = await console.until(lambda state: reads(state).step == 1)
        began = console.engine._clock.now()
        assert overdue(state, began + timedelta(seconds=10 * 30 + 60)) == ()
        assert overdue(state, began + timedelta(hours=1)) != ()


async def test_a_promote_that_waits_to_be_asked_for_is_requested_and_not_amiss(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        await there.released(console)
        await console.act(Verb.PROMOTE)
        state = await console.until(lambda state: state.promoting is not None and not state.in_flight)
        read_late = replace(state.targets["web"], read_at=console.engine._clock.now() + timedelta(seconds=60))
        later = replace(state, targets={"web": read_late})
        marks = [entry.mark for entry in assess(later, console.engine._clock.now() + timedelta(seconds=60)).stages]
        assert marks[1] is StageMark.REQUESTED


async def test_a_step_without_a_gate_is_nothing_that_flagger_has_to_ask_about(tmp_path: Path) -> None:
    hooks = [hook("confirm-rollout"), hook("confirm-promotion")]
    plan = PLAN.replace("step 2", "all steps").partition("  - {name: fifty")[0]
    async with site(tmp_path, plan, webhooks=hooks) as there:
        console = await there.opened()
        await there.released(console)
        await console.act(Verb.PROMOTE)
        await there.looks(2)
        state = await console.until(lambda state: reads(state).step == 2)
        assert overdue(state, console.engine._clock.now() + timedelta(hours=1)) == ()


async def test_of_two_clusters_with_one_name_each_the_webhook_says_which_it_is(tmp_path: Path) -> None:
    plan = PLAN.replace("cluster: {adapter: flagger-fake}", "eu: {adapter: flagger-fake}, us: {adapter: flagger-fake}")
    plan = plan.replace("web: {backend: cluster, name: podinfo}", "web: {backend: eu, name: podinfo}, us: *us")
    plan = plan.replace("us: *us", "us: {backend: us, name: podinfo}")
    plan = plan.replace("all steps", "all steps, us: all steps").replace("web: step 0", "web: step 0, us: step 0")
    async with site(tmp_path, plan) as there:
        console = await there.opened()
        await there.flagger.look()
        said = await console.engine.door.answer("confirm-rollout", QUESTION, None)
        assert (said.code, said.text.split(";")[0]) == (409, "not now: it may be any of web, us")
        named = {**json.loads(QUESTION), "metadata": {"target": "us"}}
        said = await console.engine.door.answer("confirm-rollout", json.dumps(named).encode(), None)
        assert (said.code, said.text) == (403, "not now: nobody has promoted it")


async def test_a_rollback_is_answered_though_the_cluster_does_not_answer_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site(tmp_path, status=under_way(30)) as there:
        console = await there.opened()
        await console.act(Verb.ROLLBACK)
        await console.until(lambda state: any(r.setting.version == "v1" for r in state.requests.values()))
        looking, never = asyncio.Event(), asyncio.Event()

        async def stuck(target: Any, within_s: float) -> bool:
            looking.set()
            return await never.wait()

        monkeypatch.setattr(console.engine._pollers, "look", stuck)
        waiting = asyncio.create_task(console.engine.door.answer("confirm-promotion", QUESTION, None))
        await looking.wait()
        assert (await console.engine.door.answer("rollback", QUESTION, None)).code == 200
        waiting.cancel()
        await asyncio.wait({waiting})


async def test_a_gate_that_somebody_else_opened_is_shown_as_drift(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        await there.released(console)
        there.cluster.change("canaries", "podinfo", lambda found: found["status"].update(under_way(10)))
        state = await console.until(lambda state: state.targets["web"].drift)
        assert "past the gate at step 0, which warroom did not answer" in state.log[-1].text
        assert "drifted" in str(why_not(state, Verb.PROMOTE))


async def test_a_promote_that_flagger_never_asks_for_lapses_and_can_be_made_again(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        await there.released(console)
        await console.act(Verb.PROMOTE)
        state = await console.until(lambda state: state.promoting is not None and not state.in_flight)
        later = console.engine._clock.now() + timedelta(seconds=150)
        assert overdue(state, later - timedelta(seconds=120)) == ()
        ((request, reason),) = overdue(state, later)
        assert reason.startswith("web was let on no further in 1")
        lapsed = fold(state, GateLapsed(at=later, request=request, reason=reason))
        assert lapsed.requests[request].outcome is Outcome.REFUSED
        assert opening(lapsed, Ask("web", "confirm-rollout")).request is None
        assert fold(lapsed, GateLapsed(at=later, request=request, reason="again")).log == lapsed.log
        await console.engine.record.strict(GateLapsed(at=later, request=request, reason=reason))
        assert (await console.act(Verb.PROMOTE)).line == "promote to ten accepted"


async def test_a_blue_green_is_asked_for_twice_and_both_are_answered(tmp_path: Path) -> None:
    plan = PLAN.replace("step 2", "step 1").replace("  - {name: fifty, set: {web: step 4}}\n", "")
    async with site(tmp_path, plan, iterations=2) as there:
        console = await there.opened()
        await there.released(console)
        await console.act(Verb.PROMOTE)
        await there.looks(5)
        await console.until(lambda state: state.reached == 2 and reads(state).waits is Wait.GATE)
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
        assert (await console.engine.door.answer(gate, body, None)).code == code


async def test_with_a_token_only_who_shows_it_is_answered(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        await there.released(console)
        console.engine.door._token = "s3cret"
        plain = {"name": "podinfo", "namespace": "default"}
        shown = {**plain, "metadata": {"token": "s3cret"}}
        for body, token, code in (
            (plain, None, 401),
            (plain, "wrong", 401),
            (plain, "s3cret", 403),
            (shown, None, 403),
        ):
            said = await console.engine.door.answer("confirm-rollout", json.dumps(body).encode(), token)
            assert (said.code, "s3cret" in said.text) == (code, False)


async def test_a_cluster_that_cannot_be_read_is_no(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        await there.released(console)
        await console.act(Verb.PROMOTE)
        there.cluster.delete("canaries", "podinfo")
        said = await console.engine.door.answer("confirm-rollout", QUESTION, None)
        assert said.code == 403
