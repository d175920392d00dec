"""Limits between the logins of one PostgreSQL journal: lease, presence, sizes, rates, names."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from console.events.kinds import Noted
from console.journal.contract import LEASE_MAX_S, MAX_PRESENT, JournalUnavailable
from console.journal.postgres.journal import PostgresJournal, make_journal
from console.journal.postgres.url import Url
from tests.journal_rig import ANA, AT, RUN, approval, halt, note, opening, presence, sample
from tests.live.backends_postgres import Postgres

pytestmark = pytest.mark.live

LOGINS = ("ana", "mallory")


@pytest.fixture(scope="module")
def server(server: Postgres) -> Postgres:
    for login in LOGINS:
        server.execute(f"CREATE ROLE {login} LOGIN")
    return server


@pytest.fixture(autouse=True)
def rights(url: Url) -> None:
    """Both may read and add."""
    for login in LOGINS:
        make_journal(url, login)


@pytest.fixture
def ana(server: Postgres) -> Iterator[PostgresJournal]:
    opened = PostgresJournal(Url(server.url("journal", "ana")))
    yield opened
    opened.close()


@pytest.fixture
def mallory(server: Postgres) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Another login, without warroom."""
    with psycopg.connect(server.url("journal", "mallory"), autocommit=True) as connection:
        yield connection


@pytest.fixture
def hers(server: Postgres) -> Iterator[PostgresJournal]:
    """The same login with warroom."""
    opened = PostgresJournal(Url(server.url("journal", "mallory")))
    yield opened
    opened.close()


def exhaust(server: Postgres, login: str, counted: str) -> None:
    """Let `login` have written as much as is allowed in this minute; a test does not begin at the end of one."""
    server.execute(
        "SELECT pg_sleep(60 - second) FROM extract(second FROM clock_timestamp()) AS second WHERE second > 50",
        database="journal",
    )
    server.execute(
        "INSERT INTO warroom.rates VALUES (%s, %s, date_trunc('minute', clock_timestamp()), 1000000, 0) "
        "ON CONFLICT (login, counted) DO UPDATE SET minute = excluded.minute, written = excluded.written",
        login,
        counted,
        database="journal",
    )


@pytest.mark.parametrize("ttl_s", [1e9, math.inf, 31.0])
def test_a_lease_ends_within_its_limit(
    ana: PostgresJournal, mallory: psycopg.Connection[tuple[object, ...]], ttl_s: float
) -> None:
    mallory.execute("SELECT warroom.lease(%s, 'x', %s)", [RUN, ttl_s])
    lease = ana.lease(RUN, "me", 10.0)
    assert (lease.holder, 0 < lease.left_s <= LEASE_MAX_S) == ("x", True)


@pytest.mark.parametrize("ttl_s", [math.nan, -math.inf, -1.0, None])
def test_a_lease_without_a_time_is_free_at_once(
    ana: PostgresJournal, mallory: psycopg.Connection[tuple[object, ...]], ttl_s: float | None
) -> None:
    mallory.execute("SELECT warroom.lease(%s, 'x', %s)", [RUN, ttl_s])
    assert ana.lease(RUN, "me", 10.0).holder == "me"


@pytest.mark.parametrize("ends", ["now() + interval '31 years'", "'infinity'"])
def test_a_lease_from_before_the_limit_is_free(server: Postgres, ana: PostgresJournal, ends: str) -> None:
    server.execute(f"INSERT INTO warroom.leases VALUES ('{RUN}', 'x', 1, {ends})", database="journal")  # noqa: S608 - a test's own
    assert ana.current_lease(RUN) is None
    assert (ana.lease(RUN, "me", 10.0).holder, ana.lease(RUN, "me", 10.0).fence) == ("me", 2)


def test_the_fence_at_the_end_of_its_range_is_raised_all_the_same(server: Postgres, ana: PostgresJournal) -> None:
    values = f"('{RUN}', 'x', 9223372036854775807, now())"
    server.execute(f"INSERT INTO warroom.leases VALUES {values}", database="journal")  # noqa: S608 - a test's own
    assert ana.lease(RUN, "me", 10.0).holder == "me"


def test_a_holder_with_an_absurd_name_is_refused(mallory: psycopg.Connection[tuple[object, ...]]) -> None:
    with pytest.raises(psycopg.errors.ProgramLimitExceeded, match="no console has such a name"):
        mallory.execute("SELECT warroom.lease(%s, %s, 10)", [RUN, "x" * 1_000_000])


def test_a_login_has_a_bounded_number_of_consoles_and_hides_no_one_elses(
    ana: PostgresJournal, mallory: psycopg.Connection[tuple[object, ...]]
) -> None:
    ana.heartbeat(RUN, presence("mine"))
    mallory.execute(
        'SELECT warroom.seen(%s, \'x\' || n, \'{"uid": 1, "user": "ana", "host": "h", "pid": 1}\', \'operator\', '
        "'1970-01-01T00:00:00+00:00') FROM generate_series(1, 3000) AS n",
        [RUN],
    )
    found = ana.present(RUN, 3600.0)
    assert (len(found), ana.present_count(RUN, 3600.0)) == (MAX_PRESENT, 201)
    assert "mine" in [entry.session for entry in found]
    assert {entry.login for entry in found} == {"ana", "mallory"}


