"""A PostgreSQL journal behind a wire that swallows everything, in the middle of a session: what still goes ahead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from console.engine.answer import Result
from console.events.evidence import Verb
from console.journal.chain import walk_journal
from console.journal.postgres.journal import PostgresJournal
from console.journal.postgres.url import Url
from console.state.values import Mode
from tests.engine_rig import ONE, war_room
from tests.journal_rig import RUN, note, opening
from tests.live.backends_postgres import Postgres

pytestmark = pytest.mark.live


class Wire:
    """A TCP proxy before `port`, which passes bytes on, or takes them and passes nothing on."""

    def __init__(self, port: int) -> None:
        self._to = port
        self.open = asyncio.Event()
        self.open.set()
        self.trips = 0
        """How often a client sent something: it waits for the answer before it sends more."""
        self.port = 0
        self.both_ways: set[asyncio.Task[None]] = set()

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._join(reader, writer))
        self.both_ways.add(task)
        task.add_done_callback(self.both_ways.discard)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._to)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass(reader, back, count=1))
                both.create_task(self._pass(there, writer))
        except* (ConnectionError, OSError):
            pass
        finally:
            writer.close()
            back.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, count: int = 0) -> None:
        while data := await reader.read(65536):
            self.trips += count
            await self.open.wait()
            writer.write(data)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def wire(port: int) -> AsyncIterator[Wire]:
    """A proxy, for as long as the block lasts and its connections do."""
    proxy = Wire(port)
    listening = await asyncio.start_server(proxy.connected, "127.0.0.1", 0)
    proxy.port = listening.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        proxy.open.set()
        listening.close()
        if proxy.both_ways:
            await asyncio.wait(set(proxy.both_ways), timeout=10.0)


async def test_an_append_takes_four_trips_to_a_server_that_may_be_far(server: Postgres, url: Url) -> None:
    """The lock, where the chain ends, the event, the commit: a rollback waits 200 ms for all of them."""
    async with wire(server.port) as proxy:
        through = Url(url.text.replace(f":{server.port}/", f":{proxy.port}/"))
        journal = await asyncio.to_thread(PostgresJournal, through)
        await asyncio.to_thread(journal.append, RUN, opening())
        before = proxy.trips
        await asyncio.to_thread(journal.append, RUN, note("far"))
        trips = proxy.trips - before
        await asyncio.to_thread(journal.close)
    assert trips == 4


@pytest.mark.parametrize("verb", [Verb.HALT, Verb.ROLLBACK])
async def test_what_goes_safer_is_not_held_up_by_a_wire_that_swallows_everything(
    server: Postgres, url: Url, tmp_path: Path, verb: Verb
) -> None:
    """No call to the journal has even been given up when it has been carried out."""
    async with wire(server.port) as proxy, war_room(tmp_path, ONE) as room:
        through = Url(url.text.replace(f":{server.port}/", f":{proxy.port}/"))
        console = await room.console(journal=await asyncio.to_thread(PostgresJournal, through))
        await console.promoted(1)
        proxy.open.clear()
        answer = await console.act(verb)
        wanted = Mode.HALTED if verb is Verb.HALT else Mode.ROLLING_BACK
        state = await console.until(lambda state: state.mode in (wanted, Mode.ROLLED_BACK))
        if verb is Verb.ROLLBACK:
            await console.until(lambda _state: "api 0 %" in room.world.writes)
        given_up = console.state.local.journal.broken
        proxy.open.set()
        await console.until(lambda state: not state.local.journal.held and all(entry.seq for entry in state.decisions))
        assert (answer.result, given_up) == (Result.ACCEPTED, None)
        assert state.decisions[-1].verb is verb
        journal = await asyncio.to_thread(PostgresJournal, url)
        assert [entry.verb for entry in journal.decisions()] == ["promote", verb]
        assert walk_journal(lambda after: journal.rows(None, after)).flaw is None
        journal.close()
