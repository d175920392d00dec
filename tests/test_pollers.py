"""Sources that fail, hang, recover and are simply wrong: each is a fault that is shown, and none kills another."""

from __future__ import annotations

import asyncio
from pathlib import Path

from adapters.contract import (
    ArmLabels,
    BackendError,
    Clock,
    MetricQuery,
    Reading,
    ServerFailed,
    Throttled,
    Unreachable,
    Window,
)
from console.engine import pollers as pollers_module
from console.engine.clock import SystemClock, wait_or_wake
from console.events.evidence import Verb
from console.logs.context import traceback_hint
from console.state.values import State
from tests.engine_rig import ONE, TIMING, TWO, Console, Latch, Room, war_room
from tests.scripted_adapter import at_once

METRICS = f"""\
warroom: 1
rollout: measured
{TIMING}
backends: {{edge: {{adapter: scripted}}, numbers: {{adapter: scripted}}}}
targets: {{api: {{backend: edge, kind: deploy}}}}
metrics:
  load: {{backend: numbers, shape: gauge, value: load, arms: {{label: version, canary: v2, baseline: v1}}}}
stages: [{{name: five, set: {{api: 5}}}}]
"""

OF_VERSIONS = METRICS.replace("canary: v2, baseline: v1", "of: api")

PAIR = f"""\
warroom: 1
rollout: pair
{TIMING}
backends: {{edge: {{adapter: scripted}}}}
targets:
  api: {{backend: edge, kind: deploy}}
  web: {{backend: edge, kind: deploy}}
stages: [{{name: five, set: {{api: 5, web: 5}}}}]
"""


class RestClock(SystemClock):
    """The real time; remembers how long each rest was to be, and lets none last longer than a moment."""

    def __init__(self) -> None:
        self.rests: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.rests.append(seconds)
        await asyncio.sleep(min(seconds, 0.01))


async def down(_target: str) -> None:
    raise Unreachable("edge", "read", "connection refused")


async def polled(console: Console, room: Room, times: int = 3) -> State:
    """The state after every target has been asked for some times more."""
    reads = len(room.world.reads)
    return await console.until(lambda _state: len(room.world.reads) >= reads + times)


def faults(state: State) -> dict[str, str]:
    return {name: source.reason for name, source in state.sources.items() if source.failed_since is not None}


