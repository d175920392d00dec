"""Who is in the room, in SQLite: one row per console, dropped when it leaves or is not seen any more."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from pydantic import TypeAdapter

from console.events.evidence import Actor
from console.journal.contract import Presence, Role
from console.journal.moment import Moment
from console.journal.sanitize import sanitize_body, sanitize_value

FORGOTTEN_S = 3600.0
"""A console that was not seen for this long is dropped from the table."""

ACTOR: TypeAdapter[Actor] = TypeAdapter(Actor)
"""An actor as JSON."""


def heartbeat(connection: sqlite3.Connection, now: Moment, rollout: str, presence: Presence) -> None:
    """Note `presence` as of now, and forget who has not been seen for long. The caller holds the write lock."""
    connection.execute("DELETE FROM presence WHERE boot <> ? OR seen < ?", [now.boot, now.at - FORGOTTEN_S])
    connection.execute(
        "INSERT OR REPLACE INTO presence (rollout, session, actor, role, since, boot, seen) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            rollout,
            presence.session,
            ACTOR.dump_json(presence.actor).decode(),
            presence.role.value,
            presence.since.isoformat(timespec="milliseconds"),
            now.boot,
            now.at,
        ],
    )


def leave(connection: sqlite3.Connection, rollout: str, session: str) -> None:
    """Drop a console."""
    connection.execute("DELETE FROM presence WHERE rollout = ? AND session = ?", [rollout, session])


def present(connection: sqlite3.Connection, now: Moment, rollout: str, within_s: float) -> list[Presence]:
    """Consoles seen within `within_s` before `now`, the longest there first; what is no console's row is left out."""
    rows = connection.execute(
        "SELECT session, actor, role, since, seen FROM presence "
        "WHERE rollout = ? AND boot = ? AND seen >= ? ORDER BY since, session",
        [rollout, now.boot, now.at - within_s],
    )
    found = (parsed(session, actor, role, since, now.at - at) for session, actor, role, since, at in rows.fetchall())
    return [presence for presence in found if presence is not None]


def parsed(session: str, actor: str, role: str, since: str, ago_s: float, login: str = "") -> Presence | None:
    """A row of the table of who is there, made harmless; None if no warroom wrote it: then nobody is told by it."""
    try:
        who = ACTOR.validate_json(sanitize_body(actor))
        return Presence(session, who, Role(role), datetime.fromisoformat(since), max(0.0, ago_s), sanitize_value(login))
    except (ValueError, TypeError):
        return None