def test_a_presence_that_is_too_large_is_refused(mallory: psycopg.Connection[tuple[object, ...]]) -> None:
    with pytest.raises(psycopg.errors.ProgramLimitExceeded, match="the presence is too large"):
        mallory.execute("SELECT warroom.seen(%s, 's', %s, 'operator', 'x')", [RUN, "x" * 10_000])


def test_an_event_that_is_too_large_is_refused_in_one_line(ana: PostgresJournal) -> None:
    with pytest.raises(JournalUnavailable, match=r"journal postgres.*: the event is too large \(limit: 4 MB\)$"):
        ana.append(RUN, note("x" * 5_000_000))


def test_a_login_that_floods_is_refused_in_one_line_that_names_it(server: Postgres, hers: PostgresJournal) -> None:
    exhaust(server, "mallory", "events")
    with pytest.raises(JournalUnavailable, match=r": login mallory has written too many events this minute \(limit: "):
        hers.append(RUN, note("one more"))


def test_a_flood_takes_no_place_from_a_halt_or_from_other_logins(
    server: Postgres, hers: PostgresJournal, ana: PostgresJournal
) -> None:
    exhaust(server, "mallory", "events")
    exhaust(server, "mallory", "samples")
    assert hers.append(RUN, halt()) == 1
    assert ana.append(RUN, note("not mine")) == 2


def test_samples_are_counted_by_login(server: Postgres, hers: PostgresJournal, ana: PostgresJournal) -> None:
    exhaust(server, "mallory", "samples")
    with pytest.raises(JournalUnavailable, match="login mallory has written too many samples this minute"):
        hers.append_samples(RUN, [sample("s")])
    ana.append_samples(RUN, [sample("s")])
    assert len(ana.history(RUN)) == 1


def test_a_count_begins_anew_with_each_minute(server: Postgres, hers: PostgresJournal) -> None:
    exhaust(server, "mallory", "events")
    server.execute("UPDATE warroom.rates SET minute = minute - interval '1 minute'", database="journal")
    assert hers.append(RUN, note("a minute later")) == 1


def test_a_login_cannot_change_its_own_count(mallory: psycopg.Connection[tuple[object, ...]]) -> None:
    for statement in (
        "UPDATE warroom.rates SET written = 0",
        "DELETE FROM warroom.rates",
        "SELECT warroom.count_row('events', 0, 1, 1)",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            mallory.execute(statement)


def test_approvals_of_one_login_do_not_load_or_hide_the_others(
    server: Postgres, ana: PostgresJournal, mallory: psycopg.Connection[tuple[object, ...]]
) -> None:
    statement = (
        "INSERT INTO warroom.approvals (rollout, move, card, at, text) "
        "SELECT %s, n, %s, '2026-03-02T12:00:00+00:00', '' FROM generate_series(1, 300) AS n"
    )
    ana.approve(RUN, approval())
    mallory.execute(statement, [RUN, "c"])
    assert (len(ana.approvals(RUN)), ana.approvals(RUN)[0].user) == (101, "ana")
    exhaust(server, "mallory", "approvals")
    with pytest.raises(psycopg.errors.ConfigurationLimitExceeded, match="too many approvals"):
        mallory.execute(statement, [RUN, "d"])


def test_an_approval_at_no_moment_is_left_out(
    ana: PostgresJournal, mallory: psycopg.Connection[tuple[object, ...]]
) -> None:
    ana.approve(RUN, approval())
    mallory.execute("INSERT INTO warroom.approvals (rollout, move, card, at, text) VALUES (%s, 1, 'c', 'x', '')", [RUN])
    assert [entry.user for entry in ana.approvals(RUN)] == ["ana"]


def test_the_limits_are_among_the_guards(server: Postgres, ana: PostgresJournal) -> None:
    assert ana.alterations() == []
    server.execute("DROP TRIGGER events_limit ON warroom.events", database="journal")
    server.execute(
        "CREATE OR REPLACE FUNCTION warroom.count_row(as_what text, of_bytes bigint, most_rows bigint, "
        "most_bytes bigint) RETURNS void LANGUAGE sql AS 'SELECT'",
        database="journal",
    )
    assert ana.alterations() == ["trigger events_limit is missing", "function count_row was changed"]


def test_a_name_that_was_claimed_stands_after_the_login(ana: PostgresJournal) -> None:
    ana.append(RUN, opening())
    ana.append(RUN, Noted(at=AT, who=replace(ANA, user="bob"), text="it was bob"))
    who = ana.tail(RUN, 1)[0].event.who
    assert who is not None and who.name == "ana (as bob)"
