"""A journal file that is removed or replaced under an open console: what would be written where nobody looks is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from console.engine.answer import Result
from console.events.evidence import Verb
from console.journal.contract import JournalUnavailable
from console.journal.sqlite import SqliteJournal
from console.state.values import Mode
from tests.engine_rig import ONE, war_room
from tests.journal_rig import RUN, note, opening


def removed(path: Path) -> None:
    path.unlink()


def replaced(path: Path) -> None:
    path.rename(path.with_name("old.db"))
    SqliteJournal(path).close()


@pytest.mark.parametrize("gone", [removed, replaced])
def test_nothing_is_appended_to_a_file_that_is_not_at_its_path(tmp_path: Path, gone: Callable[[Path], None]) -> None:
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path)
    journal.append(RUN, opening())
    gone(path)
    with pytest.raises(JournalUnavailable, match=r"journal\.db was removed or replaced while open"):
        journal.append(RUN, note("into the void"))
    with pytest.raises(JournalUnavailable, match="removed or replaced"):
        journal.append_samples(RUN, [])
    journal.close()


def test_a_file_that_was_put_back_is_written_again(tmp_path: Path) -> None:
    path, away = tmp_path / "journal.db", tmp_path / "away.db"
    journal = SqliteJournal(path)
    journal.append(RUN, opening())
    path.rename(away)
    with pytest.raises(JournalUnavailable):
        journal.append(RUN, note("meanwhile"))
    away.rename(path)
    assert journal.append(RUN, note("back")) == 2
    journal.close()


async def test_a_console_whose_journal_was_removed_is_unjournaled_and_refuses_a_promote(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        room.journal.unlink()
        state = await console.until(lambda state: state.local.journal.broken)
        answer = await console.act(Verb.PROMOTE)
        assert "was removed or replaced while open" in (state.local.journal.broken or "")
        assert answer.result is Result.REFUSED
        assert "UNJOURNALED" in answer.line
        assert room.world.writes == []


async def test_a_rollback_goes_ahead_without_the_file_and_is_written_once_it_is_back(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        await console.promoted(1)
        away = room.journal.rename(tmp_path / "away.db")
        answer = await console.act(Verb.ROLLBACK)
        state = await console.until(lambda state: state.mode is Mode.ROLLED_BACK)
        assert answer.result is Result.ACCEPTED
        assert state.local.journal.held > 0
        away.rename(room.journal)
        await console.until(lambda state: state.local.journal.held == 0)
        assert room.story()[-3:] == ["rollback", "  api -> 0 %", "  api accepted"]
