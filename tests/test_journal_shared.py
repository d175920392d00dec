"""A journal that a Unix group shares: how it is made, who is refused, approvals whose owner is the kernel's word."""

from __future__ import annotations

import grp
import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from console.cli import main
from console.cli.exits import Exit
from console.journal.approvals import folder_of, read_approvals
from console.journal.contract import JournalUnavailable, NotPermitted
from console.journal.file import share
from console.journal.sqlite import SqliteJournal
from tests.journal_rig import ANA, CARD, RUN, approval, note, opening

GROUP = grp.getgrgid(os.getgid()).gr_name
OTHER_GROUP = 65534
BOB, EVE = 64001, 64002
"""Users that nobody has; acted as by root alone."""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="acting as another user needs root")


@pytest.fixture
def path(open_folder: Path) -> Path:
    """A shared journal, in a place that every user reaches."""
    made = share(open_folder / "shared" / "journal.db", GROUP)
    SqliteJournal(made).close()
    return made


@contextmanager
def acting_as(uid: int) -> Iterator[None]:
    """This process with the files' rights of another member of the group."""
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)


def mode(path: Path) -> str:
    return f"{stat.S_IMODE(path.stat().st_mode):o}"


def test_a_shared_journal_has_the_modes_that_let_a_group_and_nobody_else(path: Path) -> None:
    before = os.umask(0o077)
    try:
        journal = SqliteJournal(path)
        journal.append(RUN, opening())
        modes = {file.name: mode(file) for file in path.parent.iterdir()}
        journal.close()
    finally:
        os.umask(before)
    assert mode(path.parent) == "2770"
    assert modes == {"approvals": "3770", "journal.db": "660", "journal.db-wal": "660", "journal.db-shm": "660"}


def test_opening_a_journal_leaves_the_umask_as_it_was(path: Path) -> None:
    before = os.umask(0o027)
    try:
        SqliteJournal(path).close()
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)


@as_root
def test_two_members_of_the_group_write_one_journal(path: Path) -> None:
    mine = SqliteJournal(path)
    mine.append(RUN, opening())
    with acting_as(BOB):
        his = SqliteJournal(path)
        assert his.append(RUN, note("by bob")) == 2
        his.close()
    assert mine.append(RUN, note("by me")) == 3
    mine.close()
    with acting_as(BOB):
        his = SqliteJournal(path)
        assert [mode(file) for file in path.parent.glob("journal.db*")] == ["660"] * 3
        his.close()


@pytest.mark.parametrize(
    ("spoil", "advice"),
    [
        (lambda path: path.chmod(0o664), "any user may use journal.db .*: chmod 660 "),
        (lambda path: path.chmod(0o666), "chmod 660 "),
        (lambda path: path.parent.chmod(0o2775), "has mode 2770, not 2775: chmod 2770 "),
        (lambda path: path.parent.chmod(0o770), "has mode 2770, not 770: chmod 2770 "),
        (lambda path: folder_of(path).chmod(0o2770), "approvals need mode 3770, not 2770: chmod 3770 "),
        (lambda path: folder_of(path).chmod(0o3777), "approvals need mode 3770, not 3777: chmod 3770 "),
    ],
)
def test_a_shared_journal_that_others_could_use_is_refused(
    path: Path, spoil: Callable[[Path], None], advice: str
) -> None:
    spoil(path)
    with pytest.raises(JournalUnavailable, match=advice) as caught:
        SqliteJournal(path)
    assert "\n" not in str(caught.value)


@as_root
def test_a_file_of_another_group_is_refused(path: Path) -> None:
    os.chown(path, -1, OTHER_GROUP)
    with pytest.raises(JournalUnavailable, match=f"belongs to group nogroup, its directory to {GROUP}: chgrp {GROUP} "):
        SqliteJournal(path)


