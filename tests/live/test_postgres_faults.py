"""A PostgreSQL journal under trouble: restarted, killed, hung, locked, short of rights; its secrets."""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from console.cli.log import actor_name
from console.events.kinds import Noted
from console.journal.chain import walk_journal
from console.journal.contract import Journal, JournalUnavailable, NotPermitted
from console.journal.location import ServerLocation, journal_location
from console.journal.postgres import connection as wire
from console.journal.postgres import recording
from console.journal.postgres.journal import PostgresJournal, make_journal
from console.journal.postgres.url import Url
from tests import stopped_holder
from tests.journal_rig import ANA, AT, RUN, approval, closing, forward, note, opening, presence, sample
from tests.live.backends_postgres import PASSWORD, Postgres

pytestmark = pytest.mark.live


def role(server: Postgres, name: str, password: str | None = None) -> str:
    server.execute(
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '" + name + "') "
        "THEN CREATE ROLE " + name + " LOGIN; END IF; END $$"
    )
    if password is not None:
        with psycopg.connect(server.url(), autocommit=True) as owner:
            owner.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(name), sql.Literal(password)))
    return name


def one_line(error: BaseException) -> str:
    text = str(error)
    assert text and "\n" not in text
    return text


# -- the connection is lost ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT])
def test_a_restart_between_two_events_loses_and_doubles_nothing(
    server: Postgres, journal: PostgresJournal, how: signal.Signals
) -> None:
    journal.append(RUN, opening())
    server.restart(how)
    assert journal.append(RUN, note("after")) == 2
    server.restart(how)
    assert [entry.seq for entry in journal.tail(RUN, 0)] == [1, 2]
    assert walk_journal(lambda after: journal.rows(None, after)).flaw is None


@pytest.mark.parametrize("written", [False, True])
def test_an_event_whose_connection_is_lost_before_or_after_the_commit_is_written_once(
    server: Postgres, journal: PostgresJournal, monkeypatch: pytest.MonkeyPatch, written: bool
) -> None:
    """The answer to the commit never arrives: whether it was done is looked up by the event's id."""
    journal.append(RUN, opening())
    real, calls = recording.append_event, []

    def cut(connection: wire.Connection, *rest: object) -> int:
        calls.append(connection)
        if len(calls) > 1:
            return real(connection, *rest)  # type: ignore[arg-type]
        if written:
            real(connection, *rest)  # type: ignore[arg-type]
        wire.shut_socket(connection)
        connection.execute("SELECT 1")
        raise AssertionError("the connection was not cut")

    monkeypatch.setattr(recording, "append_event", cut)
    assert journal.append(RUN, forward(1)) == 2
    assert len(calls) == 2 and calls[0] is not calls[1]
    assert [entry.event.kind for entry in journal.tail(RUN, 0)] == ["rollout_opened", "decision_taken"]


def test_a_session_that_the_server_ends_is_replaced(server: Postgres, journal: PostgresJournal) -> None:
    journal.append(RUN, opening())
    for _ in range(2):
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'warroom'")
        assert len(journal.tail(RUN, 0)) == 1
    server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'warroom'")
    with pytest.raises(JournalUnavailable):
        journal.append_samples(RUN, [sample("lost")])
    journal.append_samples(RUN, [sample("kept")])
    assert len(journal.tail_samples(RUN, 0)) == 1


