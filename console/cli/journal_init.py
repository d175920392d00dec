"""`journal init`: a journal that a Unix group shares, or the schema of one in PostgreSQL."""

from __future__ import annotations

import argparse
import sys

from console.cli.exits import Exit
from console.cli.paths import journal_place
from console.journal.contract import JournalUnavailable
from console.journal.file import share
from console.journal.location import FileLocation, ServerLocation


def journal_init_command(options: argparse.Namespace) -> int:
    """`warroom journal init [--group GROUP | --role ROLE] PATH|URL`. Raises JournalUnavailable, ValueError."""
    place = journal_place(options.place)
    if isinstance(place, ServerLocation):
        if options.group is not None:
            raise ValueError("--group is for a file; a PostgreSQL journal is shared by roles: --role ROLE")
        return _server(place, options.role)
    if not isinstance(place, FileLocation) or options.role is not None:
        raise ValueError("--role is for PostgreSQL; a file is shared by a group: --group GROUP")
    if options.group is None:
        raise ValueError("give --group GROUP: a journal of your own needs no init, the first command makes it")
    try:
        shared = FileLocation(share(place.path, options.group))
    except OSError as error:
        raise JournalUnavailable(f"journal {place}: {error}") from None
    shared.open().close()
    print(f"{shared}: shared by group {options.group}; everybody in it sets WARROOM_JOURNAL={shared}")
    return Exit.OK


def _server(place: ServerLocation, role: str | None) -> int:
    made = place.make(role)
    print(f"{place}: {f'{made} migrations applied' if made else 'up to date'}")
    if role is not None:
        print(f"{place}: {role} may read and add, and nothing else")
    if not place.is_durable():
        print(f"warroom: {place}: fsync is off: a power cut may lose decisions", file=sys.stderr)
    return Exit.OK
