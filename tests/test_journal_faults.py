"""The SQLite journal on disks that are full, files that may only be read, and under consoles that are stopped."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from console.cli.paths import open_to_read
from console.journal.chain import walk_journal
from console.journal.contract import JournalUnavailable
from console.journal.location import FileLocation
from console.journal.sqlite import SqliteJournal
from tests import stopped_holder
from tests.journal_rig import RUN, note, opening

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="acting as another user, or mounting, needs root")


def fill(journal: SqliteJournal) -> int:
    """Append until it cannot be written any more; how many events were written. The refusal is one line."""
    for written in range(10_000):
        try:
            journal.append(RUN, note("x" * 20_000))
        except JournalUnavailable as error:
            assert "\n" not in str(error)
            return written
    raise AssertionError("the disk is never full")


def whole(journal: SqliteJournal, events: int) -> None:
    found = walk_journal(lambda after: journal.rows(None, after))
    assert (found.events, found.flaw) == (events, None)


@contextmanager
def file_size(limit: int) -> Iterator[None]:
    """No file of this process grows beyond `limit` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def test_a_file_that_may_not_grow_loses_nothing_that_was_written_and_goes_on_once_it_may(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.db")
    with file_size(1_000_000):
        written = fill(journal)
    assert written > 0
    whole(journal, written)
    assert journal.append(RUN, note("room again")) == written + 1
    whole(journal, written + 1)
    journal.close()


@as_root
def test_a_full_disk_loses_nothing_that_was_written_and_goes_on_once_there_is_room(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip(f"no tmpfs here: {mounted.stderr.decode(errors='replace').strip()}")
    try:
        (disk / "ballast").write_bytes(b"x" * 500_000)
        journal = SqliteJournal(disk / "journal.db")
        written = fill(journal)
        assert written > 0
        whole(journal, written)
        (disk / "ballast").unlink()
        assert journal.append(RUN, note("room again")) == written + 1
        whole(journal, written + 1)
        journal.close()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@as_root
def test_a_file_that_may_only_be_read_is_read_and_says_so_when_it_is_to_be_written(open_folder: Path) -> None:
    path = open_folder / "journal.db"
    journal = SqliteJournal(path)
    journal.append(RUN, opening())
    journal.close()
    path.chmod(0o644)
    os.seteuid(NOBODY)
    try:
        with pytest.raises(JournalUnavailable) as caught:
            SqliteJournal(path)
        assert "\n" not in str(caught.value)
        reading = open_to_read(FileLocation(path))
        assert len(reading.history(RUN)) == 1
        with pytest.raises(JournalUnavailable, match="readonly"):
            reading.append(RUN, note("no"))
        reading.close()
    finally:
        os.seteuid(0)


def test_a_console_that_was_stopped_and_taken_over_from_gets_nothing_through_when_it_wakes(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path)
    stopped_holder.check(str(path), journal)
    journal.close()
