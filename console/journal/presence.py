"""The present consoles in SQLite: one row each, dropped on leaving or expiry."""

from __future__ import annotations

import json
import math
import sqlite3
from datetime import datetime

from pydantic import TypeAdapter

from console.events.evidence import Actor
from console.journal.contract import ConsoleRole, Presence
from console.journal.moment import Moment
from console.journal.sanitize import sanitize_body, sanitize_value

FORGOTTEN_S = 3600.0
"""Seconds without a heartbeat after which a console is dropped from the table."""

_ACTOR: TypeAdapter[Actor] = TypeAdapter(Actor)


def heartbeat(connection: sqlite3.Connection, now: Moment, rollout: str, presence: Presence) -> None:
    """Store `presence` and drop expired rows, under the caller's write lock."""
    connection.execute("DELETE FROM presence WHERE boot <> ? OR seen < ?", [now.boot, now.at - FORGOTTEN_S])
    connection.execute(
        "INSERT OR REPLACE INTO presence (rollout, session, actor, role, since, boot, seen) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        [rollout, *presence_values(presence), now.boot, now.at],
    )


def presence_values(presence: Presence) -> tuple[str, str, str, str]:
    """A console as it is stored: session, actor, role, since."""
    actor = _ACTOR.dump_python(presence.actor, mode="json")
    if presence.clock_s:
        actor["clock_s"] = round(presence.clock_s, 1)
    stored = json.dumps(actor, ensure_ascii=False)
    return presence.session, stored, presence.role.value, presence.since.isoformat(timespec="milliseconds")


def leave(connection: sqlite3.Connection, rollout: str, session: str) -> None:
    """Drop a console's row."""
    connection.execute("DELETE FROM presence WHERE rollout = ? AND session = ?", [rollout, session])


def present(connection: sqlite3.Connection, now: Moment, rollout: str, within_s: float) -> list[Presence]:
    """Consoles with a heartbeat within `within_s` before `now`, earliest arrival first.

    Rows that no warroom wrote are left out.
    """
    rows = connection.execute(
        "SELECT session, actor, role, since, ? - seen FROM presence "
        "WHERE rollout = ? AND boot = ? AND seen >= ? ORDER BY since, session",
        [now.at, rollout, now.boot, now.at - within_s],
    )
    found = (presence_from_row(*row) for row in rows.fetchall())
    return [presence for presence in found if presence is not None]


def presence_from_row(
    session: str, actor: str, role: str, since: str, ago_s: float, login: str = ""
) -> Presence | None:
    """A sanitized row of the presence table; None if no warroom wrote it."""
    try:
        fields = json.loads(sanitize_body(actor))
        who, clock_s = _ACTOR.validate_python(fields), float(fields.get("clock_s", 0.0))
        return Presence(
            session,
            who,
            ConsoleRole(role),
            datetime.fromisoformat(since),
            max(0.0, ago_s),
            sanitize_value(login),
            clock_s if math.isfinite(clock_s) else 0.0,
        )
    except (ValueError, TypeError, AttributeError):
        return None
