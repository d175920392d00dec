"""A journal's path in the hands of another user: planted files, links, folders that others can write."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from console.cli import main
from console.cli.exits import Exit
from console.journal.contract import JournalUnavailable
from console.journal.spool import Spool
from console.journal.sqlite import SqliteJournal
from tests.journal_rig import RUN, note, opening

EVE, BOB = 64002, 64001
"""Users that nobody has; acted as by root alone."""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="acting as another user needs root")


@contextmanager
def acting_as(uid: int) -> Iterator[None]:
    """This process with another user's rights to files."""
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def sticky(open_folder: Path) -> Path:
    """A folder in which every user makes files, like /tmp."""
    folder = open_folder / "sticky"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


def refused(path: Path, said: str) -> None:
    """Open a journal, and expect one line that refuses it, in every way of opening."""
    for read_only in (False, True):
        with pytest.raises(JournalUnavailable, match=said) as caught:
            SqliteJournal(path, read_only=read_only)
        assert "\n" not in str(caught.value)


def planted(path: Path, uid: int) -> None:
    """A valid journal of another user, with the modes of a personal one."""
    journal = SqliteJournal(path)
    journal.append(RUN, opening())
    journal.close()
    os.chown(path, uid, -1)


@as_root
@pytest.mark.parametrize("me", [0, BOB])
def test_a_journal_planted_in_a_sticky_folder_is_refused(sticky: Path, me: int) -> None:
    path = sticky / "journal.db"
    planted(path, EVE)
    with acting_as(me):
        refused(path, f"journal.db belongs to uid {EVE}, not to you: give another path, or share it")


@as_root
def test_a_planted_side_file_is_refused(sticky: Path) -> None:
    path = sticky / "journal.db"
    SqliteJournal(path).close()
    wal = path.with_name("journal.db-wal")
    wal.touch(mode=0o600)
    os.chown(wal, EVE, -1)
    refused(path, f"journal.db-wal belongs to uid {EVE}, not to you")


@as_root
def test_a_folder_planted_in_a_sticky_folder_is_refused(sticky: Path) -> None:
    folder = sticky / "warroom"
    folder.mkdir(mode=0o755)
    os.chown(folder, EVE, -1)
    for me in (0, BOB):
        with (
            acting_as(me),
            pytest.raises(JournalUnavailable, match=f"belongs to uid {EVE}, who could replace") as caught,
        ):
            SqliteJournal(folder / "journal.db")
        assert "use a folder of your own" in str(caught.value)
    assert list(folder.iterdir()) == []


@as_root
def test_a_link_that_another_user_made_on_the_way_is_refused(sticky: Path, open_folder: Path) -> None:
    (open_folder / "mine").mkdir(mode=0o700)
    link = sticky / "warroom"
    link.symlink_to(open_folder / "mine")
    os.chown(link, EVE, -1, follow_symlinks=False)
    with pytest.raises(JournalUnavailable, match=f"{link} belongs to uid {EVE}, who could replace the journal"):
        SqliteJournal(link / "journal.db")
    assert list((open_folder / "mine").iterdir()) == []


def test_ones_own_link_on_the_way_is_followed(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir(mode=0o700)
    (tmp_path / "here").symlink_to("there")
    SqliteJournal(tmp_path / "here" / "journal.db").close()
    assert (tmp_path / "there" / "journal.db").exists()


def test_a_folder_further_up_that_all_may_write_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open" / "mine").mkdir(parents=True)
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(JournalUnavailable, match=r"any user may replace it \(mode 777\): chmod o-w .*/open$"):
        SqliteJournal(tmp_path / "open" / "mine" / "journal.db")


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(JournalUnavailable, match=r"too many links on the way to it|symbolic links") as caught:
        SqliteJournal(tmp_path / "a" / "journal.db")
    assert "\n" not in str(caught.value)


def test_a_dangling_link_is_refused_and_nothing_is_created(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.symlink_to(tmp_path / "elsewhere.db")
    refused(path, r"journal\.db is a link to .*elsewhere\.db: give the path of the file itself")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["journal.db"]


def test_a_link_to_a_journal_is_refused(tmp_path: Path) -> None:
    SqliteJournal(tmp_path / "real.db").close()
    (tmp_path / "journal.db").symlink_to("real.db")
    refused(tmp_path / "journal.db", r"is a link to real\.db")


def test_a_side_file_that_is_a_link_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    SqliteJournal(path).close()
    path.with_name("journal.db-wal").symlink_to(tmp_path / "victim")
    refused(path, r"journal\.db-wal is a link to")
    assert not (tmp_path / "victim").exists()


def test_a_journal_with_a_second_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    SqliteJournal(path).close()
    os.link(path, tmp_path / "other.db")
    refused(path, r"journal\.db has 2 names \(hard links\): remove the others, or copy it")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["a pipe", "a folder"])
def test_a_path_that_is_no_file_is_refused_at_once(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "journal.db")
    refused(tmp_path / "journal.db", r"journal\.db is not a file: give another path")


@as_root
def test_root_opens_the_journal_of_the_folders_owner(open_folder: Path) -> None:
    folder = open_folder / "bob"
    folder.mkdir(mode=0o700)
    os.chown(folder, BOB, -1)
    with acting_as(BOB):
        his = SqliteJournal(folder / "journal.db")
        his.append(RUN, opening())
        his.close()
    mine = SqliteJournal(folder / "journal.db")
    assert mine.append(RUN, note("by root")) == 2
    mine.close()


@as_root
def test_under_sudo_the_callers_own_journal_opens_in_a_sticky_folder(
    sticky: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted(sticky / "journal.db", BOB)
    monkeypatch.setenv("SUDO_UID", str(BOB))
    SqliteJournal(sticky / "journal.db").close()


@as_root
def test_a_journal_in_anothers_home_is_refused_to_a_user(open_folder: Path) -> None:
    folder = open_folder / "eve"
    folder.mkdir(mode=0o755)
    os.chown(folder, EVE, -1)
    with acting_as(BOB), pytest.raises(JournalUnavailable, match=f"eve belongs to uid {EVE}, who could replace"):
        SqliteJournal(folder / "journal.db")


def test_status_of_a_planted_path_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "journal.db").symlink_to(tmp_path / "elsewhere.db")
    code = main(["log", "--journal", str(tmp_path / "journal.db")])
    err = capsys.readouterr().err
    assert code in (Exit.JOURNAL, Exit.USAGE) and err.count("\n") == 1
    assert "is a link to" in err


def test_no_spool_is_made_where_all_may_remove_it(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    spool = Spool([tmp_path / "open" / "journal.db", tmp_path / "mine" / "journal.db"])
    spool.begin()
    assert spool.path is not None and spool.path.parent == tmp_path / "mine"
    assert stat.S_IMODE(spool.path.stat().st_mode) == 0o600
    spool.close()
