"""The state of a room in PostgreSQL, by the server's clock: lease, present consoles, approvals by login."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

from adapters.failpoints import failpoint
from adapters.sanitize import one_line
from console.journal.contract import (
    LEASE_MAX_S,
    MAX_PRESENT,
    Lease,
    Presence,
    SignedApproval,
    UnsignedApproval,
)
from console.journal.presence import MAX_ACTOR, presences
from console.journal.reading import Connection


def take_lease(connection: Connection, rollout: str, holder: str, ttl_s: float) -> Lease:
    """Take, renew or return the lease in one statement; see `Journal.lease`."""
    failpoint("lease begins")
    row = connection.execute("SELECT * FROM warroom.lease(%s, %s, %s)", [rollout, holder, ttl_s]).fetchone()
    failpoint("lease committed")
    if row is None:
        raise ValueError("the server gave no lease")
    return Lease(*row)


def server_time(connection: Connection) -> datetime | None:
    """The server's time now."""
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    return None if row is None else row[0].astimezone(UTC)


def current_lease(connection: Connection, rollout: str) -> Lease | None:
    """The lease in force; None if there is none."""
    question = (
        "SELECT holder, fence, extract(epoch FROM ends - clock_timestamp())::float8 FROM warroom.leases "
        "WHERE rollout = %s AND ends > clock_timestamp() AND ends <= clock_timestamp() + make_interval(secs => %s)"
    )
    row = connection.execute(question, [rollout, LEASE_MAX_S]).fetchone()
    return None if row is None else Lease(*row)


_PRESENT = f"""
SELECT session, actor, role, since, age, login FROM (
    SELECT *, extract(epoch FROM clock_timestamp() - seen)::float8 AS age,
           session IS NOT DISTINCT FROM (SELECT holder FROM warroom.leases l WHERE l.rollout = p.rollout) AS polls,
           row_number() OVER (PARTITION BY login ORDER BY seen DESC) AS number
    FROM warroom.presence p WHERE rollout = %s AND octet_length(actor) <= {MAX_ACTOR}
) AS found WHERE age <= %s ORDER BY polls DESC, number, since LIMIT {MAX_PRESENT}
"""  # noqa: S608 - constants
"""The holder of the lease, then of each login the console seen last: one login cannot hide the others."""
_APPROVALS = """
SELECT move, card, at, text, login FROM (
    SELECT *, row_number() OVER (PARTITION BY login ORDER BY id DESC) AS number FROM warroom.approvals
    WHERE rollout = %s AND octet_length(text) <= 4096
) AS found WHERE number <= 100 ORDER BY id LIMIT 1000
"""
"""Of each login the latest: one login cannot hide the others' approvals or load a console."""


def present(connection: Connection, rollout: str, within_s: float) -> list[Presence]:
    """Consoles with a recent heartbeat, earliest arrival first; see `Journal.present`."""
    return presences(connection.execute(_PRESENT, [rollout, within_s]).fetchall())


def present_count(connection: Connection, rollout: str, within_s: float) -> int:
    """The number of consoles with a recent heartbeat."""
    question = (
        "SELECT count(*) FROM warroom.presence WHERE rollout = %s "
        "AND seen >= clock_timestamp() - make_interval(secs => %s)"
    )
    [count] = connection.execute(question, [rollout, within_s]).fetchone()
    return int(count)


def approvals(connection: Connection, rollout: str) -> list[SignedApproval]:
    """Approvals of a rollout, each signed by a login, oldest first; those that no warroom wrote are left out."""
    found = []
    for move, card, at, text, login in connection.execute(_APPROVALS, [rollout]).fetchall():
        with contextlib.suppress(ValueError):
            given = UnsignedApproval(move, card, aware_datetime(at), one_line(text, 500))
            found.append(SignedApproval(given, identity_of_login(login), login))
    return found


def aware_datetime(text: str) -> datetime:
    """A stored moment. Raises ValueError if it is none, or has no offset."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment without an offset")
    return moment


def identity_of_login(login: str) -> str:
    """The identity of an approval by a database login."""
    return f"login:{login}"
