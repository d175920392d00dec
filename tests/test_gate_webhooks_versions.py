"""A version that is set while Flagger waits: only what the card showed is let in.

Real engines and the real Flagger adapter, over a FAKE cluster and a FAKE controller.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from adapters.contract import Outcome
from console.engine.answer import Result
from console.events.evidence import Verb
from console.events.kinds import GateAnswered
from tests.gate_rig import QUESTION, reads, site


async def test_a_version_that_is_swapped_before_flagger_asks_is_not_let_in(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        await there.released(console)
        await console.act(Verb.PROMOTE)
        there.flagger.wanted = "v3"
        await there.looks(3)
        assert there.flagger.passed == []
        asks = f"it is not what was promoted any more: it asks for {reads(console.state).versions.release} now"
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
        shown = reads(console.state).versions.release
        there.flagger.wanted = "v3"
        await console.until(lambda state: reads(state).versions.release != shown)
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
        assert any("was set while podinfo:v2" in line.text for line in state.log)
        assert there.said[-1].text == "not now: it was moved outside warroom: accept it first"


async def test_a_version_that_is_set_after_a_yes_that_started_nothing_has_to_be_accepted(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        await there.released(console)
        await console.act(Verb.PROMOTE)
        assert (await console.engine.gate_responder.answer("confirm-rollout", QUESTION, None)).code == 200
        there.flagger.wanted = "v3"
        state = await console.until(lambda state: state.targets["web"].drift)
        assert any("was set while podinfo:v2" in line.text for line in state.log)
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
        strict = console.engine.store.append

        async def swapped_meanwhile(event: Any) -> None:
            if isinstance(event, GateAnswered):
                there.flagger.wanted = "v3"
                await console.until(lambda state: "v3" in (reads(state).versions.release or ""))
            await strict(event)

        console.engine.store.append = swapped_meanwhile  # type: ignore[method-assign]
        await there.flagger.look()
        assert there.flagger.passed == []
        assert "podinfo:v3" in there.said[-1].text
