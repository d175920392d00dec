"""What keeps a gate closed after a promote: a halt, a verdict that fails, metrics that fell silent.

Real engines and the real Flagger adapter, over a FAKE cluster and a FAKE controller.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from adapters.contract import GateQuery, MetricQuery, Shape
from console.events.evidence import Verb
from console.events.kinds import GateAnswered
from console.judge.verdict import Verdict, VerdictState
from console.plan.nouns import Metric, Role
from console.state.gate_answers import decide_gate
from console.state.values import MetricState
from tests.gate_rig import site


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
        strict = console.engine.store.append

        async def halted_meanwhile(event: Any) -> None:
            await strict(event)
            if isinstance(event, GateAnswered):
                await console.act(Verb.HALT)

        console.engine.store.append = halted_meanwhile  # type: ignore[method-assign]
        await there.flagger.look()
        assert there.flagger.passed == []
        assert there.said[-1].text == "not now: halted"


async def test_a_verdict_that_fails_after_the_promote_keeps_its_gate_closed(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        await there.released(console)
        await console.act(Verb.PROMOTE)
        state = console.state
        failed = replace(state, metrics=failing())
        assert decide_gate(failed, GateQuery("web", "confirm-rollout")).why.startswith("errors FAIL")
        assert decide_gate(state, GateQuery("web", "confirm-rollout")).request is not None
        overridden = tuple(replace(entry, override="errors FAIL") for entry in state.decisions)
        assert (
            decide_gate(replace(failed, decisions=overridden), GateQuery("web", "confirm-rollout")).request is not None
        )


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
        assert decide_gate(later, GateQuery("web", "confirm-rollout")).why.startswith("latency FAIL")


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
            stage_since=console.clock.now() - timedelta(hours=1),
        )
        assert decide_gate(silent, GateQuery("web", "confirm-rollout")).why == "STALE: errors has no data"
        overridden = tuple(replace(entry, override="STALE: errors has no data") for entry in state.decisions)
        assert (
            decide_gate(replace(silent, decisions=overridden), GateQuery("web", "confirm-rollout")).request is not None
        )
