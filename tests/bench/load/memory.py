"""Memory of a console with many metrics after a day of ticks: state and screen, in a process of its own."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from adapters.contract import Buckets, Counts, Gauge, MetricReply, Reading, Sample, Shape
from console.app import WarRoom
from console.engine.engine import Engine
from console.events.evidence import Actor
from console.events.kinds import RolloutOpened, SourceRead
from console.journal.sqlite import SqliteJournal
from console.plan.loader import parse
from console.plan.nouns import Plan
from console.state.assessment import assess
from console.state.folding import blank, fold
from console.state.values import State
from tests.bench.judge.tables import Findings, Goal, Table, goal_result
from tests.bench.load.processes import process_cost
from tests.engine_port_fake import FakeEngine

LOADED = (Engine, SqliteJournal)
"""Not used here, but in the memory of every console."""
TICK_S = 10.0
_SHAPES = ("counts", "counts", "counts", "histogram", "gauge")
_BEGIN = datetime(2026, 3, 2, 12, tzinfo=UTC)
_BATCH = 30
"""Ticks of one poll."""


MOST_MIB = 150.0
"""Resident memory of a console with 200 metrics after a day."""


def run(metrics: int, hours: float) -> Findings:
    """Measure in this process, which has done nothing else yet."""
    found = memory_after(metrics, hours)
    row = (f"{found['loaded']:.0f} MiB", f"{found['filled']:.0f} MiB", f"{found['shown']:.0f} MiB")
    table = Table(
        f"A console with {metrics} metrics after {hours:g} hours of ticks of {TICK_S:g} s",
        ("loaded", "with its ticks", "with the screen"),
        [row],
        f"Resident memory. {found['ticks']:,.0f} ticks are kept; of five metrics three are counts, one a histogram.",
    )
    is_low = found["shown"] <= MOST_MIB
    goal = Goal("memory", f"<= {MOST_MIB:g} MiB", row[-1], goal_result(is_low))
    return Findings([table], [goal], {"memory": found})


def memory_after(metrics: int, hours: float) -> dict[str, float]:
    """MiB of this process: with the program loaded, after `hours` of ticks, and with the screen."""
    loaded = process_cost(os.getpid()).rss_mib
    plan = parse(plan_text(metrics), "bench.yaml")
    state = blank(plan, f"{plan.rollout}/1")
    who = Actor(uid=1000, user="bench", host="bench", pid=1)
    opened = RolloutOpened(
        at=_BEGIN, who=who, plan_digest=plan.digest, plan_text=plan.text, readings=(), unread={}, reached=0
    )
    state = fold(state, opened, 1)
    for event in polls(plan, hours):
        state = fold(state, event, None)
    ticks = sum(len(entry.ledger) for entry in state.metrics.values())
    filled = process_cost(os.getpid()).rss_mib
    asyncio.run(_show(State.of(assess(state, _BEGIN + timedelta(hours=hours)))))
    return {"loaded": loaded, "filled": filled, "shown": process_cost(os.getpid()).rss_mib, "ticks": float(ticks)}


async def _show(state: State) -> None:
    async with WarRoom(FakeEngine(state), title="bench").run_test(size=(160, 50)) as pilot:
        await pilot.pause()


def plan_text(metrics: int) -> str:
    """A plan with so many metrics of every shape."""
    lines = [f"  m{number}: {{backend: world, shape: {_SHAPES[number % len(_SHAPES)]}}}" for number in range(metrics)]
    return "\n".join(
        [
            "warroom: 1",
            "rollout: memory",
            "backends: {world: {adapter: embedded, world: shop}}",
            "targets: {api: {backend: world, name: checkout, kind: deploy}}",
            "metrics:",
            *lines,
            "stages: [{name: full, set: {api: 100}, bake: 1h}]",
            "",
        ]
    )


def polls(plan: Plan, hours: float) -> Iterator[SourceRead]:
    """Every poll of so many hours."""
    chance = random.Random(1)
    for number in range(round(hours * 3600.0 / TICK_S / _BATCH)):
        start = _BEGIN + timedelta(seconds=number * _BATCH * TICK_S)
        end = start + timedelta(seconds=_BATCH * TICK_S)
        yield SourceRead.model_construct(  # not validated, which takes most of the time
            at=end,
            source="world",
            targets=("api",),
            replies=tuple(
                MetricReply(
                    name,
                    tuple(_reading(chance, metric.query.shape, start, place) for place in range(_BATCH)),
                    end,
                    end,
                    spacing_s=5.0,
                    tick_s=TICK_S,
                )
                for name, metric in plan.metrics.items()
            ),
        )


def _reading(chance: random.Random, shape: Shape, start: datetime, place: int) -> Reading:
    return Reading(start + timedelta(seconds=place * TICK_S), _sample(chance, shape, 50), _sample(chance, shape, 950))


def _sample(chance: random.Random, shape: Shape, rate: int) -> Sample:
    total = float(round(rate * TICK_S * chance.uniform(0.9, 1.1)))
    if shape is Shape.GAUGE:
        return Gauge(chance.uniform(0.4, 0.6))
    if shape is Shape.HISTOGRAM:
        return Buckets(total, tuple((0.005 * 2**edge, float(round(total * (edge + 1) / 12))) for edge in range(11)))
    return Counts(total, float(chance.randrange(10)))
