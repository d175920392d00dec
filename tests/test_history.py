"""The past asked of metrics backends: in pieces, in ticks that fit, with arms that a target's versions tell apart."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from adapters import registry
from adapters.contract import ArmLabels, Gauge, MetricQuery, Reading, Unreachable, Window
from console.engine.history import HistoryResult, MetricHistory
from console.logs.context import traceback_hint
from console.plan.loader import parse
from tests import scripted_adapter
from tests.judge_rig import NOON
from tests.scripted_adapter import World

PLAN = """\
warroom: 1
rollout: measured
backends: {edge: {adapter: scripted}, numbers: {adapter: scripted}, other: {adapter: scripted, cannot: be used}}
targets: {api: {backend: edge, kind: deploy}, web: {backend: other, kind: deploy}}
metrics:
  load: {backend: numbers, shape: gauge, value: load, arms: {label: version, of: api}}
stages: [{name: five, set: {api: 5}}]
"""
HOUR = timedelta(hours=1)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setitem(registry.BUILT_IN, "scripted", "tests.scripted_adapter")
    made = scripted_adapter.worlds.setdefault(tmp_path, World())
    made.versions["api"] = ("v42", "v41")
    yield made
    scripted_adapter.worlds.pop(tmp_path)


async def read(folder: Path, start: datetime = NOON - HOUR, end: datetime = NOON) -> HistoryResult:
    plan = parse(PLAN, "plan.yaml")
    async with MetricHistory(plan, folder) as hindsight:
        return await hindsight.read(list(plan.metrics.values()), start, end)


def filled(_query: MetricQuery, window: Window) -> tuple[Reading, ...]:
    """A reading in every tick of the window."""
    ticks = int((window.end - window.start).total_seconds() / window.tick_s)
    moments = (window.start + timedelta(seconds=window.tick_s * number) for number in range(ticks))
    return tuple(Reading(at, None, Gauge(1.0)) for at in moments)


async def test_a_long_time_is_asked_for_in_pieces_that_leave_no_tick_out_and_none_twice(
    tmp_path: Path, world: World
) -> None:
    asked: list[Window] = []

    def ticks(query: MetricQuery, window: Window) -> tuple[Reading, ...]:
        asked.append(window)
        return filled(query, window)

    world.ticks = ticks
    past = await read(tmp_path, NOON - timedelta(minutes=40, seconds=3))
    moments = [reading.at for reading in past.replies["load"].readings]
    assert len(asked) > 1
    assert moments == [NOON - timedelta(seconds=10 * number) for number in range(241, 0, -1)]


async def test_a_longer_scrape_interval_makes_longer_ticks(tmp_path: Path, world: World) -> None:
    world.ticks = filled
    world.spacing_s = 15.0
    reply = (await read(tmp_path)).replies["load"]
    assert (reply.tick_s, len(reply.readings)) == (20.0, 180)


async def test_arms_are_told_apart_by_the_versions_a_target_reads(tmp_path: Path, world: World) -> None:
    arms: list[ArmLabels | None] = []

    def ticks(query: MetricQuery, _window: Window) -> tuple[Reading, ...]:
        arms.append(query.arms)
        return ()

    world.ticks = ticks
    await read(tmp_path)
    assert set(arms) == {ArmLabels("version", "v42", "v41", of="api")}


async def test_a_target_that_names_no_versions_is_the_metrics_problem(tmp_path: Path, world: World) -> None:
    world.versions.clear()
    assert (await read(tmp_path)).replies["load"].problem == "api names no versions"


async def test_a_backend_that_fails_is_a_fault_in_words(tmp_path: Path, world: World) -> None:
    async def fails(what: str) -> None:
        if what == "metrics":
            raise Unreachable("numbers", "read", "connection refused")

    world.before_read = fails
    assert (await read(tmp_path)) == HistoryResult({}, {"numbers": "connection refused"})


async def test_an_adapters_bug_is_a_fault_too(tmp_path: Path, world: World) -> None:
    async def fails(what: str) -> None:
        if what == "metrics":
            raise KeyError("oops")

    world.before_read = fails
    assert (await read(tmp_path)).faults == {"numbers": f"internal error: KeyError: 'oops'; {traceback_hint()}"}
