"""`warroom journal init`: share a journal by a Unix group or PostgreSQL."""

from __future__ import annotations

import argparse
import sys

from console.cli.exits import Exit, with_exit_codes
from console.cli.paths import chosen_journal
from console.journal.contract import JournalUnavailable
from console.journal.file import share
from console.journal.location import FileLocation, ServerLocation


@with_exit_codes
def journal_init_command(options: argparse.Namespace) -> int:
    """Run `warroom journal init [--group GROUP | --role ROLE] PATH|URL`."""
    location = chosen_journal(options.place)
    if isinstance(location, ServerLocation):
        if options.group is not None:
            raise ValueError("--group is for a file; a PostgreSQL journal is shared by roles: give --role ROLE")
        return _server(location, options.role)
    if not isinstance(location, FileLocation) or options.role is not None:
        raise ValueError("--role is for PostgreSQL; a file is shared by a group: give --group GROUP")
    if options.group is None:
        raise ValueError("--group GROUP is missing; a journal of your own needs no init, the first command makes it")
    try:
        shared = FileLocation(share(location.path, options.group))
    except OSError as error:
        raise JournalUnavailable(f"journal {location}: {error}") from None
    shared.open().close()
    print(f"{shared}: shared by group {options.group}; each member sets WARROOM_JOURNAL={shared}")
    return Exit.OK


def _server(location: ServerLocation, role: str | None) -> int:
    made = location.make(role)
    print(f"{location}: {f'{made} migrations applied' if made else 'up to date'}")
    if role is not None:
        print(f"{location}: {role} may read and add, and nothing else")
    if not location.is_durable():
        print(f"warroom: {location}: fsync is off: a power cut may lose decisions", file=sys.stderr)
    return Exit.OK
