"""Consoles over a PostgreSQL journal go by its server's time where their host's clock is off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.engine.clock import SystemClock
from console.journal.postgres.journal import PostgresJournal, make_journal
from console.journal.postgres.url import Url
from console.state.clocks import clock_lines
from tests.engine_rig import ONE, war_room
from tests.live.backends_postgres import Postgres

pytestmark = pytest.mark.live


@pytest.fixture
def url(database_server: Postgres) -> Url:
    made = Url(database_server.database("clocks"))
    make_journal(made, None)
    return made


class WrongHost(SystemClock):
    """This machine with its wall clock off."""

    def __init__(self, ahead_s: float) -> None:
        self.ahead_s = ahead_s

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.ahead_s)


def off_s(moment: datetime | None) -> float:
    """How far a moment is from now, in seconds."""
    assert moment is not None
    return abs((moment - datetime.now(UTC)).total_seconds())


@pytest.mark.parametrize("ahead_s", [-3600.0, 600.0, 2.3e9])
async def test_a_console_whose_clock_is_off_goes_by_the_servers(tmp_path: Path, url: Url, ahead_s: float) -> None:
    async with war_room(tmp_path, ONE) as room:
        room.monkeypatch.setattr("tests.engine_rig.SqliteJournal", lambda _path: PostgresJournal(url))
        console = await room.console(clock=WrongHost(ahead_s))
        await console.promoted(1)
        assert off_s(console.state.as_of) < 60
        assert all(off_s(event.at) < 60 for event in room.events())
        assert "the journal's server: that time is used" in clock_lines(console.state)[0]


async def test_a_clock_that_jumps_is_found_at_once(tmp_path: Path, url: Url) -> None:
    async with war_room(tmp_path, ONE) as room:
        room.monkeypatch.setattr("tests.engine_rig.SqliteJournal", lambda _path: PostgresJournal(url))
        clock = WrongHost(0.0)
        console = await room.console(clock=clock)
        assert clock_lines(console.state) == []
        clock.ahead_s = 3600.0
        assert off_s(console.state.as_of) < 60
        assert clock_lines(console.state) == [
            "this host's clock is 1 h ahead of the journal's server: that time is used"
        ]


def test_the_journal_gives_its_servers_time(url: Url) -> None:
    journal = PostgresJournal(url)
    assert off_s(journal.server_time()) < 60
    journal.close()
