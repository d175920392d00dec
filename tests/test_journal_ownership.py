"""Who could plant or replace a journal's file: owners, types and links of it and of the folders up its path."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from console.cli import main
from console.cli.exits import Exit
from console.journal.contract import JournalUnavailable
from console.journal.file import share
from console.journal.spool import Spool
from console.journal.sqlite import SqliteJournal
from tests.journal_rig import RUN, note, opening
from tests.test_journal_shared import BOB, EVE, GROUP, acting_as, as_root


@pytest.fixture
def sticky(open_folder: Path) -> Path:
    """A folder as /tmp: every user may write, the owner of a file alone may remove it."""
    folder = open_folder / "tmp"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


@contextmanager
def refused(path: Path, words: str, *, may_read: bool = False) -> Iterator[None]:
    """Opening is refused in one line, and creates nothing."""
    before = sorted(entry.name for entry in path.parent.iterdir())
    with pytest.raises(JournalUnavailable, match=words) as caught:
        SqliteJournal(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    if not may_read:
        with pytest.raises(JournalUnavailable, match=words):
            SqliteJournal(path, read_only=True)
    yield
    assert sorted(entry.name for entry in path.parent.iterdir()) == before


def made_by(uid: int, path: Path) -> Path:
    """A journal that a user made with warroom."""
    with acting_as(uid):
        journal = SqliteJournal(path)
        journal.append(RUN, opening())
        journal.close()
    return path


@as_root
@pytest.mark.parametrize("victim", [0, BOB])
def test_a_journal_that_another_user_planted_in_a_sticky_folder_is_refused(sticky: Path, victim: int) -> None:
    path = made_by(EVE, sticky / "journal.db")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o600)
    with acting_as(victim), refused(path, f"belongs to uid {EVE}, not to you: remove it, or give another path"):
        pass


@as_root
@pytest.mark.parametrize("side", ["-wal", "-shm", "-journal"])
def test_a_file_that_another_user_planted_beside_a_journal_is_refused(sticky: Path, side: str) -> None:
    path = made_by(BOB, sticky / "journal.db")
    planted = path.with_name(path.name + side)
    planted.touch(0o600)
    os.chown(planted, EVE, -1)
    with acting_as(BOB), refused(path, f"journal.db{side} belongs to uid {EVE}"):
        pass


@as_root
def test_a_folder_of_another_user_up_the_path_is_refused(sticky: Path) -> None:
    hers = sticky / "warroom"
    (hers / "mine").mkdir(parents=True)
    os.chown(hers, EVE, -1)
    os.chown(hers / "mine", BOB, -1)
    for uid in (BOB, 0):
        with acting_as(uid), refused(hers / "mine" / "journal.db", f"warroom belongs to uid {EVE}", may_read=True):
            pass


def test_a_folder_up_the_path_that_any_user_may_write_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open" / "mine").mkdir(parents=True)
    (tmp_path / "open").chmod(0o777)
    path = tmp_path / "open" / "mine" / "journal.db"
    with refused(path, r"any user may replace it \(mode 777\): chmod o-w .*open$", may_read=True):
        pass


def test_a_link_to_nothing_is_refused_and_nothing_is_created(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.symlink_to(tmp_path / "elsewhere.db")
    with refused(path, "journal.db is a link to .*elsewhere.db: give that path, or remove the link"):
        pass
    assert not (tmp_path / "elsewhere.db").exists()


def test_a_folder_that_is_a_link_to_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(JournalUnavailable, match="folder is a link that leads nowhere: remove it"):
        SqliteJournal(tmp_path / "folder" / "journal.db")
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_of_ones_own_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("there")
    SqliteJournal(tmp_path / "link" / "journal.db").close()
    assert (tmp_path / "there" / "journal.db").exists()


@as_root
def test_a_folder_that_is_another_users_link_is_refused(sticky: Path) -> None:
    (sticky / "there").mkdir(mode=0o700)
    os.chown(sticky / "there", BOB, -1)
    (sticky / "link").symlink_to(sticky / "there")
    os.chown(sticky / "link", EVE, -1, follow_symlinks=False)
    with acting_as(BOB), pytest.raises(JournalUnavailable, match=f"link belongs to uid {EVE}"):
        SqliteJournal(sticky / "link" / "journal.db")


def _second_name(path: Path) -> None:
    os.link(path, path.with_name("other.db"))


def _side_link(path: Path) -> None:
    path.with_name("journal.db-wal").symlink_to(path)


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_second_name, r"journal.db has a second name \(hard link\)"),
        (_side_link, "journal.db-wal is a link to "),
        (_pipe, "journal.db is not a regular file"),
        (_directory, "journal.db is not a regular file"),
    ],
)
def test_what_is_not_one_regular_file_is_refused(tmp_path: Path, spoil: Callable[[Path], None], words: str) -> None:
    path = tmp_path / "journal.db"
    SqliteJournal(path).close()
    spoil(path)
    with refused(path, words):
        pass


@as_root
def test_root_opens_the_journal_in_a_users_own_folder(open_folder: Path) -> None:
    home = open_folder / "bob"
    home.mkdir(mode=0o700)
    os.chown(home, BOB, -1)
    path = made_by(BOB, home / "journal.db")
    journal = SqliteJournal(path)
    assert journal.append(RUN, note("by root")) == 2
    journal.close()


@as_root
def test_root_by_sudo_opens_that_users_journal_in_a_sticky_folder(
    sticky: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = made_by(BOB, sticky / "journal.db")
    monkeypatch.setenv("SUDO_UID", str(BOB))
    journal = SqliteJournal(path)
    assert len(journal.tail(RUN, 0)) == 1
    journal.close()


@as_root
def test_a_member_of_the_group_opens_a_journal_below_a_colleagues_folder(open_folder: Path) -> None:
    home = open_folder / "eve"
    home.mkdir(mode=0o755)
    path = share(home / "journal" / "journal.db", GROUP)
    for folder in (home, path.parent):
        os.chown(folder, EVE, -1)
    path.parent.chmod(0o2770)
    assert made_by(BOB, path).exists()


def test_a_group_is_given_no_file_behind_a_link(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.touch(0o600)
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "journal.db").symlink_to(victim)
    assert main(["journal", "init", "--group", GROUP, str(tmp_path / "shared" / "journal.db")]) == Exit.JOURNAL
    assert stat.S_IMODE(victim.stat().st_mode) == 0o600


@as_root
def test_events_wait_in_no_folder_of_another_user(sticky: Path) -> None:
    hers = sticky / "state"
    hers.mkdir(mode=0o777)
    os.chown(hers, EVE, -1)
    with acting_as(BOB), pytest.raises(PermissionError, match=f"state belongs to uid {EVE}"):
        Spool([hers / "journal"]).keep(RUN, note(str(datetime.now(UTC))))
    assert list(hers.iterdir()) == []


def test_a_refused_journal_is_one_line_and_a_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "journal.db"
    SqliteJournal(path).close()
    _second_name(path)
    assert main(["log", "verify", "--journal", str(path)]) == Exit.JOURNAL
    assert capsys.readouterr().err.count("\n") == 1
    assert sqlite3.connect(path).execute("SELECT count(*) FROM events").fetchall() == [(0,)]
