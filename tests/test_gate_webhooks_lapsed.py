"""A promote that Flagger has not asked for yet: what waits, and what lapses.

Real engines and the real Flagger adapter, over a FAKE cluster and a FAKE controller.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from adapters.contract import GateQuery, Outcome
from console.events.evidence import Verb
from console.events.kinds import GateLapsed
from console.state.assessment import assess
from console.state.folding import fold
from console.state.gate_answers import decide_gate, overdue_promotes
from console.state.values import StageMark, State
from tests.flagger_rig import hook
from tests.gate_rig import PLAN, reads, site
from tests.reading_rig import steps_read


async def test_a_blue_green_that_counts_its_checks_before_it_asks_does_not_lapse(tmp_path: Path) -> None:
    plan = PLAN.replace("step 2", "all steps").partition("  - {name: fifty")[0]
    async with site(tmp_path, plan, iterations=10) as there:
        console = await there.opened()
        await there.released(console)
        await console.act(Verb.PROMOTE)
        await there.looks(3)
        state = await console.until(lambda state: steps_read(reads(state)).step == 1)
        began = console.clock.now()
        assert overdue_promotes(state, began + timedelta(seconds=10 * 30 + 60)) == ()
        assert overdue_promotes(state, began + timedelta(hours=1)) != ()


async def test_a_promote_that_waits_to_be_asked_for_is_requested_and_not_amiss(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        await there.released(console)
        await console.act(Verb.PROMOTE)
        state = await console.until(lambda state: state.promoting is not None and not state.in_flight)
        read_late = replace(state.targets["web"], read_at=console.clock.now() + timedelta(seconds=60))
        later = replace(state, targets={"web": read_late})
        marks = [entry.mark for entry in assess(later, console.clock.now() + timedelta(seconds=60)).stages]
        assert marks[1] is StageMark.REQUESTED


async def test_a_step_without_a_gate_is_nothing_that_flagger_has_to_ask_about(tmp_path: Path) -> None:
    hooks = [hook("confirm-rollout"), hook("confirm-promotion")]
    plan = PLAN.replace("step 2", "all steps").partition("  - {name: fifty")[0]
    async with site(tmp_path, plan, webhooks=hooks) as there:
        console = await there.opened()
        await there.released(console)
        await console.act(Verb.PROMOTE)
        await there.looks(2)
        state = await console.until(lambda state: steps_read(reads(state)).step == 2)
        assert overdue_promotes(state, console.clock.now() + timedelta(hours=1)) == ()


async def test_a_promote_that_flagger_never_asks_for_lapses_and_can_be_made_again(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        await there.released(console)
        await console.act(Verb.PROMOTE)
        state = await console.until(lambda state: state.promoting is not None and not state.in_flight)
        later = console.clock.now() + timedelta(seconds=150)
        assert overdue_promotes(state, later - timedelta(seconds=120)) == ()
        ((request, reason),) = overdue_promotes(state, later)
        assert reason.startswith("web was let on no further in 1")
        lapsed = fold(state, GateLapsed(at=later, request=request, reason=reason))
        assert lapsed.requests[request].outcome is Outcome.REFUSED
        assert decide_gate(State.of(lapsed, state.local), GateQuery("web", "confirm-rollout")).request is None
        assert fold(lapsed, GateLapsed(at=later, request=request, reason="again")).log == lapsed.log
        await console.engine.store.append(GateLapsed(at=later, request=request, reason=reason))
        assert (await console.act(Verb.PROMOTE)).line == "promote to ten accepted"
