"""Two logins at one PostgreSQL journal: pen and approval go by the server's word, whatever the user on the bastion."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from console.cli.people import people_lines
from console.engine.answer import Result
from console.events.evidence import Actor, Verb
from console.journal.postgres.journal import PostgresJournal, make_journal
from console.journal.postgres.url import Url
from tests.engine_rig import ONE, war_room
from tests.live.backends_postgres import Postgres
from widgets.advice import advice_for
from widgets.log import log_lines
from widgets.participants import participants_lines

pytestmark = pytest.mark.live

ASKING = ONE.replace("{name: half, set: {api: 50}}", "{name: half, set: {api: 50}, approvals: 1}")
LOGINS = ("ana", "ben")


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


async def test_pen_and_approval_are_the_logins(server: Postgres, tmp_path: Path) -> None:
    async with war_room(tmp_path, ASKING) as room:
        ana = await room.console(journal=PostgresJournal(Url(server.url("journal", "ana"))))
        ben = await room.console(journal=PostgresJournal(Url(server.url("journal", "ben"))))
        await ana.promoted(1)
        state = await ben.until(lambda state: state.reached == 1 and state.pen.holder)
        assert state.pen.holder is not None and state.pen.holder.login == "ana"
        assert "the pen is with" in (await ben.act(Verb.PROMOTE)).line
        assert "approved: 0 of 1" in (await ana.act(Verb.PROMOTE)).line
        assert (await ana.act(Verb.APPROVE)).line == "approve refused: you hold the pen: another person has to approve"
        assert (await ben.act(Verb.APPROVE, reason="graphs look right")).result is Result.ACCEPTED
        await ana.until(lambda state: state.local.approvals)
        await ana.promoted(2)
        assert [approval.person for approval in ana.state.local.approvals] == ["login:ben"]


async def test_the_offer_is_to_the_login(server: Postgres, tmp_path: Path) -> None:
    async with war_room(tmp_path, ASKING) as room:
        ana = await room.console(journal=PostgresJournal(Url(server.url("journal", "ana"))))
        ben = await room.console(journal=PostgresJournal(Url(server.url("journal", "ben"))))
        await ana.promoted(1)
        assert (await ana.act(Verb.OFFER, subject="ben")).result is Result.ACCEPTED
        await ben.until(lambda state: state.pen.offered)
        assert (await ben.act(Verb.TAKE)).result is Result.ACCEPTED
        state = await ana.until(lambda state: not state.pen.held_by(ana.state.local.operator))
        assert state.pen.holder is not None and state.pen.holder.login == "ben"


async def test_the_screen_shows_the_login_of_one_who_names_another_as_its_user(
    server: Postgres, tmp_path: Path
) -> None:
    claimed = Actor(uid=4242, user="ana", host="h", pid=os.getpid())
    async with war_room(tmp_path, ASKING) as room:
        ana = await room.console(journal=PostgresJournal(Url(server.url("journal", "ana"))))
        ben = await room.console(journal=PostgresJournal(Url(server.url("journal", "ben"))), who=claimed)
        assert (await ben.act(Verb.HALT, reason="it was ana")).result is Result.ACCEPTED
        state = await ana.until(lambda state: state.halted and len(state.local.crew or ()) == 2)
        log, presence = (
            ["".join(piece.text for piece in line) for line in lines]
            for lines in (log_lines(state, 200, 20), participants_lines(state, 200))
        )
        assert advice_for(state)[1].startswith("HALTED by ben (as ana) ")
        assert any("ben (as" in line for line in log) and not any(" ana " in line for line in log if "halt" in line)
        for page in (presence, people_lines(state)):
            assert any("ben (as ana)@h pid" in line for line in page)
