"""The journal that a command uses, and how each kind of command opens it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from console.journal.location import FileLocation, JournalLocation, ServerLocation, journal_location

if TYPE_CHECKING:
    from console.journal.contract import Journal, JournalUnavailable


def chosen_journal(given: str | None) -> JournalLocation:
    """--journal, else $WARROOM_JOURNAL, else journal.db in the user's state directory.

    Raises:
        ValueError: --journal is empty (an unset shell variable must not select another journal), or is a URL that
            cannot be used. One plain line.
    """
    if given is not None and not given.strip():
        raise ValueError("--journal is empty: give a path, or leave it out")
    if given is not None:
        found = journal_location(given)
        if isinstance(found, ServerLocation) and found.url.secrets:
            raise ValueError(
                f"journal {found}: every user can see a password on the command line: put it into "
                "~/.pgpass, or the whole URL into $WARROOM_JOURNAL"
            )
        return found
    if chosen := os.environ.get("WARROOM_JOURNAL"):
        return journal_location(chosen)
    from platformdirs import user_state_path

    return FileLocation(user_state_path("warroom") / "journal.db")


def open_or_stand_in(where: JournalLocation) -> Journal:
    """The journal at `where`: open, else open to read, else a stand-in that takes no writes.

    A server has `opening_s` to answer: a host that swallows packets must not delay a rollback.
    """
    from console.journal.unavailable import open_or_unavailable

    if isinstance(where, ServerLocation):
        return open_or_unavailable(where.open, within_s=where.opening_s)
    return open_or_unavailable(where.open, where.open_to_read)


def open_to_read(where: JournalLocation) -> Journal:
    """The journal at `where` for a command that only reads: also one that may not be written.

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


def unavailable_journal(error: JournalUnavailable) -> Journal:
    """An empty journal without writes, in place of one that cannot be read after opening."""
    from console.journal.unavailable import UnavailableJournal

    def connect() -> Journal:
        raise error.with_traceback(None)

    return UnavailableJournal(connect, str(error))
