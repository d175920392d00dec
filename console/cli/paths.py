"""Where the journal is, and how it is opened for each kind of command."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from console.journal.location import FilePlace, Place, ServerPlace, place

if TYPE_CHECKING:
    from console.journal.contract import Broken, Journal


def journal_place(given: str | None) -> Place:
    """--journal, else $WARROOM_JOURNAL, else journal.db in the user's state directory.

    Raises:
        ValueError: an empty --journal (a shell variable that is not set must not mean another journal), or a URL
            that cannot be used. One plain line.
    """
    if given is not None and not given.strip():
        raise ValueError("--journal is empty: give a path, or leave it out")
    if given is not None:
        found = place(given)
        if isinstance(found, ServerPlace) and found.url.secrets:
            raise ValueError(
                f"journal {found}: a password on the command line is in everybody's process list: put it into "
                "~/.pgpass, or the whole URL into $WARROOM_JOURNAL"
            )
        return found
    if chosen := os.environ.get("WARROOM_JOURNAL"):
        return place(chosen)
    from platformdirs import user_state_path

    return FilePlace(user_state_path("warroom") / "journal.db")


def open_anyhow(where: Place) -> Journal:
    """The journal at `where`, to be read if it cannot be written, or a stand-in if it cannot be read either.

    A server is given `opening_s` to answer: a host that swallows what is sent to it must not hold up a rollback.
    """
    from console.journal.unavailable import open_or_absent

    if isinstance(where, ServerPlace):
        return open_or_absent(where.open, within_s=where.opening_s)
    return open_or_absent(where.open, where.open_to_read)


def open_to_read(where: Place) -> Journal:
    """The journal at `where` for a command that only looks: one that may not be written is read all the same.

    Raises:
        Broken: it cannot be read either.
    """
    from console.journal.contract import Broken

    try:
        return where.open()
    except Broken:
        if not isinstance(where, FilePlace):  # a server that cannot be reached cannot be read either
            raise
        return where.open_to_read()


def stand_in(error: Broken) -> Journal:
    """A journal with nothing in it that cannot be written: for one that opened, and then could not be read."""
    from console.journal.unavailable import AbsentJournal

    def connect() -> Journal:
        raise error.with_traceback(None)

    return AbsentJournal(connect, str(error))