@pytest.mark.parametrize(("bits", "who"), [(0o644, "any user"), (0o640, f"group {GROUP}"), (0o660, f"group {GROUP}")])
def test_a_journal_of_one_person_that_others_could_use_is_refused(tmp_path: Path, bits: int, who: str) -> None:
    path = tmp_path / "journal.db"
    SqliteJournal(path).close()
    path.chmod(bits)
    with pytest.raises(JournalUnavailable, match=rf"it is personal, but {who} may use journal\.db .*: chmod 600 "):
        SqliteJournal(path)
    reading = SqliteJournal(path, read_only=True)
    assert reading.runs() == []
    reading.close()


def test_a_journal_that_anybody_could_replace_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(JournalUnavailable, match=r"any user may replace it \(mode 777\): chmod o-w "):
        SqliteJournal(tmp_path / "open" / "journal.db")
    (tmp_path / "open").chmod(0o1777)
    SqliteJournal(tmp_path / "open" / "journal.db").close()


def test_init_shares_a_journal_that_is_there_with_all_that_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "mine" / "journal.db"
    journal = SqliteJournal(path)
    journal.append(RUN, opening())
    journal.close()
    assert main(["journal", "init", "--group", GROUP, str(path)]) == Exit.OK
    again = SqliteJournal(path)
    assert len(again.tail(RUN, 0)) == 1
    again.close()
    assert (mode(path), mode(path.parent), mode(folder_of(path))) == ("660", "2770", "3770")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--group", "no-such-group"], Exit.JOURNAL, "there is no group 'no-such-group' on this machine"),
        ([], Exit.USAGE, "--group GROUP is missing"),
        (["--role", "ops"], Exit.USAGE, "--role is for PostgreSQL"),
    ],
)
def test_init_says_what_is_wrong_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: Exit, said: str
) -> None:
    assert main(["journal", "init", *words, str(tmp_path / "x" / "journal.db")]) == code
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1
    assert not (tmp_path / "x").exists()


def test_init_refuses_a_directory_that_is_used_for_other_things(tmp_path: Path) -> None:
    (tmp_path / "diary.txt").touch()
    with pytest.raises(JournalUnavailable, match=r"holds other files \(diary.txt\)"):
        share(tmp_path / "journal.db", GROUP)


# -- approvals -------------------------------------------------------------------------------------------------------


def test_a_journal_of_one_person_takes_no_approvals(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.db")
    with pytest.raises(NotPermitted, match="warroom journal init --group GROUP"):
        journal.approve(RUN, approval())
    assert journal.approvals(RUN) == []
    journal.close()


@as_root
def test_root_gives_no_approval(path: Path) -> None:
    journal = SqliteJournal(path)
    with pytest.raises(NotPermitted, match="root is not a person"):
        journal.approve(RUN, approval())
    journal.close()


@as_root
def test_an_approval_is_by_who_owns_its_file(path: Path) -> None:
    with acting_as(BOB):
        his = SqliteJournal(path)
        his.approve(RUN, approval(move=3, text="read it"))
        his.approve(RUN, approval(move=4))
        his.close()
    mine = SqliteJournal(path)
    found = mine.approvals(RUN)
    assert [(one.approval.move, one.approval.card, one.approval.text, one.identity) for one in found] == [
        (3, CARD, "read it", f"uid:{BOB}"),
        (4, CARD, "looks right", f"uid:{BOB}"),
    ]
    assert mine.approvals("other/1") == []
    assert mine.identity(ANA) == "uid:1001"
    mine.close()


@as_root
def test_an_approval_given_twice_is_one(path: Path) -> None:
    with acting_as(BOB):
        his = SqliteJournal(path)
        assert his.approve(RUN, approval(text="first")) == his.approve(RUN, approval(text="second"))
        assert len(his.approvals(RUN)) == 1
        his.close()


@as_root
def test_a_member_of_the_group_cannot_remove_or_rename_anothers_approval(path: Path) -> None:
    with acting_as(BOB):
        his = SqliteJournal(path)
        his.approve(RUN, approval())
        his.close()
    (file,) = folder_of(path).iterdir()
    with acting_as(EVE):
        with pytest.raises(PermissionError):
            file.unlink()
        with pytest.raises(PermissionError):
            file.rename(file.with_name("other.json"))
        with pytest.raises(PermissionError):
            file.write_text("{}", encoding="utf-8")


def _renamed(file: Path) -> None:
    """The directory's owner may rename; what is approved stands inside."""
    file.rename(file.with_name("search_1.1.0000000000000000.64001.json"))


def _linked(file: Path) -> None:
    os.link(file, file.with_name(f"{file.name}.json"))


def _soft_linked(file: Path) -> None:
    there = file.parent.parent / "elsewhere.json"
    file.rename(there)
    file.symlink_to(there)


def _of_root(file: Path) -> None:
    os.chown(file, 0, 0)


def _writable(file: Path) -> None:
    file.chmod(0o660)


def _too_large(file: Path) -> None:
    file.write_text(file.read_text(encoding="utf-8") + " " * 5000, encoding="utf-8")


def _no_json(file: Path) -> None:
    file.write_text("approved!", encoding="utf-8")


def _of_another_rollout(file: Path) -> None:
    said = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**said, "rollout": "search/1"}), encoding="utf-8")


