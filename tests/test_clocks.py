"""Three consoles over one world, one of them with a wrong clock: a bad canary is found and taken back all the same."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.contract import Clock
from console.engine.clock import SystemClock, boottime
from console.events.evidence import Actor, Verb
from console.events.kinds import VerdictChanged
from console.state.clocks import clock_lines
from console.state.values import Mode, State
from tests.engine_rig import Console, Room, war_room
from tests.prometheus_fake import Fake, Series, counter, prometheus

SPEED = 10.0
TRUE = datetime.now(UTC)
BOOT = boottime()

PLAN = """\
warroom: 1
rollout: poison
timing: {poll: 1s, tick: 1s, read_deadline: 5s, write_deadline: 2s}
backends:
  edge: {adapter: embedded, world: shop, scenario: error_spike, onset: 0, seed: 1}
  metrics: {adapter: embedded, world: shop, rps: 12000}
targets:
  api: {backend: edge, name: checkout, kind: deploy, canary: canary, baseline: stable}
metrics:
  errors: {backend: metrics, shape: counts, limit: 5%}
on_fail: rollback
stages:
  - {name: smoke, set: {api: 10}}
  - {name: full, set: {api: 100}}
"""
"""A canary that is six times worse from its first request on."""

MEASURED = """\
warroom: 1
rollout: measured
timing: {{poll: 1s, tick: 10s, read_deadline: 5s, write_deadline: 400ms}}
backends:
  edge: {{adapter: scripted}}
  prom: {{adapter: prometheus, url: "{url}"}}
targets: {{api: {{backend: edge, kind: deploy}}}}
metrics:
  errors: {{backend: prom, bad: errors, total: requests, arms: {{label: version, canary: v2, baseline: v1}}}}
stages: [{{name: five, set: {{api: 5}}}}]
"""
HOUR = 3600.0
SKEWS = {
    "an hour behind": -HOUR,
    "ten minutes ahead": 600.0,
    "an hour ahead": HOUR,
    "in 1970": -TRUE.timestamp() + 86_400.0,
    "in 2100": (datetime(2100, 1, 1, tzinfo=UTC) - TRUE).total_seconds(),
    "jumping": 0.0,
}


class HostClock:
    """The wall clock of one host of several that share a boot, wrong by `skew_s`; time runs fast."""

    def __init__(self, skew_s: float = 0.0) -> None:
        self.skew_s = skew_s

    def now(self) -> datetime:
        return TRUE + timedelta(seconds=self.monotonic() - BOOT + self.skew_s)

    def monotonic(self) -> float:
        return BOOT + (boottime() - BOOT) * SPEED

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / SPEED)


RIGHT = HostClock()


class Team:
    """A console that polls, one that promotes and one that writes notes, each on a host of its own."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.clocks = {role: HostClock() for role in ("poller", "promoter", "writer")}
        self.consoles: dict[str, Console] = {}

    async def gather(self) -> None:
        first = await self.console("first", RIGHT)  # the world's time is that of a host whose clock is right
        await first.close()
        for role, clock in self.clocks.items():
            self.consoles[role] = await self.console(role, clock)

    async def console(self, host: str, clock: Clock) -> Console:
        return await self.room.console(clock=clock, who=Actor(0, "ana", host, 1))

    async def promote_and_note(self) -> None:
        writer, promoter = self.consoles["writer"], self.consoles["promoter"]
        await writer.note("begins")
        answer = await promoter.act(Verb.PROMOTE, override="yes", reason="go")
        assert answer.result == "accepted", answer.line
        await writer.note("goes on")


@pytest.mark.parametrize("role", ["poller", "promoter", "writer"])
@pytest.mark.parametrize("skew", SKEWS)
async def test_a_bad_canary_is_rolled_back_whoever_has_a_wrong_clock(tmp_path: Path, skew: str, role: str) -> None:
    async with war_room(tmp_path, PLAN) as room:
        team = Team(room)
        team.clocks[role].skew_s = SKEWS[skew]
        await team.gather()
        await team.promote_and_note()
        if skew == "jumping":
            team.clocks[role].skew_s = HOUR
        for console in team.consoles.values():
            state = await console.until(lambda state: state.mode is Mode.ROLLED_BACK)
            assert [entry.verb for entry in state.decisions if entry.automatic] == [Verb.ROLLBACK]
        for event in room.events():
            assert abs((event.at - RIGHT.now()).total_seconds()) < 600, event  # every console dates by the same time
        began = next(each.at for each in state.boundaries if each.reached == 1)
        failed = next(event for event in room.events() if isinstance(event, VerdictChanged) and event.became == "fail")
        track = state.metrics["errors"].track
        assert track is not None and track.latch.failed_at is not None
        assert began.timestamp() <= track.latch.failed_at <= failed.at.timestamp()


async def until_lines(console: Console, seen: Callable[[list[str]], bool]) -> list[str]:
    return clock_lines(await console.until(lambda state: seen(clock_lines(state))))


async def test_a_wrong_clock_is_shown_on_its_own_screen_and_on_the_others(tmp_path: Path) -> None:
    async with war_room(tmp_path, PLAN) as room:
        team = Team(room)
        team.clocks["writer"].skew_s = 600.0
        await team.gather()
        own = await until_lines(team.consoles["writer"], bool)
        assert own == ["this host's clock is 10 min ahead of the backends: that time is used"]
        others = await until_lines(team.consoles["poller"], bool)
        assert others == ["the clock of writer (ana) is 10 min ahead"]


def is_polled(state: State) -> bool:
    return state.polled is not None


async def test_a_clock_that_jumps_without_any_server_goes_on_from_before(tmp_path: Path) -> None:
    plan = re.sub(r"(?m)^metrics:\n.*\n|^on_fail.*\n|^  metrics: .*\n", "", PLAN).replace("embedded", "scripted")
    plan = re.sub(r"(?s)edge: \{.*?\}", "edge: {adapter: scripted}", plan, count=1)
    async with war_room(tmp_path, plan) as room:
        clock = HostClock()
        console = await room.console(clock=clock)
        await console.until(is_polled)
        clock.skew_s = HOUR
        state = console.state
        assert state.as_of is not None
        assert abs((state.as_of - RIGHT.now()).total_seconds()) < 600
        assert clock_lines(state) == ["this host's clock jumped 1 h ahead: its time from before is used"]


class WrongHost(SystemClock):
    """This machine with its wall clock an hour ahead."""

    def now(self) -> datetime:
        return super().now() + timedelta(hours=1)


async def test_the_first_poll_of_a_metric_asks_again_once_the_answer_has_put_the_clock_right(tmp_path: Path) -> None:
    arms: list[Series] = [({"version": "v1"}, counter(90)), ({"version": "v2"}, counter(10))]
    flow = {"requests": arms, "errors": arms}
    with prometheus(Fake(flow)) as fake:
        plan = MEASURED.format(url=fake.url)
        async with war_room(tmp_path, plan) as room:
            console = await room.console(clock=WrongHost())
            state = console.state
            asked = [float(form["time"]) for form in fake.forms]
            assert asked[0] - time.time() > 3000 and any(abs(at - time.time()) < 600 for at in asked)
            newest = state.metrics["errors"].canary_at
            assert newest is not None and abs(newest.timestamp() - time.time()) < 600
            assert clock_lines(state) == ["this host's clock is 1 h ahead of the backends: that time is used"]
