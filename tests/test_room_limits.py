"""Limits between the colleagues of one SQLite journal: rows of leases and presence that no warroom wrote."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.journal.contract import LEASE_MAX_S, MAX_PRESENT
from console.journal.moment import now
from console.journal.sqlite import SqliteJournal
from tests.engine_rig import ONE, war_room
from tests.journal_rig import RUN, note, presence
from widgets.participants import participants_lines

HUGE = 2**63 - 1
ACTOR = '{"uid": 1, "user": "eve", "host": "h", "pid": 1, "claims": {}}'


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    opened = SqliteJournal(tmp_path / "journal.db")
    yield opened
    opened.close()


def write(path: Path, statement: str, *rows: tuple[object, ...]) -> None:
    """Write rows as a member of the group can, without warroom."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN")
    connection.executemany(statement, rows)
    connection.execute("COMMIT")
    connection.close()


def forge_lease(path: Path, holder: object, fence: object, boot: str, ends: object, rollout: str = RUN) -> None:
    statement = "INSERT OR REPLACE INTO leases (rollout, holder, fence, boot, ends) VALUES (?, ?, ?, ?, ?)"
    write(path, statement, (rollout, holder, fence, boot, ends))


def forge_presence(path: Path, count: int, actor: object = ACTOR, seen: float | None = None, run: str = RUN) -> None:
    here = now()
    at = here.at if seen is None else seen
    rows = [
        (run, f"x{number}", actor, "operator", "2026-03-02T12:00:00+00:00", here.boot, at) for number in range(count)
    ]
    statement = "INSERT INTO presence (rollout, session, actor, role, since, boot, seen) VALUES (?, ?, ?, ?, ?, ?, ?)"
    write(path, statement, *rows)


@pytest.mark.parametrize("ttl_s", [1e9, float("inf")])
def test_a_lease_is_never_longer_than_its_limit(journal: SqliteJournal, ttl_s: float) -> None:
    assert journal.lease(RUN, "x", ttl_s).left_s <= LEASE_MAX_S
    there = journal.current_lease(RUN)
    assert there is None or there.left_s <= LEASE_MAX_S


@pytest.mark.parametrize("ttl_s", [float("nan"), float("-inf"), -1e9])
def test_a_lease_without_a_time_is_free_at_once(journal: SqliteJournal, ttl_s: float) -> None:
    journal.lease(RUN, "x", ttl_s)
    assert journal.lease(RUN, "me", 10.0).holder == "me"


@pytest.mark.parametrize(
    ("holder", "fence", "boot", "ahead_s"),
    [
        ("x", 1, None, 1e9),
        ("x", 1, None, float("inf")),
        ("x", 1, None, 31.0),
        ("x", 1, "another boot", 10.0),
        ("x", 1, "b" * 1_000_000, 10.0),
        ("x" * 1_000_000, 1, None, 10.0),
        ("x", HUGE, None, 1e9),
        ("x", -HUGE, None, 1e9),
    ],
)
def test_a_lease_that_no_warroom_wrote_is_taken_at_once(
    journal: SqliteJournal, holder: str, fence: int, boot: str | None, ahead_s: float
) -> None:
    here = now()
    forge_lease(journal.path, holder, fence, here.boot if boot is None else boot, here.at + ahead_s)
    assert journal.current_lease(RUN) is None
    taken = journal.lease(RUN, "me", 10.0)
    assert taken.holder == "me"
    assert journal.append(RUN, note("under the lease"), fence=taken.fence) == 1


@pytest.mark.parametrize("fence", [HUGE, -HUGE, 0])
def test_a_fence_at_the_end_of_its_range_is_raised_all_the_same(journal: SqliteJournal, fence: int) -> None:
    forge_lease(journal.path, "x", fence, now().boot, now().at)
    mine = journal.lease(RUN, "me", 10.0)
    journal.release(RUN, "me")
    assert (mine.holder, journal.lease(RUN, "next", 10.0).fence) == ("me", mine.fence + 1)


def test_a_lease_whose_holder_is_no_text_is_taken(journal: SqliteJournal) -> None:
    write(
        journal.path,
        "INSERT INTO leases (rollout, holder, fence, boot, ends) VALUES (?, CAST(x'ff80' AS TEXT), 1, ?, ?)",
        (RUN, now().boot, now().at + 1e9),
    )
    assert journal.lease(RUN, "me", 10.0).holder == "me"


