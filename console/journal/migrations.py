"""The journal's schema as migrations; a released one is never edited."""

from __future__ import annotations

from sqlite_utils import Database, Migrations

from console.journal.chain import GENESIS, Row, with_hashes

schema = Migrations("warroom")


@schema()
def m001_events(db: Database) -> None:
    """Append-only events; unique (rollout, seq) and (rollout, move) decide every race."""
    db.execute(
        """
        CREATE TABLE events (
            id       INTEGER PRIMARY KEY,
            rollout  TEXT NOT NULL,
            seq      INTEGER NOT NULL,
            event_id TEXT NOT NULL UNIQUE,
            at       TEXT NOT NULL,          -- UTC, by the recording console's clock
            kind     TEXT NOT NULL,
            v        INTEGER NOT NULL,
            who      TEXT,                   -- operating system user; NULL: observed, not decided
            move     INTEGER,                -- forward moves only
            body     TEXT NOT NULL,          -- JSON
            UNIQUE (rollout, seq)
        ) STRICT
        """
    )
    db.execute("CREATE UNIQUE INDEX events_move ON events (rollout, move) WHERE move IS NOT NULL")
    db.execute("CREATE INDEX events_kind ON events (kind, rollout)")
    for verb in ("UPDATE", "DELETE"):
        db.execute(
            f"CREATE TRIGGER events_no_{verb.lower()} BEFORE {verb} ON events "
            "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
        )


@schema()
def m002_samples(db: Database) -> None:
    """Samples: prunable once a rollout is closed, never edited."""
    db.execute(
        """
        CREATE TABLE samples (
            id        INTEGER PRIMARY KEY,
            rollout   TEXT NOT NULL,
            after_seq INTEGER NOT NULL,      -- seq of the last event before it
            at        TEXT NOT NULL,
            source    TEXT NOT NULL,
            v         INTEGER NOT NULL,
            body      TEXT NOT NULL
        ) STRICT
        """
    )
    db.execute("CREATE INDEX samples_rollout ON samples (rollout, id)")
    db.execute(
        "CREATE TRIGGER samples_no_update BEFORE UPDATE ON samples "
        "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
    )


@schema()
def m003_decisions(db: Database) -> None:
    """A view of decisions for any SQLite tool: who, when, why, evidence, outcome."""
    db.execute(
        """
        CREATE VIEW decisions AS
        SELECT d.rollout,
               d.seq,
               d.at,
               d.who,
               json_extract(d.body, '$.verb')     AS verb,
               json_extract(d.body, '$.stage')    AS stage,
               json_extract(d.body, '$.subject')  AS subject,
               json_extract(d.body, '$.reason')   AS reason,
               json_extract(d.body, '$.override') AS override,
               coalesce((
                   SELECT group_concat(r.target || ' ' || coalesce(s.outcome, 'not settled'), ', ')
                   FROM (
                       SELECT event_id, json_extract(body, '$.target') AS target FROM events
                       WHERE rollout = d.rollout AND kind = 'request_made'
                         AND json_extract(body, '$.decision') = d.event_id
                       ORDER BY seq
                   ) AS r
                   LEFT JOIN (
                       SELECT json_extract(body, '$.request') AS request, json_extract(body, '$.outcome') AS outcome
                       FROM events WHERE rollout = d.rollout AND kind = 'request_settled'
                   ) AS s ON s.request = r.event_id
               ), 'recorded')                     AS outcome,
               d.event_id                         AS id,
               json_extract(d.body, '$.card')     AS evidence
        FROM events AS d
        WHERE d.kind = 'decision_taken'
        """
    )


@schema()
def m004_no_replace(db: Database) -> None:
    """A trigger against INSERT OR REPLACE.

    REPLACE removes rows without firing the delete trigger (SQLite: lang_conflict).
    """
    db.execute(
        """
        CREATE TRIGGER events_no_replace BEFORE INSERT ON events
        WHEN EXISTS (SELECT 1 FROM events WHERE id = NEW.id)
          OR EXISTS (SELECT 1 FROM events WHERE event_id = NEW.event_id)
          OR EXISTS (SELECT 1 FROM events WHERE rollout = NEW.rollout AND seq = NEW.seq)
          OR EXISTS (SELECT 1 FROM events WHERE rollout = NEW.rollout AND move = NEW.move)
        BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END
        """
    )


