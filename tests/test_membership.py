"""Several consoles over one journal: one polls, the others follow, another takes over, with no gap and no double."""

from __future__ import annotations

import asyncio
import os
import socket
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from adapters.contract import Counts, MetricQuery, Reading, Window
from console.engine import journal_follower
from console.engine.answer import Result
from console.events.evidence import Actor, Verb
from console.events.kinds import SourceRead, TargetObserved
from console.journal.contract import JournalUnavailable, Lease, Presence, SignedApproval
from console.journal.sqlite import SqliteJournal
from console.state.gates import why_not
from console.state.values import Mode
from tests.engine_rig import ONE, TIMING, TWO, Console, Room, locked, war_room

ANA = Actor(uid=1001, user="ana", host="bastion-1", pid=1)
BEN = Actor(uid=1002, user="ben", host="bastion-1", pid=2)

MEASURED = f"""\
warroom: 1
rollout: measured
{TIMING}
backends: {{edge: {{adapter: scripted}}, prom: {{adapter: scripted}}}}
targets: {{api: {{backend: edge, kind: deploy}}}}
metrics:
  errors: {{backend: prom, bad: b, total: t, arms: {{label: v, canary: c, baseline: s}}}}
stages:
  - {{name: five, set: {{api: 5}}}}
  - {{name: full, set: {{api: 100}}}}
"""


def steady(_query: MetricQuery, window: Window) -> tuple[Reading, ...]:
    """A reading per tick that is always the same for that tick."""
    ticks = round((window.end - window.start).total_seconds() / window.tick_s)
    starts = [window.start + timedelta(seconds=number * window.tick_s) for number in range(ticks)]
    return tuple(Reading(at, Counts(100, at.timestamp() % 7), Counts(900, at.timestamp() % 5)) for at in starts)


def polls(console: Console) -> bool:
    return console.engine.store.lease.is_poller()