def test_of_too_many_consoles_the_first_are_listed_and_the_rest_is_counted(journal: SqliteJournal) -> None:
    journal.heartbeat(RUN, presence("mine"))
    forge_presence(journal.path, 280)
    found = journal.present(RUN, 60.0)
    assert (len(found), journal.present_count(RUN, 60.0)) == (MAX_PRESENT, 281)
    assert "mine" in [entry.session for entry in found]


def test_the_holder_of_the_lease_is_listed_among_any_number_of_others(journal: SqliteJournal) -> None:
    forge_presence(journal.path, 500)
    journal.heartbeat(RUN, presence("polls"))
    journal.lease(RUN, "polls", 10.0)
    assert "polls" in [entry.session for entry in journal.present(RUN, 60.0)]


def test_a_heartbeat_drops_all_but_the_latest_thousand(journal: SqliteJournal) -> None:
    forge_presence(journal.path, 20_000, run="another/1")
    journal.heartbeat(RUN, presence("mine"))
    assert journal.present_count("another/1", 60.0) <= 1000
    assert [entry.session for entry in journal.present(RUN, 60.0)] == ["mine"]


@pytest.mark.parametrize("seen", [1e18, float("inf")])
def test_a_console_seen_in_the_future_is_not_there_and_is_dropped(journal: SqliteJournal, seen: float) -> None:
    forge_presence(journal.path, 3, seen=seen)
    assert journal.present(RUN, 1e300) == []
    journal.heartbeat(RUN, presence("mine"))
    rows = sqlite3.connect(journal.path).execute("SELECT session FROM presence").fetchall()
    assert rows == [("mine",)]


@pytest.mark.parametrize("actor", ["x" * 1_000_000, "{}", "[]", "null", "7", '{"uid": "x"}', ""])
def test_a_presence_that_no_warroom_wrote_is_left_out(journal: SqliteJournal, actor: str) -> None:
    journal.heartbeat(RUN, presence("mine"))
    forge_presence(journal.path, 1, actor)
    assert [entry.session for entry in journal.present(RUN, 60.0)] == ["mine"]


@pytest.mark.parametrize("column", ["session", "actor", "role", "since"])
def test_a_presence_that_is_no_text_takes_the_roster_from_no_one(journal: SqliteJournal, column: str) -> None:
    journal.heartbeat(RUN, presence("mine"))
    forge_presence(journal.path, 1)
    write(journal.path, f"UPDATE presence SET {column} = CAST(x'ff80' AS TEXT) WHERE session = ?", ("x0",))  # noqa: S608 - a test's own
    assert "mine" in [entry.session for entry in journal.present(RUN, 60.0)]


async def test_a_console_polls_although_a_lease_for_years_was_written_by_hand(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        first = await room.console()
        await first.until(lambda state: state.local.poller is not None)
        path = tmp_path / "journal.db"
        forge_lease(path, "x", HUGE, now().boot, now().at + 1e9, "one/1")
        two = await room.console()
        await two.until(lambda state: state.local.poller is not None)
        with sqlite3.connect(path) as connection:
            ((holder,),) = connection.execute("SELECT holder FROM leases").fetchall()
        assert holder in (first.engine.store.lease.session, two.engine.store.lease.session)


async def test_a_holder_that_is_no_console_loses_a_lease_of_an_ordinary_length(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        one = await room.console()
        await one.until(lambda state: state.local.poller is not None)
        forge_lease(tmp_path / "journal.db", "x", 7, now().boot, now().at + LEASE_MAX_S - 1, "one/1")
        two = await room.console()
        await two.until(lambda _state: one.engine.store.lease.is_poller() != two.engine.store.lease.is_poller())
        there = SqliteJournal(tmp_path / "journal.db").current_lease("one/1")
        assert there is not None and there.holder != "x"


async def test_the_screen_and_status_count_the_consoles_that_they_do_not_list(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        one = await room.console()
        forge_presence(tmp_path / "journal.db", 279, run="one/1")
        two = await room.console()
        state = await two.until(lambda state: state.local.unlisted > 0)
        text = ["".join(piece.text for piece in line) for line in participants_lines(state, 100)]
        assert "  and 181 more" in text
        assert one.state.local.operator is not None
