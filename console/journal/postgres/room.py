"""The state of a room in PostgreSQL, by the server's clock: lease, present consoles, approvals by login."""

from __future__ import annotations

from datetime import UTC, datetime

from adapters.failpoints import failpoint
from console.journal.contract import Lease, Presence, SignedApproval, UnsignedApproval
from console.journal.presence import presence_from_row
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
        "WHERE rollout = %s AND ends > clock_timestamp()"
    )
    row = connection.execute(question, [rollout]).fetchone()
    return None if row is None else Lease(*row)


def present(connection: Connection, rollout: str, within_s: float) -> list[Presence]:
    """Consoles with a recent heartbeat, earliest arrival first."""
    question = """
        SELECT session, actor, role, since, age, login FROM (
            SELECT *, extract(epoch FROM clock_timestamp() - seen)::float8 AS age FROM warroom.presence
            WHERE rollout = %s
        ) AS p WHERE age <= %s ORDER BY since, session
        """
    found = (presence_from_row(*row) for row in connection.execute(question, [rollout, within_s]).fetchall())
    return [presence for presence in found if presence is not None]


def approvals(connection: Connection, rollout: str) -> list[SignedApproval]:
    """Approvals of a rollout, each signed by a login, oldest first."""
    question = "SELECT move, card, at, text, login FROM warroom.approvals WHERE rollout = %s ORDER BY id"
    return [
        SignedApproval(UnsignedApproval(move, card, datetime.fromisoformat(at), text), identity_of_login(login), login)
        for move, card, at, text, login in connection.execute(question, [rollout]).fetchall()
    ]


def identity_of_login(login: str) -> str:
    """The identity of an approval by a database login."""
    return f"login:{login}"