def test_a_server_that_is_down_is_one_line_and_is_written_to_again_once_it_is_back(
    server: Postgres, journal: PostgresJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.journal.postgres.journal.PATIENCE_S", 0.3)
    event = note("later")
    server.stop()
    try:
        for _ in range(2):
            with pytest.raises(JournalUnavailable, match="refused") as caught:
                journal.append(RUN, event)
            assert one_line(caught.value).startswith(f"journal {journal.url}: ")
        with pytest.raises(JournalUnavailable):
            journal.tail(RUN, 0)
    finally:
        server.start()
    assert journal.append(RUN, event) == 1


def test_an_append_outlasts_a_short_restart(server: Postgres, journal: PostgresJournal) -> None:
    journal.append(RUN, opening())
    server.stop()
    back = threading.Timer(0.5, server.start)
    back.start()
    assert journal.append(RUN, note("meanwhile")) == 2
    back.join()


def test_a_server_that_does_not_answer_is_noticed(
    journal: PostgresJournal,
) -> None:
    """The server process of our session is stopped, not ended: TCP stays up, nothing ever comes."""
    with journal._connection.call() as connection:
        pid = connection.info.backend_pid
    os.kill(pid, signal.SIGSTOP)
    try:
        with (
            pytest.raises(wire.ConnectionLost, match=r"^no answer within 0\.3 s$"),
            journal._connection.call(0.3) as connection,
        ):
            connection.execute("SELECT 1")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert journal.append(RUN, opening()) == 1


def test_a_console_stopped_in_a_transaction_keeps_others_from_writing_only_for_a_while(
    url: Url, journal: PostgresJournal
) -> None:
    """Its session is ended by the server; what it wrote in it is gone; the others waited or said locked."""
    stopped = wire.connect(url)
    stopped.execute("BEGIN")
    stopped.execute("SELECT pg_advisory_xact_lock(2002874994, 0)")
    with pytest.raises(JournalUnavailable, match="lock timeout") as caught:
        journal.append(RUN, opening())
    one_line(caught.value)
    until = time.monotonic() + 30
    while True:
        try:
            assert journal.append(RUN, opening()) == 1
            break
        except JournalUnavailable:
            assert time.monotonic() < until
    with pytest.raises(psycopg.Error):
        stopped.execute("SELECT 1")
    stopped.close()


def test_a_watch_goes_on_after_a_restart(server: Postgres, journal: PostgresJournal) -> None:
    watch = journal.watch()
    assert watch.wait(30.0)
    server.restart()
    assert watch.wait(30.0), "it does not know what it missed"
    while watch.wait(0.5):
        pass
    journal.append(RUN, opening())
    assert watch.wait(30.0)
    watch.close()
    watch.wait(0.0)


# -- rights ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def operator(server: Postgres, url: Url) -> Iterator[PostgresJournal]:
    """A journal opened by a role that may read and add."""
    make_journal(url, role(server, "ana"))
    opened = PostgresJournal(Url(server.url("journal", "ana")))
    yield opened
    opened.close()


def test_a_role_that_may_select_and_insert_can_run_a_war_room(operator: PostgresJournal) -> None:
    fence = operator.lease(RUN, "a", 30.0).fence
    operator.append(RUN, opening())
    operator.append(RUN, note("observed"), fence=fence)
    operator.append_samples(RUN, [sample("s")], fence=fence)
    operator.heartbeat(RUN, presence("s1"))
    operator.approve(RUN, approval())
    assert [one.login for one in operator.present(RUN, 60.0)] == ["ana"]
    assert [one.identity for one in operator.approvals(RUN)] == ["login:ana"] == [operator.identity(ANA)]
    operator.leave(RUN, "s1")
    operator.release(RUN, "a")
    assert (operator.present(RUN, 60.0), len(operator.history(RUN)), operator.open_run("checkout")) == ([], 3, RUN)
    assert (operator.runs()[0].rollout, operator.decisions(RUN)) == (RUN, [])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE warroom.events SET who = 'eve'",
        "DELETE FROM warroom.events",
        "TRUNCATE warroom.events",
        "UPDATE warroom.samples SET body = '{}'",
        "DELETE FROM warroom.samples",
        "UPDATE warroom.leases SET fence = 99",
        "INSERT INTO warroom.leases VALUES ('x', 'eve', 1, now())",
        "DELETE FROM warroom.presence",
        "UPDATE warroom.approvals SET login = 'eve'",
        "DELETE FROM warroom.approvals",
        "DROP TRIGGER events_link ON warroom.events",
        "CREATE TABLE warroom.mine (id int)",
    ],
)
def test_that_role_can_do_nothing_else(server: Postgres, operator: PostgresJournal, statement: str) -> None:
    operator.append(RUN, opening())
    with psycopg.connect(server.url("journal", "ana")) as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE warroom.events SET who = 'eve'",
        "DELETE FROM warroom.events",
        "TRUNCATE warroom.events",
        "UPDATE warroom.approvals SET login = 'eve'",
        "UPDATE warroom.samples SET body = '{}'",
    ],
)
def test_not_even_the_owner_changes_what_was_recorded(server: Postgres, url: Url, statement: str) -> None:
    with psycopg.connect(url.text) as owner, pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
        owner.execute(statement)


def test_the_server_stamps_events_and_approvals_with_who_is_logged_in(
    server: Postgres, operator: PostgresJournal
) -> None:
    operator.append(RUN, opening())
    row = operator.rows(None, None)[0]
    assert row.login == "ana"
    columns = "position, rollout, seq, event_id, kind, v, at, who, move, login, body, prev, hash, head"
    with psycopg.connect(server.url("journal", "ana")) as session:
        copy = (
            "INSERT INTO warroom.approvals (rollout, move, card, at, text, login) VALUES ('r', 1, 'c', 'x', '', 'bob')"
        )
        session.execute(copy)
        assert session.execute("SELECT login FROM warroom.approvals").fetchall() == [("ana",)]
        forged = (
            f"INSERT INTO warroom.events ({columns}) SELECT position + 1, 'x/1', 1, 'other', kind, v, at, who, move, "  # noqa: S608 - a test's own
            "'bob', body, prev, hash, head FROM warroom.events"
        )
        with pytest.raises(psycopg.errors.IntegrityError, match="does not follow the one before it"):
            session.execute(forged)


