"""Whole consoles over a PostgreSQL journal: a promote, two operators, a server that goes away at the worst moments."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from console.engine.answer import Result
from console.events.evidence import Verb
from console.events.kinds import Event
from console.journal.chain import walk_journal
from console.journal.postgres.journal import PostgresJournal
from console.journal.postgres.url import Url
from console.state.values import Mode
from tests.engine_rig import ONE, war_room
from tests.live.backends_postgres import Postgres

pytestmark = pytest.mark.live


def events(url: Url) -> list[Event]:
    journal = PostgresJournal(url)
    found = [entry.event for entry in journal.tail("one/1", 0)]
    assert walk_journal(lambda after: journal.rows(None, after)).flaw is None
    journal.close()
    return found


def calls(url: Url) -> Counter[str]:
    kinds = ("decision_taken", "request_made", "request_settled")
    return Counter(event.kind for event in events(url) if event.kind in kinds)


async def test_what_one_console_promotes_the_other_sees_and_neither_skips_a_stage(url: Url, tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        ana = await room.console(journal=PostgresJournal(url))
        ben = await room.console(journal=PostgresJournal(url))
        late = ben.intent(Verb.PROMOTE)
        await ana.promoted(1)
        await ben.until(lambda state: state.reached == 1)
        answer = await ben.engine.act(late)
        assert answer.result is Result.MOVED
        assert room.world.writes == ["api 5 %"]
        assert calls(url) == Counter(decision_taken=1, request_made=1, request_settled=1)


async def test_a_server_restarted_while_a_call_is_under_way_loses_and_doubles_nothing(
    server: Postgres, url: Url, tmp_path: Path
) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console(journal=PostgresJournal(url))

        async def restart(_target: str) -> None:
            server.restart()

        room.world.before_write = restart
        answer = await console.act(Verb.PROMOTE)
        assert answer.result is Result.ACCEPTED
        await console.until(lambda state: state.reached == 1 and state.local.journal.held == 0)
    assert room.world.writes == ["api 5 %"]
    assert calls(url) == Counter(decision_taken=1, request_made=1, request_settled=1)


async def test_a_server_restarted_between_decision_and_call_loses_and_doubles_nothing(
    server: Postgres, url: Url, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Restarting(PostgresJournal):
        """A real journal whose server is restarted after each decision, before the request is written."""

        def append(self, rollout: str, event: Event, *, fence: int | None = None, seen: int = 0) -> int:
            seq = super().append(rollout, event, fence=fence, seen=seen)
            if event.kind == "decision_taken":
                server.restart()
            return seq

    async with war_room(tmp_path, ONE) as room:
        console = await room.console(journal=Restarting(url))
        await console.promoted(1)
    assert room.world.writes == ["api 5 %"]
    assert calls(url) == Counter(decision_taken=1, request_made=1, request_settled=1)


async def test_with_the_server_gone_a_promote_is_refused_a_rollback_goes_ahead_and_is_written_once_it_is_back(
    server: Postgres, url: Url, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.journal.postgres.journal.PATIENCE_S", 0.2)
    async with war_room(tmp_path, ONE) as room:
        console = await room.console(journal=PostgresJournal(url))
        await console.promoted(1)
        server.stop()
        try:
            await console.until(lambda state: state.local.journal.broken)
            refused = await console.act(Verb.PROMOTE)
            assert refused.result is Result.REFUSED
            assert "UNJOURNALED" in refused.line
            answer = await console.act(Verb.ROLLBACK)
            assert answer.result is Result.ACCEPTED
            await console.until(lambda state: state.mode is Mode.ROLLED_BACK)
            assert console.state.local.journal.held > 0
        finally:
            server.start()
        await console.until(lambda state: state.local.journal.held == 0 and state.local.journal.broken is None)
    assert room.world.writes == ["api 5 %", "api 0 %"]
    assert calls(url) == Counter(decision_taken=2, request_made=2, request_settled=2)