async def test_a_source_that_fails_is_shown_once_and_until_it_answers_again(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        room.world.before_read = down
        await console.until(faults)
        state = await polled(console, room)
        assert faults(state) == {"edge": "connection refused"}
        room.world.before_read = at_once
        await console.until(lambda state: not faults(state))
        assert room.kinds() == ["rollout_opened", "source_failed", "source_recovered"]


async def test_a_failing_source_gets_a_reason_of_its_own_when_it_changes(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        room.world.before_read = down
        first = (await console.until(faults)).sources["edge"].failed_since

        async def server_error(_target: str) -> None:
            raise ServerFailed("edge", "read", "500")

        room.world.before_read = server_error
        state = await console.until(lambda state: faults(state) == {"edge": "500"})
        assert state.sources["edge"].failed_since == first


async def test_a_failing_source_is_asked_more_rarely_but_never_more_than_four_times(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        clock = RestClock()
        console = await room.console(clock=clock)
        room.world.before_read = down
        clock.rests.clear()
        await console.until(lambda _state: len(clock.rests) >= 8)
        assert max(clock.rests) <= 4 * 0.05 * 1.1
        assert min(clock.rests[5:8]) >= 4 * 0.05 * 0.9


async def test_a_source_that_asks_for_a_pause_gets_it_but_not_for_ever(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        clock = RestClock()
        console = await room.console(clock=clock)

        async def throttled(_target: str) -> None:
            raise Throttled("edge", "read", "too many requests", retry_after_s=86_400.0)

        room.world.before_read = throttled
        await console.until(faults)
        await console.until(lambda _state: pollers_module.LONGEST_RETRY_S in clock.rests)
        assert max(clock.rests) == pollers_module.LONGEST_RETRY_S


async def test_a_source_that_hangs_is_a_fault_after_its_deadline_and_blocks_no_other(tmp_path: Path) -> None:
    async with war_room(tmp_path, TWO.replace("read_deadline: 2s", "read_deadline: 100ms")) as room:
        console = await room.console()
        room.world.before_read = Latch("api")
        await console.until(faults)
        reads = room.world.reads.count("page")
        state = await console.until(lambda _state: room.world.reads.count("page") > reads + 3)
        assert faults(state) == {"edge": "no answer within 0.1 s"}
        room.world.before_read = at_once
        await console.until(lambda state: not faults(state))


async def test_a_source_that_drips_is_polled_beside_the_others(tmp_path: Path) -> None:
    async with war_room(tmp_path, TWO) as room:
        console = await room.console()
        room.world.before_read = latch = Latch("api")
        await latch.reached.wait()
        api, page = (room.world.reads.count(name) for name in ("api", "page"))
        await console.until(lambda _state: room.world.reads.count("page") > page + 5)
        assert room.world.reads.count("api") == api
        latch.open()


async def test_a_write_that_hangs_blocks_no_poll(tmp_path: Path) -> None:
    async with war_room(tmp_path, TWO.replace("write_deadline: 400ms", "write_deadline: 5s")) as room:
        console = await room.console()
        room.world.before_write = latch = Latch("api")
        promote = asyncio.create_task(console.act(Verb.PROMOTE))
        await latch.reached.wait()
        state = await polled(console, room, 8)
        assert [request.asks for request in state.in_flight] == ["api -> 10 %"]
        latch.open()
        await promote


async def test_one_dead_target_does_not_keep_the_others_of_its_source_from_being_read(tmp_path: Path) -> None:
    async with war_room(tmp_path, PAIR) as room:
        console = await room.console()

        async def half(target: str) -> None:
            if target == "web":
                raise BackendError("edge", "read", "web is gone")

        room.world.before_read = half
        room.world.move("api", 5)
        state = await console.until(lambda state: str(state.targets["api"].reading) == "5 %" and faults(state))
        assert faults(state) == {"edge": "web is gone"}


async def test_an_adapters_bug_is_a_fault_of_its_target_and_not_a_death(tmp_path: Path) -> None:
    async with war_room(tmp_path, PAIR) as room:
        console = await room.console()

        async def bug(target: str) -> None:
            if target == "web":
                raise KeyError("weights")

        room.world.before_read = bug
        room.world.move("api", 5)
        state = await console.until(lambda state: str(state.targets["api"].reading) == "5 %" and faults(state))
        assert faults(state) == {"edge": f"internal error: KeyError: 'weights'; {traceback_hint()}"}
        assert state.local.fault is None
        room.world.before_read = at_once
        await console.until(lambda state: not faults(state))


async def test_a_metrics_source_that_fails_leaves_the_targets_read(tmp_path: Path) -> None:
    async with war_room(tmp_path, METRICS) as room:
        console = await room.console()

        async def blind(target: str) -> None:
            if target == "metrics":
                raise Unreachable("numbers", "read_metrics", "connection refused")

        room.world.before_read = blind
        room.world.move("api", 5)
        state = await console.until(lambda state: str(state.targets["api"].reading) == "5 %" and faults(state))
        assert faults(state) == {"numbers": "connection refused"}


async def test_a_slow_answer_does_not_undo_a_newer_one(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        room.world.before_read = latch = Latch("api")
        await latch.reached.wait()
        room.world.before_read = at_once
        room.world.move("api", 5)
        await console.engine.pollers.read_now(console.engine.plan.targets["api"], 1.0)
        assert str(console.state.targets["api"].reading) == "5 %"
        latch.open()
        await polled(console, room)
        readings = [str(event.reading) for event in room.events() if event.kind == "target_observed"]
        assert readings == ["5 %"]


async def test_closing_during_a_poll_ends_at_once_and_leaves_no_task(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        before = asyncio.all_tasks()
        console = await room.console()
        room.world.before_read = latch = Latch("api")
        await latch.reached.wait()
        await console.close()
        assert asyncio.all_tasks() == before


async def test_a_bug_in_the_pollers_is_shown_and_they_are_started_again(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        room.monkeypatch.setattr("console.engine.supervisor.RESTART_S", 0.01)
        console = await room.console()
        calls: list[str] = []

        async def once_broken(woken: asyncio.Event, clock: Clock, seconds: float) -> bool:
            calls.append("wait")
            if len(calls) == 1:
                raise RuntimeError("a bug of ours")
            return await wait_or_wake(woken, clock, seconds)

        room.monkeypatch.setattr("console.engine.pollers.wait_or_wake", once_broken)
        state = await console.until(lambda state: state.local.fault)
        assert (
            state.local.fault == f"pollers: internal error: RuntimeError: a bug of ours; {traceback_hint()}; restarted"
        )
        await polled(console, room)


async def test_arms_that_are_a_targets_versions_are_asked_for_as_it_reads(tmp_path: Path) -> None:
    async with war_room(tmp_path, OF_VERSIONS) as room:
        asked: list[ArmLabels | None] = []

        def ticks(query: MetricQuery, _window: Window) -> tuple[Reading, ...]:
            asked.append(query.arms)
            return ()

        room.world.versions["api"] = ("v42", "v41")
        room.world.ticks = ticks
        console = await room.console()
        await console.until(lambda _state: bool(asked))
        assert asked[-1] == ArmLabels("version", "v42", "v41", of="api")


async def test_a_metric_whose_target_names_no_versions_says_so(tmp_path: Path) -> None:
    async with war_room(tmp_path, OF_VERSIONS) as room:
        console = await room.console()
        state = await console.until(lambda state: state.metrics["load"].problem)
        assert state.metrics["load"].problem == "api names no versions"
