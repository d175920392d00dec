"""A journal that is asked and never answers, as a host does that swallows packets: halt and rollback do not wait."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.cli import main
from console.cli.exits import Exit
from console.engine.answer import Result
from console.engine.clock import SystemClock
from console.engine.config import EngineConfig
from console.engine.engine import Engine
from console.events.evidence import Verb
from console.events.kinds import Event
from console.journal.contract import Journal, JournalUnavailable
from console.journal.location import ServerLocation, journal_location
from console.journal.sqlite import SqliteJournal
from console.journal.unavailable import UnavailableJournal, open_or_unavailable
from console.plan.loader import load
from tests.cli_rig import MANUAL, shell
from tests.engine_rig import ONE, PRODUCT_PATIENCE_S, Console, Room, war_room


class Silent:
    """FAKE: a real journal that says nothing for as long as `answers` is not set."""

    def __init__(self, path: Path) -> None:
        self.real = SqliteJournal(path)
        self.answers = threading.Event()
        self.asked = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self.real, name)

    def append(self, rollout: str, event: Event, *, fence: int | None = None, seen: int = 0) -> int:
        self.asked += 1
        assert self.answers.wait(60)
        return self.real.append(rollout, event, fence=fence, seen=seen)


def written(room: Room) -> list[str]:
    """What the journal holds in the end, in order, but for what polling saw: that depends on when it was looked."""
    return [kind for kind in room.kinds() if kind != "target_observed"]


async def hurried(room: Room, journal: Journal) -> Console:
    """A console that halts or rolls back: it joins in a hurry, and waits for its journal as briefly as the product."""
    room.monkeypatch.setattr("console.engine.store.PATIENCE_S", PRODUCT_PATIENCE_S)
    engine = await Engine.open(
        EngineConfig(load(room.file), journal, SystemClock(), room.folder, "0"), lambda _state: None, hurry_s=60.0
    )
    console = Console(engine, journal)
    room.consoles.append(console)
    engine.start()
    return console


async def test_a_rollback_is_carried_out_while_the_opening_of_its_journal_is_still_waited_for(tmp_path: Path) -> None:
    answers = threading.Event()

    def connect() -> SqliteJournal:
        assert answers.wait(60)
        return SqliteJournal(room.journal)

    async with war_room(tmp_path, ONE) as room:
        room.monkeypatch.setattr("console.engine.membership.SILENT_S", 0.2)
        console = await room.console(journal=open_or_unavailable(connect, within_s=0.05), answered=False)
        room.world.move("api", 30)
        await console.until(lambda state: state.targets["api"].reading and state.targets["api"].reading.percent == 30)
        answer = await console.act(Verb.ROLLBACK)
        await console.until(lambda _state: room.world.writes == ["api 0 %"])
        state = console.state
        answers.set()
        await console.until(lambda state: not state.local.journal.held)
        assert answer.result is Result.ACCEPTED
        assert state.local.journal.held and state.local.journal.broken == "the journal has not answered within 0.05 s"
        assert written(room)[:3] == ["rollout_opened", "decision_taken", "request_made"]


async def test_a_rollback_does_not_wait_for_its_opening_to_be_written(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        journal = Silent(room.journal)
        console = await hurried(room, journal)  # type: ignore[arg-type]
        room.world.move("api", 30)
        await console.until(lambda state: state.targets["api"].reading and state.targets["api"].reading.percent == 30)
        await console.act(Verb.ROLLBACK)
        await console.until(lambda _state: room.world.writes == ["api 0 %"])
        state, asked = console.state, journal.asked
        journal.answers.set()
        await console.until(lambda state: not state.local.journal.held)
        assert (state.local.journal.held > 0, state.local.journal.broken, asked) == (True, None, 1)
        kinds = written(room)
        assert kinds[:3] == ["rollout_opened", "decision_taken", "request_made"]
        assert kinds.count("rollout_opened") == 1


async def test_what_waits_for_a_silent_journal_is_only_in_memory_and_counted_so(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        journal = Silent(room.journal)
        console = await hurried(room, journal)  # type: ignore[arg-type]
        journal.answers.set()
        await console.until(lambda state: not state.local.journal.held)
        journal.answers.clear()
        await console.act(Verb.HALT)
        working, behind = console.state.local.journal, console.engine.store.unwritten.count
        console.engine.store.report_journal("journal: gone")
        broken = console.state.local.journal
        journal.answers.set()
        await console.engine.store.wait_background()
        assert (working.broken, working.held, behind > 0) == (None, 0, True)
        assert (broken.broken, broken.held > 0) == ("journal: gone", True)
        await console.until(lambda state: not state.local.journal.held)


async def test_a_journal_that_does_not_say_which_rollout_is_open_is_not_waited_for_by_whoever_is_in_a_hurry(
    tmp_path: Path,
) -> None:
    async with war_room(tmp_path, ONE) as room:
        journal = Silent(room.journal)
        journal.plan_runs = lambda _plan: journal.answers.wait(60)  # type: ignore[attr-defined]
        config = EngineConfig(load(room.file), journal, SystemClock(), room.folder, "0")  # type: ignore[arg-type]
        try:
            with pytest.raises(JournalUnavailable, match=r"the journal has not answered within 0\.05 s"):
                await Engine.open(config, lambda _state: None, hurry_s=0.05)
        finally:
            journal.answers.set()
            journal.real.close()


def test_a_journal_that_opens_late_is_the_one_that_is_written(tmp_path: Path) -> None:
    answers, opened = threading.Event(), []

    def connect() -> SqliteJournal:
        assert answers.wait(60)
        opened.append(SqliteJournal(tmp_path / "journal.db"))
        return opened[-1]

    journal = open_or_unavailable(connect, within_s=0.05)
    assert (
        isinstance(journal, UnavailableJournal)
        and journal.unreadable_reason == "the journal has not answered within 0.05 s"
    )
    answers.set()
    assert journal.lease("one/1", "me", 5.0).holder == "me"
    assert len(opened) == 1
    journal.close()


def test_a_journal_whose_late_opening_fails_is_opened_anew(tmp_path: Path) -> None:
    answers, tries = threading.Event(), []

    def connect() -> SqliteJournal:
        tries.append(answers.wait(60))
        if len(tries) == 1:
            raise JournalUnavailable("no such host")
        return SqliteJournal(tmp_path / "journal.db")

    journal = open_or_unavailable(connect, within_s=0.05)
    answers.set()
    with pytest.raises(JournalUnavailable, match="no such host"):
        journal.lease("one/1", "me", 5.0)
    assert journal.lease("one/1", "me", 5.0).holder == "me"
    journal.close()


@pytest.mark.parametrize(
    ("url", "seconds"),
    [
        ("postgresql://ana@db/warroom", 3.0),
        ("postgresql:///warroom", 3.0),
        ("postgresql://a,b:1,c/warroom", 7.0),
        ("postgresql:///warroom?host=a,b", 5.0),
    ],
)
def test_every_host_of_a_server_is_given_its_time_to_answer(url: str, seconds: float) -> None:
    found = journal_location(url)
    assert isinstance(found, ServerLocation)
    assert found.opening_s == seconds


@pytest.fixture
def mute() -> Iterator[str]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"postgresql://ana@127.0.0.1:{listening.getsockname()[1]}/warroom"


def test_nothing_at_all_is_written_to_a_server_that_never_says_a_word_and_the_rollback_says_so(
    mute: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    sh = shell(tmp_path, capsys, MANUAL.replace("latency: 0", "latency: 0, opening: {api: 30}"))
    code = main(["rollback", str(sh.plan), "--journal", mute])
    err = capsys.readouterr().err.splitlines()
    assert code == Exit.JOURNAL
    assert err[0].startswith(
        f"warroom: journal {mute}: connection timeout expired; the rollback goes ahead as manual/1"
    )
    assert err[1] == (
        "warroom: rolled back; by hand: tell (warroom confirm PLAN --subject STEP); not in the journal yet; "
        "writing it is tried once more"
    )
    assert "UNJOURNALED" in err[-1] and "the backends were changed: api -> 0 %" in err[-1]
