"""Where the journal is, and how it is opened for each kind of command."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from console.journal.place import FilePlace, Place

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
    chosen = given or os.environ.get("WARROOM_JOURNAL")
    if chosen:
        if "://" in chosen:
            raise ValueError(
                f"journal {chosen.split('://', 1)[0]}://: only a SQLite file can be a journal; give a path"
            )
        return FilePlace(Path(chosen).expanduser().absolute())
    from platformdirs import user_state_path

    return FilePlace(user_state_path("warroom") / "journal.db")


def open_anyhow(place: Place) -> Journal:
    """The journal at `place`, to be read if it cannot be written, or a stand-in if it cannot be read either."""
    from console.journal.absent import open_or_absent

    return open_or_absent(place.open, place.open_to_read)


def open_to_read(place: Place) -> Journal:
    """The journal at `place` for a command that only looks: one that may not be written is read all the same.

    Raises:
        Broken: it cannot be read either.
    """
    from console.journal.contract import Broken

    try:
        return place.open()
    except Broken:
        return place.open_to_read()


def stand_in(error: Broken) -> Journal:
    """A journal with nothing in it that cannot be written: for one that opened, and then could not be read."""
    from console.journal.absent import AbsentJournal

    def connect() -> Journal:
        raise error.with_traceback(None)

    return AbsentJournal(connect, str(error))
