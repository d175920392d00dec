"""The polling lease in SQLite: one row per rollout, with a rising fence.

Time is the host's own clock (`moment`). The caller holds the write lock around each function, so reading and taking a
lease are one atomic step.
"""

from __future__ import annotations

import sqlite3

from console.journal.contract import Lease
from console.journal.moment import Moment


def take(connection: sqlite3.Connection, now: Moment, rollout: str, holder: str, ttl_s: float) -> Lease:
    """Take, renew or only return the lease of `rollout`; see `Journal.lease`."""
    found = _stored_lease(connection, now, rollout)
    if found is not None and found.holder != holder and found.left_s > 0:
        return found
    fence = 1 if found is None else found.fence + (found.holder != holder)
    connection.execute(
        "INSERT INTO leases (rollout, holder, fence, boot, ends) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (rollout) DO UPDATE "
        "SET holder = excluded.holder, fence = excluded.fence, boot = excluded.boot, ends = excluded.ends",
        [rollout, holder, fence, now.boot, now.at + ttl_s],
    )
    return Lease(holder, fence, ttl_s)


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
    row = connection.execute("SELECT holder, fence, boot, ends FROM leases WHERE rollout = ?", [rollout]).fetchone()
    if row is None:
        return None
    holder, fence, boot, ends = row
    over_s = now.since(boot, ends)
    return Lease(holder, fence, 0.0 if over_s is None else max(0.0, -over_s))
