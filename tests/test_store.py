"""State and journal moved on together: one order, each event once, what must not wait, and what is written later."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.contract import Outcome, Setting
from console.engine.store import StateStore
from console.events.kinds import Noted, RequestMade, RequestSettled
from console.journal.contract import Journal, JournalUnavailable
from console.journal.sqlite import SqliteJournal
from console.plan.loader import parse
from console.state.folding import blank
from tests.engine_rig import ONE, locked

LONG_S = 2.0
"""How long an event that may not wait does wait here: far longer than a busy machine takes for eight of them."""


class Slow:
    """A fake journal: a real one whose appends wait for the test, and fail when it says so."""

    def __init__(self, path: Path) -> None:
        self.real: Journal = SqliteJournal(path)
        self.failing: set[str] = set()

    def __getattr__(self, name: str) -> object:
        return getattr(self.real, name)

    def append(self, rollout: str, event: Noted, *, fence: int | None = None, seen: int = 0) -> int:
        if getattr(event, "text", "") in self.failing:
            self.failing.clear()
            raise JournalUnavailable("journal: no")
        return self.real.append(rollout, event)


def note(text: str) -> Noted:
    return Noted(at=datetime.now(UTC), text=text)


def record_on(journal: object) -> StateStore:
    return StateStore(journal, blank(parse(ONE.replace("scripted", "embedded"), "p"), "one/1"), lambda: None)  # type: ignore[arg-type]


def written(journal: Slow) -> list[str]:
    return [entry.event.text for entry in journal.tail("one/1", 0) if isinstance(entry.event, Noted)]  # type: ignore[operator]


async def test_concurrent_events_are_each_folded_once_and_written_once(tmp_path: Path) -> None:
    journal = Slow(tmp_path / "j.db")
    record = record_on(journal)
    texts = [f"note {number}" for number in range(30)]
    await asyncio.gather(
        *(
            record.append_soon(note(text)) if number % 2 else record.append(note(text))
            for number, text in enumerate(texts)
        )
    )
    await record.drain()
    assert sorted(line.text for line in record.state.log) == sorted(texts)
    assert sorted(written(journal)) == sorted(texts)
    journal.real.close()


async def test_what_comes_after_an_event_that_is_held_is_held_behind_it(tmp_path: Path) -> None:
    journal = Slow(tmp_path / "j.db")
    journal.failing = {"first"}
    record = record_on(journal)
    await asyncio.gather(
        record.append_soon(note("first")), record.append_soon(note("second")), record.append_soon(note("third"))
    )
    assert (written(journal), record.state.local.journal.held) == ([], 3)
    await record.retry()
    assert written(journal) == ["first", "second", "third"]
    assert record.state.local.journal.held == 0
    await record.drain()
    journal.real.close()


async def test_nothing_strict_is_written_while_something_is_held(tmp_path: Path) -> None:
    journal = Slow(tmp_path / "j.db")
    journal.failing = {"first"}
    record = record_on(journal)
    await record.append_soon(note("first"))
    with pytest.raises(JournalUnavailable):
        await record.append(note("second"))
    await record.drain()
    assert written(journal) == ["first"]
    journal.real.close()


async def test_an_append_that_is_cut_off_is_folded_with_the_next_tail(tmp_path: Path) -> None:
    journal = Slow(tmp_path / "j.db")
    record = record_on(journal)
    with locked(tmp_path / "j.db"):
        task = asyncio.create_task(record.append(note("cut off")))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
    await record.append(note("next"))
    assert [line.text for line in record.state.log] == ["cut off", "next"]
    await record.drain()
    journal.real.close()


async def test_only_the_first_event_waits_for_a_locked_journal_and_each_is_folded_once(tmp_path: Path) -> None:
    texts = [f"note {number}" for number in range(8)]
    journal = Slow(tmp_path / "j.db")
    record = record_on(journal)
    with locked(tmp_path / "j.db"), pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("console.engine.store.PATIENCE_S", LONG_S)
        began = time.monotonic()
        for text in texts:
            await record.append_soon(note(text))
        took_s = time.monotonic() - began
        assert [line.text for line in record.state.log] == texts
    await record.drain()
    assert took_s < len(texts) * LONG_S / 2
    assert written(journal) == texts
    assert [line.text for line in record.state.log] == texts
    journal.real.close()


async def test_a_settlement_that_overtakes_its_request_in_memory_still_settles_it(tmp_path: Path) -> None:
    journal = Slow(tmp_path / "j.db")
    record = record_on(journal)
    now = datetime.now(UTC)
    made = RequestMade(
        at=now, decision="d", backend="edge", target="api", setting=Setting(5), send_by=now, deadline_s=0.4
    )
    settled = RequestSettled(at=now, request=made.id, outcome=Outcome.REFUSED, reason="not sent")
    with locked(tmp_path / "j.db"):
        task = asyncio.create_task(record.append(made))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await record.append_soon(settled)
        assert record.state.requests == {}
    await record.append(note("next"))
    assert [request.outcome for request in record.state.requests.values()] == [Outcome.REFUSED]
    await record.drain()
    journal.real.close()


async def test_an_event_that_may_not_wait_is_written_before_what_was_to_be_looked_up(tmp_path: Path) -> None:
    journal = Slow(tmp_path / "j.db")
    record = record_on(journal)
    begun, busy, seen = threading.Event(), threading.Event(), list[str]()

    def hold(_journal: Journal) -> None:
        begun.set()
        busy.wait(60)

    first = asyncio.create_task(record.write(hold))
    looked = asyncio.create_task(record.write(lambda read: seen.append(f"{len(read.tail('one/1', 0))} there")))
    await asyncio.to_thread(begun.wait, 60)
    event = asyncio.create_task(record.append_soon(note("urgent")))
    while record.thread.waiting < 2:  # noqa: ASYNC110 - the look-up and the event, behind what is being done
        await asyncio.sleep(0.001)
    busy.set()
    await asyncio.gather(first, looked, event)
    await record.drain()
    assert seen == ["1 there"]
