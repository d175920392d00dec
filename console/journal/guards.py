"""Check the triggers, tables and indexes that keep a SQLite journal append-only.

Expected are the objects that the migrations create in an empty database. A user who can write the file can also drop
the triggers and create them again: a full set proves nothing, but a missing one is worth reporting.
"""

from __future__ import annotations

import contextlib
import sqlite3

from sqlite_utils import Database

from console.journal.migrations import schema

_Objects = dict[tuple[str, str], str]


def alterations(connection: sqlite3.Connection) -> list[str]:
    """Missing, changed and foreign objects, a few words each."""
    fresh = Database(memory=True, execute_plugins=False)
    with contextlib.closing(fresh.conn):  # reading a damaged journal raises
        schema.apply(fresh)
        due, found = _objects(fresh.conn), _objects(connection)
    missing = [f"{kind} {name} is missing" for kind, name in due if (kind, name) not in found]
    changed = [
        f"{kind} {name} was changed" for kind, name in due if found.get((kind, name)) not in (None, due[kind, name])
    ]
    foreign = [
        f"trigger {name} is not warroom's" for kind, name in found if kind == "trigger" and (kind, name) not in due
    ]
    return [*missing, *changed, *foreign]


def _objects(connection: sqlite3.Connection) -> _Objects:
    rows = connection.execute(
        "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE '\\_%' ESCAPE '\\' "
        "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid"
    )
    return {(kind, name): sql for kind, name, sql in rows}