def test_an_event_is_by_whom_the_server_says_whatever_it_says_itself(operator: PostgresJournal) -> None:
    claimed = replace(ANA, user="bob", login="bob")
    operator.append(RUN, Noted(at=AT, who=claimed, text="it was bob"))
    for (entry,) in (operator.tail(RUN, 0), operator.history(RUN)):
        assert entry.event.who is not None
        assert (entry.event.who.login, entry.event.who.person, actor_name(entry.event.who)) == (
            "ana",
            "login:ana",
            "ana (as bob)",
        )


def test_pruning_is_the_owners(operator: PostgresJournal, journal: PostgresJournal) -> None:
    operator.append(RUN, opening())
    operator.append_samples(RUN, [sample("s")])
    operator.append(RUN, closing())
    assert operator.prune(RUN, dry_run=True) == 1
    with pytest.raises(NotPermitted, match="ana may not remove samples"):
        operator.prune(RUN)
    assert journal.prune(RUN) == 1


def test_a_role_without_rights_and_a_database_without_a_journal_are_one_line(server: Postgres, url: Url) -> None:
    with pytest.raises(JournalUnavailable, match="this role may not read the journal") as caught:
        PostgresJournal(Url(server.url("journal", role(server, "stranger"))))
    one_line(caught.value)
    with pytest.raises(
        JournalUnavailable, match=r"no journal in this database yet: run `warroom journal init postgresql"
    ) as caught:
        PostgresJournal(Url(server.database("empty")))
    one_line(caught.value)


def test_a_journal_of_a_newer_or_an_older_version_is_one_line(server: Postgres, url: Url) -> None:
    with psycopg.connect(url.text, autocommit=True) as owner:
        owner.execute("INSERT INTO warroom.migrations (number) VALUES (999)")
        with pytest.raises(JournalUnavailable, match="of a newer warroom"):
            PostgresJournal(url)
        owner.execute("DELETE FROM warroom.migrations WHERE number > 1")
        with pytest.raises(JournalUnavailable, match="of an older warroom"):
            PostgresJournal(url)


def test_two_that_make_a_journal_at_once_make_one(server: Postgres) -> None:
    fresh = Url(server.database("twice"))
    made: list[int] = []
    threads = [threading.Thread(target=lambda: made.append(make_journal(fresh, None))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made)[:3] == [0, 0, 0] and max(made) > 0


# -- secrets ---------------------------------------------------------------------------------------------------------


def test_a_password_is_in_no_message_and_no_traceback(server: Postgres, url: Url) -> None:
    make_journal(url, role(server, "locked", PASSWORD))
    secret = "wr0ng%2Fp%40ss"
    wrong = journal_location(f"postgresql://locked:{secret}@127.0.0.1:{server.port}/journal")
    assert isinstance(wrong, ServerLocation)
    with pytest.raises(JournalUnavailable, match="password authentication failed") as caught:
        wrong.open()
    told = "".join(traceback.format_exception(caught.value)) + str(wrong) + repr(wrong)
    for spelled in (secret, "wr0ng/p@ss", "wr0ng"):
        assert spelled not in told
    good = journal_location(
        f"postgresql://locked:{PASSWORD.replace('/', '%2F').replace('@', '%40')}@127.0.0.1:{server.port}/journal"
    )
    opened = good.open()
    assert opened.append(RUN, opening()) == 1
    processes = "".join(
        (folder / "cmdline").read_bytes().decode(errors="replace")
        for folder in Path("/proc").glob("[0-9]*")
        if (folder / "cmdline").exists()
    )
    assert PASSWORD not in processes
    opened.close()


def test_a_password_file_is_enough(server: Postgres, url: Url, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_journal(url, role(server, "locked", PASSWORD))
    passfile = tmp_path / "pgpass"
    passfile.write_text(f"127.0.0.1:{server.port}:*:locked:{PASSWORD}\n", encoding="utf-8")
    passfile.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(passfile))
    opened: Journal = PostgresJournal(Url(server.url("journal", "locked")))
    assert opened.append(RUN, opening()) == 1
    opened.close()


# -- taken over from ---------------------------------------------------------------------------------------------------


def test_a_console_that_was_stopped_and_taken_over_from_gets_nothing_through_when_it_wakes(
    url: Url, journal: PostgresJournal
) -> None:
    stopped_holder.check(url.text, journal)
