"""The polling lease in SQLite: one row per rollout, with a rising fence.

Time is the host's own clock (`moment`). The caller holds the write lock around each function, so reading and taking a
lease are one atomic step. A member of a shared journal's group can write any row: one that no warroom writes, such as a
lease for years, counts as free.
"""

from __future__ import annotations

import math
import sqlite3

from console.journal.contract import LEASE_MAX_S, MAX_NAME, Lease
from console.journal.moment import Moment

_FENCES = 2**62
"""Fences are below this: the next one always fits into a column."""


def take(connection: sqlite3.Connection, now: Moment, rollout: str, holder: str, ttl_s: float) -> Lease:
    """Take, renew or only return the lease of `rollout`; see `Journal.lease`."""
    found = _stored_lease(connection, now, rollout)
    if found is not None and found.holder != holder and found.left_s > 0:
        return found
    fence = 1 if found is None else found.fence + (found.holder != holder)
    left_s = min(max(ttl_s, 0.0), LEASE_MAX_S) if math.isfinite(ttl_s) else 0.0
    connection.execute(
        "INSERT INTO leases (rollout, holder, fence, boot, ends) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (rollout) DO UPDATE "
        "SET holder = excluded.holder, fence = excluded.fence, boot = excluded.boot, ends = excluded.ends",
        [rollout, holder, fence, now.boot, now.at + left_s],
    )
    return Lease(holder, fence, left_s)


def current_lease(connection: sqlite3.Connection, now: Moment, rollout: str) -> Lease | None:
    """The lease of `rollout` in force; None if it is free or expired."""
    found = _stored_lease(connection, now, rollout)
    return found if found is not None and found.left_s > 0 else None


def release(connection: sqlite3.Connection, now: Moment, rollout: str, holder: str) -> None:
    """Expire `holder`'s lease now; its fence stays, so none is issued twice."""
    connection.execute(
        "UPDATE leases SET boot = ?, ends = ? WHERE rollout = ? AND holder = ?", [now.boot, now.at, rollout, holder]
    )


def _stored_lease(connection: sqlite3.Connection, now: Moment, rollout: str) -> Lease | None:
    """The stored lease, with no time left where no warroom wrote it; its fence can always be raised."""
    row = connection.execute(
        "SELECT CAST(substr(holder, 1, ?) AS BLOB), fence, CAST(substr(boot, 1, ?) AS BLOB), ends FROM leases "
        "WHERE rollout = ?",
        [MAX_NAME + 1, MAX_NAME, rollout],
    ).fetchone()
    if row is None:
        return None
    name, number, boot_id, ends = row
    holder, boot = (bytes(text or b"").decode(errors="replace") for text in (name, boot_id))
    fence = number if isinstance(number, int) and 0 < number < _FENCES else hash(number) % _FENCES
    over_s = now.since(boot, ends) if isinstance(ends, int | float) else None
    if over_s is None or not over_s >= -LEASE_MAX_S or len(holder) > MAX_NAME:
        over_s = 0.0
    return Lease(holder, fence, max(0.0, -over_s))