def calls_of(console: Console, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every backend call that this console makes from now on."""
    made: list[str] = []
    backends = console.engine._backends.current
    read_target, read_metrics = backends.read_target, backends.read_metrics

    async def target(one: object) -> object:
        made.append("target")
        return await read_target(one)  # type: ignore[arg-type]

    async def metrics(*more: object) -> object:
        made.append("metrics")
        return await read_metrics(*more)  # type: ignore[arg-type]

    monkeypatch.setattr(backends, "read_target", target)
    monkeypatch.setattr(backends, "read_metrics", metrics)
    return made


def sampled(room: Room) -> list[Reading]:
    """Every reading of a metric that the journal holds, in the order in which it was written."""
    journal = SqliteJournal(room.journal)
    samples = [entry.event for entry in journal.tail_samples("measured/1", 0)]
    journal.close()
    return [
        reading
        for event in samples
        if isinstance(event, SourceRead)
        for reply in event.replies
        for reading in reply.readings
    ]


def whole(readings: list[Reading]) -> bool:
    """Whether no tick is missing between the first and the last, and none is there twice."""
    starts = sorted(reading.at for reading in readings)
    steps = {later - earlier for earlier, later in pairwise(starts)}
    return steps <= {timedelta(seconds=1)}


async def test_of_two_consoles_one_polls_and_the_other_asks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with war_room(tmp_path, ONE) as room:
        one, two = await room.console(who=ANA), await room.console(who=BEN)
        assert (polls(one), polls(two)) == (True, False)
        busy, idle = calls_of(one, monkeypatch), calls_of(two, monkeypatch)
        await one.until(lambda _state: len(busy) >= 5)
        assert idle == []


async def test_each_console_says_who_polls(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        one, two = await room.console(who=ANA), await room.console(who=BEN)
        mine = await one.until(lambda state: state.local.poller and state.local.poller.who)
        theirs = await two.until(lambda state: state.local.poller and state.local.poller.who)
        assert mine.local.poller and mine.local.poller.here
        assert theirs.local.poller and not theirs.local.poller.here and theirs.local.poller.who == ANA


async def test_a_console_that_follows_shows_what_the_other_reads(tmp_path: Path) -> None:
    async with war_room(tmp_path, MEASURED) as room:
        room.world.ticks = steady
        one, two = await room.console(), await room.console()
        room.world.move("api", 3)
        await two.until(lambda state: state.targets["api"].drift)
        await two.until(
            lambda state: (
                state.metrics["errors"].ledger and state.metrics["errors"].ledger == one.state.metrics["errors"].ledger
            )
        )
        assert not polls(two)


async def test_a_console_that_follows_keeps_its_data_fresh(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        _, two = await room.console(), await room.console()
        before = two.state.targets["api"].read_at
        assert before is not None
        later = before + timedelta(seconds=0.3)
        await two.until(lambda state: (at := state.targets["api"].read_at) is not None and at > later)


async def test_who_leaves_gives_the_lease_back_and_another_polls_at_once(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        one, two = await room.console(), await room.console()
        await two.until(lambda state: state.local.crew is not None and len(state.local.crew) == 2)
        room.monkeypatch.setattr("console.engine.membership.LEASE_S", 60.0)
        await one.close()
        await two.until(lambda _state: polls(two))


class Counted(SqliteJournal):
    """A journal that counts how often its console wrote presence and lease, and asked for the lease."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.calls: Counter[str] = Counter()

    def heartbeat(self, rollout: str, presence: Presence) -> None:
        self.calls["heartbeat"] += 1
        super().heartbeat(rollout, presence)

    def lease(self, rollout: str, holder: str, ttl_s: float) -> Lease:
        self.calls["lease"] += 1
        return super().lease(rollout, holder, ttl_s)

    def current_lease(self, rollout: str) -> Lease | None:
        self.calls["asked"] += 1
        return super().current_lease(rollout)


async def test_a_console_writes_no_lease_while_another_polls(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        await room.console()
        counted = Counted(room.journal)
        two = await room.console(journal=counted)
        await two.until(lambda _state: counted.calls["asked"] >= 4)
        assert counted.calls["lease"] == 0


async def test_an_observing_console_records_its_presence_more_rarely_than_it_asks(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        room.monkeypatch.setattr("console.engine.membership.SPREAD_S", 0.0)
        room.monkeypatch.setattr("console.engine.lease.OBSERVER_RENEWALS", 1000.0)
        await room.console()
        counted = Counted(room.journal)
        two = await room.console(journal=counted, observing=True)
        await two.until(lambda _state: counted.calls["asked"] >= 4)
        assert counted.calls["heartbeat"] == 1


async def test_an_observing_console_takes_over_from_one_that_has_left(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        one, two = await room.console(), await room.console(observing=True)
        room.monkeypatch.setattr("console.engine.membership.LEASE_S", 60.0)
        await one.close()
        await two.until(lambda _state: polls(two))


async def test_another_takes_over_from_a_console_that_died_and_no_tick_is_missing_or_twice(tmp_path: Path) -> None:
    async with war_room(tmp_path, MEASURED) as room:
        room.world.ticks = steady
        one, two = await room.console(), await room.console()
        await one.until(lambda _state: len(sampled(room)) > 5)
        await one.die()
        await two.until(lambda _state: polls(two))
        known = len(sampled(room))
        await two.until(lambda _state: len(sampled(room)) > known + 2)
        assert whole(sampled(room))
        assert max(Counter(reading.at for reading in sampled(room)).values()) == 1


async def test_a_process_of_this_host_that_is_gone_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = await asyncio.create_subprocess_exec("true")
    await ended.wait()
    ghost = Actor(uid=1001, user="ana", host=socket.gethostname(), pid=ended.pid)
    async with war_room(tmp_path, ONE) as room:
        monkeypatch.setattr("console.engine.membership.LEASE_S", 600.0)
        one = await room.console(who=ghost)
        await one.die()
        assert polls(await room.console(who=BEN))


async def test_a_process_that_is_there_is_not_taken_for_gone(tmp_path: Path) -> None:
    here = Actor(uid=1001, user="ana", host=socket.gethostname(), pid=os.getpid())
    async with war_room(tmp_path, ONE) as room:
        one, two = await room.console(who=here), await room.console(who=BEN)
        assert (polls(one), polls(two)) == (True, False)


async def test_a_poller_that_lost_its_lease_unawares_asks_and_writes_nothing_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with war_room(tmp_path, MEASURED) as room:
        room.world.ticks = steady
        one = await room.console()
        held = asyncio.Event()

        async def stopped() -> None:
            await held.wait()

        monkeypatch.setattr(one.engine.membership, "_attend", stopped)  # it renews no more, as if it were stopped
        await one.until(lambda _state: not polls(one))
        made = calls_of(one, monkeypatch)
        assert not polls(one)
        two = await room.console()
        await two.until(lambda _state: polls(two))
        fence, written = one.engine.store.lease.fence, len(sampled(room))
        assert fence is not None  # it does not know yet
        one.engine.store.record_sample(SourceRead(at=one.clock.now(), source="edge", targets=("api",)))
        reading = one.state.targets["api"].reading
        assert reading is not None
        observed = TargetObserved(at=reading.at, reading=reading)
        await one.engine.store.append_observation(observed)
        await one.engine.store.wait_background()
        assert one.engine.store.lease.fence is None
        assert observed.id not in [event.id for event in room.events()]
        assert made == []
        assert written <= len(sampled(room))
        held.set()


async def test_a_console_that_follows_reads_for_its_own_promote(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE.replace("poll: 50ms", "poll: 30m")) as room:
        one, two = await room.console(), await room.console()
        assert polls(one)
        await two.promoted(1)
        await one.until(lambda state: state.reached == 1)


async def test_a_console_that_follows_reads_for_its_own_rollback(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE.replace("poll: 50ms", "poll: 10s")) as room:
        one, two = await room.console(), await room.console()
        await one.promoted(1)
        await two.until(lambda state: state.reached == 1)
        assert (await two.act(Verb.ROLLBACK)).result is Result.ACCEPTED
        await two.until(lambda state: state.checklist[0].mark == "holding")
        assert not polls(two)
        assert room.world.writes == ["api 5 %", "api 0 %"]


async def test_a_rollback_begun_by_a_console_that_follows_is_through_while_the_one_that_polled_is_dead(
    tmp_path: Path,
) -> None:
    async with war_room(tmp_path, TWO) as room:
        room.monkeypatch.setattr("console.engine.membership.LEASE_S", 600.0)
        one, two = await room.console(who=ANA), await room.console(who=BEN)
        await one.promoted(1)
        await two.until(lambda state: state.reached == 1)
        await one.die()
        answer = await two.act(Verb.ROLLBACK)
        await two.until(lambda state: state.mode is Mode.ROLLED_BACK)
        assert (answer.line, polls(two)) == ("rollback begun", False)
        assert room.world.writes == ["api 10 %", "page 10 %", "page off", "api 0 %"]
        assert room.kinds().count("step_done") == 2


class Flooded(SqliteJournal):
    """A fake in one point: somebody has filled the folder of the approvals."""

    def approvals(self, rollout: str) -> list[SignedApproval]:
        raise JournalUnavailable("approvals: too many files")


async def test_approvals_that_cannot_be_told_close_their_gate_and_nothing_else(tmp_path: Path) -> None:
    plan = ONE.replace("set: {api: 50}", "set: {api: 50}, approvals: 1")
    async with war_room(tmp_path, plan) as room:
        console = await room.console(journal=Flooded(room.journal))
        await console.promoted(1)
        answer = await console.act(Verb.PROMOTE)
        assert answer.line == "promote refused: no approval counts: approvals: too many files"
        assert (console.state.local.journal.broken, polls(console)) == (None, True)
        assert why_not(console.state, Verb.APPROVE) is not None
        assert (await console.act(Verb.ROLLBACK)).line == "rollback begun"
        await console.until(lambda state: state.mode is Mode.ROLLED_BACK)


async def test_a_console_that_leaves_after_its_journal_broke_and_mended_is_gone_from_it(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        await console.until(lambda _state: polls(console))
        with locked(room.journal):
            await console.act(Verb.HALT)
            await console.until(lambda state: state.local.journal.broken)
            room.monkeypatch.setattr(journal_follower, "BROKEN_RETRY_S", 600.0)  # it does not notice before it ends
        await console.close()
        journal = SqliteJournal(room.journal)
        assert (journal.present("one/1", 60.0), journal.current_lease("one/1")) == ([], None)
        journal.close()
        assert room.kinds()[-1] == "decision_taken"


async def test_a_console_that_leaves_while_its_journal_is_broken_does_not_wait_for_it_twice(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        asked: list[str] = []
        room.monkeypatch.setattr("console.engine.membership._leave", lambda *_args, **_more: asked.append("left"))
        with locked(room.journal):
            await console.act(Verb.HALT)
            await console.until(lambda state: state.local.journal.broken)
            await console.close()
        assert (asked, console.state.local.journal.held) == ([], 1)


async def test_a_verb_whose_turn_to_poll_is_lost_while_it_waits_does_not_wait_for_ever(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        held = asyncio.Event()

        async def slow(_target: str) -> None:
            await held.wait()

        room.world.before_read = slow
        opening = asyncio.ensure_future(room.console(answered=False))
        held.set()
        console = await opening
        held.clear()
        waiting = asyncio.ensure_future(console.engine.wait_polled())
        await console.until(lambda _state: polls(console))
        console.engine.store.lease.release()
        held.set()
        await asyncio.wait_for(waiting, 10)


async def test_a_console_alone_with_a_journal_that_cannot_be_written_polls_for_itself(tmp_path: Path) -> None:
    from console.journal.contract import Journal
    from console.journal.unavailable import UnavailableJournal

    def no() -> Journal:
        raise JournalUnavailable("journal: no")

    async with war_room(tmp_path, ONE) as room:
        console = await room.console(journal=UnavailableJournal(no, "journal: no"))
        room.world.move("api", 7)
        await console.until(lambda state: state.targets["api"].drift)
        assert console.state.local.journal.broken == "journal: no"