@schema()
def m005_room(db: Database) -> None:
    """Leases and presence: current state that is overwritten and no part of the record."""
    db.execute(
        """
        CREATE TABLE leases (
            rollout TEXT PRIMARY KEY,
            holder  TEXT NOT NULL,
            fence   INTEGER NOT NULL,        -- rises by one with each takeover, never falls
            boot    TEXT NOT NULL,           -- which boot of the machine `ends` counts from
            ends    REAL NOT NULL            -- seconds since that boot
        ) STRICT
        """
    )
    db.execute(
        """
        CREATE TABLE presence (
            rollout TEXT NOT NULL,
            session TEXT NOT NULL,
            actor   TEXT NOT NULL,           -- JSON
            role    TEXT NOT NULL,
            since   TEXT NOT NULL,
            boot    TEXT NOT NULL,
            seen    REAL NOT NULL,
            PRIMARY KEY (rollout, session)
        ) STRICT
        """
    )


@schema()
def m006_chain(db: Database) -> None:
    """The hash chain over events; earlier events are linked in stored order."""
    for column in ("prev", "hash", "head"):
        db.execute(f"ALTER TABLE events ADD COLUMN {column} TEXT")
    db.execute("DROP TRIGGER events_no_update")
    ends: dict[str, str] = {}
    head = GENESIS
    columns = "id, rollout, seq, event_id, kind, v, at, who, move, NULL, body"
    last = 0
    while rows := db.execute(f"SELECT {columns} FROM events WHERE id > ? ORDER BY id LIMIT 1000", [last]).fetchall():  # noqa: S608 - constants
        chained = []
        for values in rows:
            row = with_hashes(Row(*(*values, ends.get(values[1], GENESIS), "", "")), head)
            ends[row.rollout], head, last = row.hash, row.head, row.position
            chained.append((row.prev, row.hash, row.head, row.position))
        db.conn.executemany("UPDATE events SET prev = ?, hash = ?, head = ? WHERE id = ?", chained)
    db.execute(
        "CREATE TRIGGER events_no_update BEFORE UPDATE ON events "
        "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
    )
    db.execute(
        """
        CREATE TRIGGER events_chained BEFORE INSERT ON events
        WHEN NEW.prev IS NULL OR length(NEW.hash) IS NOT 64 OR length(NEW.head) IS NOT 64
        BEGIN SELECT RAISE(ABORT, 'the journal is chained, and this program is too old to write it'); END
        """
    )


@schema()
def m007_checkpoints(db: Database) -> None:
    """A cache per rollout of what its samples make: overwritten, and no part of the record."""
    db.execute(
        """
        CREATE TABLE checkpoints (
            rollout TEXT PRIMARY KEY,
            seq     INTEGER NOT NULL,        -- of the last event before it
            sample  INTEGER NOT NULL,        -- id of the last sample before it
            digest  TEXT NOT NULL,           -- of the body and of everything that it was made from
            body    BLOB NOT NULL
        ) STRICT
        """
    )


@schema()
def m008_decisions_of_any_body(db: Database) -> None:
    """The view of decisions, whole where a body is no JSON: such a row is read as one without values."""
    db.execute("DROP VIEW decisions")
    db.execute(
        """
        CREATE VIEW decisions AS
        SELECT d.rollout,
               d.seq,
               d.at,
               d.who,
               json_extract(d.body, '$.verb')     AS verb,
               json_extract(d.body, '$.stage')    AS stage,
               json_extract(d.body, '$.subject')  AS subject,
               json_extract(d.body, '$.reason')   AS reason,
               json_extract(d.body, '$.override') AS override,
               coalesce((
                   SELECT group_concat(r.target || ' ' || coalesce(s.outcome, 'not settled'), ', ')
                   FROM (
                       SELECT event_id, CASE WHEN json_valid(body) THEN json_extract(body, '$.target') END AS target
                       FROM events
                       WHERE rollout = d.rollout AND kind = 'request_made'
                         AND CASE WHEN json_valid(body) THEN json_extract(body, '$.decision') END = d.event_id
                       ORDER BY seq
                   ) AS r
                   LEFT JOIN (
                       SELECT CASE WHEN json_valid(body) THEN json_extract(body, '$.request') END AS request,
                              CASE WHEN json_valid(body) THEN json_extract(body, '$.outcome') END AS outcome
                       FROM events WHERE rollout = d.rollout AND kind = 'request_settled'
                   ) AS s ON s.request = r.event_id
               ), 'recorded')                     AS outcome,
               d.event_id                         AS id,
               json_extract(d.body, '$.card')     AS evidence
        FROM (
            SELECT rollout, seq, at, who, event_id, kind, CASE WHEN json_valid(body) THEN body ELSE '{}' END AS body
            FROM events
        ) AS d
        WHERE d.kind = 'decision_taken'
        """
    )