def _with_more(file: Path) -> None:
    said = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**said, "uid": 0}), encoding="utf-8")


def _a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)
    os.chown(file, BOB, -1)


@as_root
@pytest.mark.parametrize(
    "spoil",
    [
        _renamed,
        _linked,
        _soft_linked,
        _of_root,
        _writable,
        _too_large,
        _no_json,
        _of_another_rollout,
        _with_more,
        _a_pipe,
    ],
)
def test_what_is_not_an_approval_by_its_owner_is_none(path: Path, spoil: Callable[[Path], None]) -> None:
    with acting_as(BOB):
        his = SqliteJournal(path)
        his.approve(RUN, approval())
        his.close()
    assert len(read_approvals(folder_of(path), RUN)) == 1
    spoil(next(folder_of(path).iterdir()))
    assert read_approvals(folder_of(path), RUN) == []
    assert read_approvals(folder_of(path), "search/1") == []


@as_root
def test_what_an_approval_says_cannot_act_on_a_terminal(path: Path) -> None:
    with acting_as(BOB):
        his = SqliteJournal(path)
        his.approve(RUN, approval(text="ok"))
        his.close()
    (file,) = folder_of(path).iterdir()
    said = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**said, "text": "ok\x1b]52;c;x\x07\u202e\nmore"}), encoding="utf-8")
    assert [one.approval.text for one in read_approvals(folder_of(path), RUN)] == ["ok]52;c;x more"]


@as_root
@pytest.mark.parametrize(
    ("limit", "names", "said"),
    [
        ("MOST_FILES", "x{}", "holds more than 3 files; remove what is old"),
        ("MOST_OF_ONE", "checkout_1.{}.json", f"holds more than 3 of {RUN}; remove what is not yours"),
    ],
)
def test_a_flood_of_files_is_an_error_and_not_a_console_that_hangs(
    path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, names: str, said: str
) -> None:
    monkeypatch.setattr(f"console.journal.approvals.{limit}", 3)
    journal = SqliteJournal(path)
    for number in range(4):
        (folder_of(path) / names.format(number)).touch()
    with pytest.raises(JournalUnavailable, match=said):
        journal.approvals(RUN)
    journal.close()


def test_a_watch_sees_an_approval(path: Path) -> None:
    journal = SqliteJournal(path)
    watch = journal.watch()
    with acting_as(BOB):
        his = SqliteJournal(path)
        while watch.wait(0.3):
            pass
        his.approve(RUN, approval())
        assert watch.wait(30.0) is True
        his.close()
    watch.close()
    watch.wait(0.0)
    journal.close()
