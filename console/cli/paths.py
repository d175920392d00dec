"""Where the journal is, and how it is opened for each kind of command."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from console.journal.location import FileLocation, JournalLocation, ServerLocation, journal_location

if TYPE_CHECKING:
    from console.journal.contract import Journal, JournalUnavailable


def journal_place(given: str | None) -> JournalLocation:
    """--journal, else $WARROOM_JOURNAL, else journal.db in the user's state directory.

    Raises:
        ValueError: an empty --journal (a shell variable that is not set must not mean another journal), or a URL
            that cannot be used. One plain line.
    """
    if given is not None and not given.strip():
        raise ValueError("--journal is empty: give a path, or leave it out")
    if given is not None:
        found = journal_location(given)
        if isinstance(found, ServerLocation) and found.url.secrets:
            raise ValueError(
                f"journal {found}: a password on the command line is in everybody's process list: put it into "
                "~/.pgpass, or the whole URL into $WARROOM_JOURNAL"
            )
        return found
    if chosen := os.environ.get("WARROOM_JOURNAL"):
        return journal_location(chosen)
    from platformdirs import user_state_path

    return FileLocation(user_state_path("warroom") / "journal.db")


def open_anyhow(where: JournalLocation) -> Journal:
    """The journal at `where`, to be read if it cannot be written, or a stand-in if it cannot be read either.

    A server is given `opening_s` to answer: a host that swallows what is sent to it must not hold up a rollback.
    """
    from console.journal.unavailable import open_or_unavailable

    if isinstance(where, ServerLocation):
        return open_or_unavailable(where.open, within_s=where.opening_s)
    return open_or_unavailable(where.open, where.open_to_read)


def open_to_read(where: JournalLocation) -> Journal:
    """The journal at `where` for a command that only looks: one that may not be written is read all the same.

    Raises:
        JournalUnavailable: it cannot be read either.
    """
    from console.journal.contract import JournalUnavailable

    try:
        return where.open()
    except JournalUnavailable:
        if not isinstance(where, FileLocation):  # a server that cannot be reached cannot be read either
            raise
        return where.open_to_read()


def stand_in(error: JournalUnavailable) -> Journal:
    """A journal with nothing in it that cannot be written: for one that opened, and then could not be read."""
    from console.journal.unavailable import UnavailableJournal

    def connect() -> Journal:
        raise error.with_traceback(None)

    return UnavailableJournal(connect, str(error))
