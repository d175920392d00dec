"""The present consoles in SQLite: one row each, dropped on leaving or expiry.

A member of a shared journal's group can write any number of rows of any size: what is read and kept is bounded.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter

from console.events.evidence import Actor
from console.journal.contract import MAX_NAME, MAX_PRESENT, ConsoleRole, Presence
from console.journal.moment import Moment
from console.journal.sanitize import sanitize_body, sanitize_value

FORGOTTEN_S = 3600.0
"""Seconds without a heartbeat after which a console is dropped from the table."""

MAX_ACTOR = 8192
"""Maximum length of a stored actor in characters; no warroom writes a longer one."""
_MAX_KEPT = 1000
"""Maximum number of rows, of all rollouts: the ones seen last are kept."""
_MAX_COUNTED = 10_000
"""A count of consoles stops here."""
_ACTOR: TypeAdapter[Actor] = TypeAdapter(Actor)

_VALID = (
    f"boot = ? AND seen BETWEEN ? AND ? AND length(actor) <= {MAX_ACTOR} AND length(session) <= {MAX_NAME} "
    f"AND length(role) <= {MAX_NAME} AND length(since) <= {MAX_NAME}"
)
_DROP = f"""
DELETE FROM presence WHERE NOT ({_VALID})
OR rowid IN (SELECT rowid FROM presence ORDER BY seen DESC LIMIT -1 OFFSET {_MAX_KEPT})
"""  # noqa: S608 - constants
_PRESENT = f"""
SELECT CAST(session AS BLOB), CAST(actor AS BLOB), CAST(role AS BLOB), CAST(since AS BLOB), ? - seen
FROM presence WHERE rollout = ? AND {_VALID}
ORDER BY session IS NOT (SELECT holder FROM leases WHERE leases.rollout = presence.rollout), rowid LIMIT {MAX_PRESENT}
"""  # noqa: S608 - constants
"""The holder of the lease, then the consoles that came first; as bytes, because a row may hold no valid text."""
_COUNT = f"SELECT count(*) FROM (SELECT 1 FROM presence WHERE rollout = ? AND {_VALID} LIMIT {_MAX_COUNTED})"  # noqa: S608 - constants


def heartbeat(connection: sqlite3.Connection, now: Moment, rollout: str, presence: Presence) -> None:
    """Store `presence` and drop expired rows, under the caller's write lock."""
    connection.execute(_DROP, _valid_values(now, FORGOTTEN_S))
    connection.execute(
        "INSERT INTO presence (rollout, session, actor, role, since, boot, seen) VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (rollout, session) DO UPDATE SET actor = excluded.actor, role = excluded.role, "
        "since = excluded.since, boot = excluded.boot, seen = excluded.seen",
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
    """Consoles with a heartbeat within `within_s` before `now`, earliest arrival first; see `Journal.present`.

    Rows that no warroom wrote are left out.
    """
    rows = connection.execute(_PRESENT, [now.at, rollout, *_valid_values(now, within_s)]).fetchall()
    texts = ([bytes(text).decode(errors="replace") for text in row[:4]] for row in rows)
    return presences((*text, row[4]) for text, row in zip(texts, rows, strict=True))


def present_count(connection: sqlite3.Connection, now: Moment, rollout: str, within_s: float) -> int:
    """The number of consoles with a heartbeat within `within_s` before `now`."""
    [count] = connection.execute(_COUNT, [rollout, *_valid_values(now, within_s)]).fetchone()
    return int(count)


def presences(rows: Iterable[Sequence[Any]]) -> list[Presence]:
    """The consoles of rows (session, actor, role, since, age in seconds, login if any), earliest arrival first."""
    found = (
        replace(known, ago_s=max(0.0, ago_s))
        for session, actor, role, since, ago_s, *login in rows
        if (known := _parsed(session, actor, role, since, 0.0, *login)) is not None and known.since.tzinfo is not None
    )
    return sorted(found, key=lambda presence: (presence.since, presence.session))


def _valid_values(now: Moment, within_s: float) -> tuple[str, float, float]:
    """Values of `_VALID`: a row of another boot or of the future was written by no console that is here."""
    return now.boot, now.at - within_s, now.at + 1.0


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


_parsed = lru_cache(maxsize=4 * MAX_PRESENT)(presence_from_row)
"""`presence_from_row`, once per row: most of them are the same as a moment ago."""
