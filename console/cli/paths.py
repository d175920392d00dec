"""Where the journal is, and how it is opened for each kind of command."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.journal.contract import Broken, Journal


def journal_path(given: str | None) -> Path:
    """--journal, else $WARROOM_JOURNAL, else journal.db in the user's state directory.

    Raises:
        ValueError: an empty --journal (a shell variable that is not set must not mean another journal), or a URL:
            only SQLite files are journals in this version. One plain line.
    """
    if given is not None and not given.strip():
        raise ValueError("--journal is empty: give a path, or leave it out")
    chosen = given or os.environ.get("WARROOM_JOURNAL")
    if chosen:
        if "://" in chosen:
            raise ValueError(
                f"journal {chosen.split('://', 1)[0]}://: only a SQLite file can be a journal; give a path"
            )
        return Path(chosen).expanduser().absolute()
    from platformdirs import user_state_path

    return user_state_path("warroom") / "journal.db"


def open_anyhow(path: Path) -> Journal:
    """The journal at `path`, to be read if it cannot be written, or a stand-in if it cannot be read either."""
    from console.journal.absent import open_or_absent
    from console.journal.sqlite import SqliteJournal

    return open_or_absent(connector(path), lambda: SqliteJournal(path, read_only=True))


def open_to_read(path: Path) -> Journal:
    """The journal at `path` for a command that only looks: one that may not be written is read all the same.

    Raises:
        Broken: it cannot be read either.
    """
    from console.journal.contract import Broken
    from console.journal.sqlite import SqliteJournal

    try:
        return SqliteJournal(path)
    except Broken:
        return SqliteJournal(path, read_only=True)


def stand_in(error: Broken) -> Journal:
    """A journal with nothing in it that cannot be written: for one that opened, and then could not be read."""
    from console.journal.absent import AbsentJournal

    def connect() -> Journal:
        raise error.with_traceback(None)

    return AbsentJournal(connect, str(error))


def connector(path: Path) -> Callable[[], Journal]:
    """A function that opens the journal at `path`; it raises Broken."""

    def connect() -> Journal:
        from console.journal.sqlite import SqliteJournal

        return SqliteJournal(path)

    return connect
