"""The PostgreSQL schema `warroom` as a list of migrations, and a role's grants.

Its owner creates it once (`warroom journal init`). Every other role needs USAGE on the schema, SELECT and INSERT on
three tables and SELECT on the others: `GRANTS`. No role needs UPDATE or DELETE: functions that run as the owner
overwrite leases, presence and checkpoints. The list is append-only: a released migration is never edited.

The server itself stamps every row with session_user. It refuses an event whose hash does not match its values and the
event before it. A role with these rights can therefore add events under its own name, and nothing else.
"""

from __future__ import annotations

import psycopg
from psycopg import sql

from console.journal.contract import JournalUnavailable
from console.journal.postgres import limits

LOCK = 2002874994
"""Class of our advisory locks ("warr"): object 0 locks the journal, hashtext(rollout) a rollout's lease."""

_M001_EVENTS = """
CREATE TABLE warroom.events (
    position bigint PRIMARY KEY,             -- 1, 2, 3, ..: the order of the whole journal
    rollout  text COLLATE "C" NOT NULL,
    seq      bigint NOT NULL,
    event_id text NOT NULL UNIQUE,
    at       text NOT NULL,                  -- UTC, by the recording console's clock
    kind     text NOT NULL,
    v        integer NOT NULL,
    who      text,                           -- operating system user; NULL: observed, not decided
    move     bigint,                         -- forward moves only
    login    text NOT NULL DEFAULT session_user,
    body     text NOT NULL,                  -- JSON
    prev     text NOT NULL,
    hash     text NOT NULL,
    head     text NOT NULL,
    UNIQUE (rollout, seq)
);
CREATE UNIQUE INDEX events_move ON warroom.events (rollout, move) WHERE move IS NOT NULL;
CREATE INDEX events_kind ON warroom.events (kind, rollout);

CREATE FUNCTION warroom.append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE FUNCTION warroom.netstring(value text) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT convert_to(coalesce(octet_length(value)::text || ':' || value, '-') || ',', 'UTF8')
$$;

CREATE FUNCTION warroom.link() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    prev_due text := repeat('0', 64);
    head_before text := repeat('0', 64);
    hash_due text;
    head_due text;
BEGIN
    NEW.login := session_user;
    IF NEW.seq <> 1 THEN
        SELECT hash INTO prev_due FROM warroom.events WHERE rollout = NEW.rollout AND seq = NEW.seq - 1;
    END IF;
    IF NEW.position <> 1 THEN
        SELECT head INTO head_before FROM warroom.events WHERE position = NEW.position - 1;
    END IF;
    hash_due := encode(sha256(convert_to(E'warroom event 1\\n', 'UTF8')
        || warroom.netstring(NEW.rollout) || warroom.netstring(NEW.seq::text) || warroom.netstring(NEW.event_id)
        || warroom.netstring(NEW.kind) || warroom.netstring(NEW.v::text) || warroom.netstring(NEW.at)
        || warroom.netstring(NEW.who) || warroom.netstring(NEW.move::text) || warroom.netstring(NEW.login)
        || warroom.netstring(NEW.body) || warroom.netstring(NEW.prev)), 'hex');
    head_due := encode(sha256(convert_to(E'warroom head 1\\n', 'UTF8')
        || warroom.netstring(NEW.position::text) || warroom.netstring(head_before)
        || warroom.netstring(NEW.hash)), 'hex');
    IF (NEW.prev, NEW.hash, NEW.head) IS DISTINCT FROM (prev_due, hash_due, head_due) THEN
        RAISE EXCEPTION 'the event does not follow the one before it' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON warroom.events
    FOR EACH STATEMENT EXECUTE FUNCTION warroom.append_only();
CREATE TRIGGER events_link BEFORE INSERT ON warroom.events
    FOR EACH ROW EXECUTE FUNCTION warroom.link();
"""

_M002_SAMPLES = """
CREATE TABLE warroom.samples (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rollout   text COLLATE "C" NOT NULL,
    after_seq bigint NOT NULL,               -- seq of the last event before it
    at        text NOT NULL,
    source    text NOT NULL,
    v         integer NOT NULL,
    body      text NOT NULL
);
CREATE INDEX samples_rollout ON warroom.samples (rollout, id);
CREATE TRIGGER samples_append_only BEFORE UPDATE ON warroom.samples
    FOR EACH STATEMENT EXECUTE FUNCTION warroom.append_only();
"""

_M003_DECISIONS = """
CREATE VIEW warroom.decisions AS
SELECT d.rollout,
       d.seq,
       d.at,
       d.who,
       d.login,
       d.body::json ->> 'verb'                 AS verb,
       (d.body::json ->> 'stage')::integer     AS stage,
       d.body::json ->> 'subject'              AS subject,
       d.body::json ->> 'reason'               AS reason,
       d.body::json ->> 'override'             AS override,
       coalesce((
           SELECT string_agg((r.body::json ->> 'target') || ' ' || coalesce((
                      SELECT s.body::json ->> 'outcome' FROM warroom.events s
                      WHERE s.rollout = d.rollout AND s.kind = 'request_settled'
                        AND s.body::json ->> 'request' = r.event_id
                      ORDER BY s.seq LIMIT 1
                  ), 'not settled'), ', ' ORDER BY r.seq)
           FROM warroom.events r
           WHERE r.rollout = d.rollout AND r.kind = 'request_made' AND r.body::json ->> 'decision' = d.event_id
       ), 'recorded')                          AS outcome,
       d.event_id                              AS id,
       d.body::json -> 'card'                  AS evidence
FROM warroom.events d
WHERE d.kind = 'decision_taken';
"""

_M004_ROOM = """
CREATE TABLE warroom.leases (
    rollout text COLLATE "C" PRIMARY KEY,
    holder  text NOT NULL,
    fence   bigint NOT NULL,                 -- rises by one with each takeover, never falls
    ends    timestamptz NOT NULL
);
CREATE TABLE warroom.presence (
    rollout text COLLATE "C" NOT NULL,
    session text NOT NULL,
    actor   text NOT NULL,                   -- JSON
    role    text NOT NULL,
    since   text NOT NULL,
    login   text NOT NULL,
    seen    timestamptz NOT NULL,
    PRIMARY KEY (rollout, session)
);
CREATE TABLE warroom.approvals (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rollout text COLLATE "C" NOT NULL,
    move    bigint NOT NULL,
    card    text NOT NULL,                   -- digest of the card that was approved
    at      text NOT NULL,
    text    text NOT NULL,
    login   text NOT NULL DEFAULT session_user,
    UNIQUE (rollout, move, card, login)
);

CREATE FUNCTION warroom.lease(of_rollout text, by_holder text, ttl_s double precision)
RETURNS TABLE (held_by text, at_fence bigint, for_s double precision)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_one warroom.leases;
    moment timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock(2002874994, hashtext(of_rollout));
    moment := clock_timestamp();
    SELECT * INTO found_one FROM warroom.leases l WHERE l.rollout = of_rollout;
    IF found_one.holder <> by_holder AND found_one.ends > moment THEN
        RETURN QUERY SELECT found_one.holder, found_one.fence,
                            extract(epoch FROM found_one.ends - moment)::double precision;
        RETURN;
    END IF;
    RETURN QUERY
        INSERT INTO warroom.leases AS l (rollout, holder, fence, ends)
        VALUES (of_rollout, by_holder, 1, moment + make_interval(secs => ttl_s))
        ON CONFLICT (rollout) DO UPDATE SET
            holder = by_holder, fence = l.fence + (l.holder <> by_holder)::integer, ends = excluded.ends
        RETURNING l.holder, l.fence, ttl_s;
END $$;

CREATE FUNCTION warroom.release(of_rollout text, by_holder text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE warroom.leases SET ends = clock_timestamp() WHERE rollout = of_rollout AND holder = by_holder
$$;

CREATE FUNCTION warroom.seen(of_rollout text, by_session text, by_actor text, as_role text, from_when text)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM warroom.presence WHERE seen < clock_timestamp() - interval '1 hour';
    INSERT INTO warroom.presence AS p (rollout, session, actor, role, since, login, seen)
    VALUES (of_rollout, by_session, by_actor, as_role, from_when, session_user, clock_timestamp())
    ON CONFLICT (rollout, session) DO UPDATE SET
        actor = excluded.actor, role = excluded.role, since = excluded.since, seen = excluded.seen
    WHERE p.login = session_user;
$$;

CREATE FUNCTION warroom.gone(of_rollout text, by_session text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM warroom.presence WHERE rollout = of_rollout AND session = by_session AND login = session_user
$$;

CREATE FUNCTION warroom.sign() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.login := session_user;
    RETURN NEW;
END $$;

CREATE TRIGGER approvals_sign BEFORE INSERT ON warroom.approvals
    FOR EACH ROW EXECUTE FUNCTION warroom.sign();
CREATE TRIGGER approvals_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON warroom.approvals
    FOR EACH STATEMENT EXECUTE FUNCTION warroom.append_only();
"""

_M005_NOTIFY = """
CREATE FUNCTION warroom.tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('warroom', '');
    RETURN NULL;
END $$;

CREATE TRIGGER events_tell AFTER INSERT ON warroom.events FOR EACH STATEMENT EXECUTE FUNCTION warroom.tell();
CREATE TRIGGER samples_tell AFTER INSERT ON warroom.samples FOR EACH STATEMENT EXECUTE FUNCTION warroom.tell();
CREATE TRIGGER approvals_tell AFTER INSERT ON warroom.approvals FOR EACH STATEMENT EXECUTE FUNCTION warroom.tell();
"""

_M006_CHECKPOINTS = """
CREATE TABLE warroom.checkpoints (
    rollout text COLLATE "C" PRIMARY KEY,
    seq     bigint NOT NULL,                 -- of the last event before it
    sample  bigint NOT NULL,                 -- id of the last sample before it
    digest  text NOT NULL,                   -- of the body and of everything that it was made from
    body    bytea NOT NULL
);

DO $$
DECLARE
    reader record;
BEGIN
    FOR reader IN
        SELECT DISTINCT grantee FROM information_schema.role_table_grants
        WHERE table_schema = 'warroom' AND table_name = 'leases' AND privilege_type = 'SELECT'
    LOOP
        IF reader.grantee = 'PUBLIC' THEN
            GRANT SELECT ON warroom.checkpoints TO PUBLIC;
        ELSE
            EXECUTE format('GRANT SELECT ON warroom.checkpoints TO %I', reader.grantee);
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION warroom.save_checkpoint(
    of_rollout text, by_fence bigint, at_seq bigint, at_sample bigint, its_digest text, its_body bytea
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF octet_length(its_body) > 16777216 OR octet_length(its_digest) > 64 THEN
        RAISE EXCEPTION 'the checkpoint is too large' USING ERRCODE = 'program_limit_exceeded';
    END IF;
    PERFORM pg_advisory_xact_lock(2002874994, hashtext(of_rollout));
    IF NOT EXISTS (SELECT 1 FROM warroom.leases l WHERE l.rollout = of_rollout AND l.fence = by_fence) THEN
        RETURN false;
    END IF;
    INSERT INTO warroom.checkpoints AS c (rollout, seq, sample, digest, body)
    VALUES (of_rollout, at_seq, at_sample, its_digest, its_body)
    ON CONFLICT (rollout) DO UPDATE SET
        seq = excluded.seq, sample = excluded.sample, digest = excluded.digest, body = excluded.body;
    RETURN true;
END $$;
"""

_M007_DECISIONS_OF_ANY_BODY = """
CREATE FUNCTION warroom.values_of(body text) RETURNS json LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF jsonb_typeof(body::jsonb) = 'object' THEN
        RETURN body::json;
    END IF;
    RETURN '{}'::json;
EXCEPTION WHEN OTHERS THEN
    RETURN '{}'::json;
END $$;

CREATE OR REPLACE VIEW warroom.decisions AS
SELECT d.rollout,
       d.seq,
       d.at,
       d.who,
       d.login,
       d.said ->> 'verb'                       AS verb,
       CASE WHEN d.said ->> 'stage' ~ '^[0-9]{1,9}$' THEN (d.said ->> 'stage')::integer END AS stage,
       d.said ->> 'subject'                    AS subject,
       d.said ->> 'reason'                     AS reason,
       d.said ->> 'override'                   AS override,
       coalesce((
           SELECT string_agg((r.said ->> 'target') || ' ' || coalesce((
                      SELECT s.said ->> 'outcome'
                      FROM (
                          SELECT seq, warroom.values_of(body) AS said FROM warroom.events
                          WHERE rollout = d.rollout AND kind = 'request_settled' OFFSET 0
                      ) AS s
                      WHERE s.said ->> 'request' = r.event_id
                      ORDER BY s.seq LIMIT 1
                  ), 'not settled'), ', ' ORDER BY r.seq)
           FROM (
               SELECT seq, event_id, warroom.values_of(body) AS said FROM warroom.events
               WHERE rollout = d.rollout AND kind = 'request_made' OFFSET 0
           ) AS r
           WHERE r.said ->> 'decision' = d.event_id
       ), 'recorded')                          AS outcome,
       d.event_id                              AS id,
       d.said -> 'card'                        AS evidence
FROM (
    SELECT rollout, seq, at, who, login, event_id, warroom.values_of(body) AS said FROM warroom.events
    WHERE kind = 'decision_taken' OFFSET 0
) AS d;
"""
"""The view of decisions, whole where a body is no JSON; OFFSET 0 has each body read once."""

MIGRATIONS = (
    *(_M001_EVENTS, _M002_SAMPLES, _M003_DECISIONS, _M004_ROOM, _M005_NOTIFY),
    *(_M006_CHECKPOINTS, _M007_DECISIONS_OF_ANY_BODY, limits.MIGRATION),
)

_BEGINNING = """
CREATE SCHEMA IF NOT EXISTS warroom;
CREATE TABLE IF NOT EXISTS warroom.migrations (
    number     integer PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);
"""

GRANTS = """
GRANT USAGE ON SCHEMA warroom TO {role};
GRANT SELECT, INSERT ON warroom.events, warroom.samples, warroom.approvals TO {role};
GRANT SELECT ON warroom.decisions, warroom.leases, warroom.presence, warroom.migrations, warroom.checkpoints
TO {role};
"""
"""Rights that a role needs to run warroom; leave out INSERT for a role that only reads."""


def migrate(connection: psycopg.Connection[tuple[object, ...]]) -> int:
    """Apply pending migrations and return their number; safe to run concurrently.

    Raises:
        JournalUnavailable: the database is not in UTF-8, or the schema is of a newer version.
        psycopg.Error: any other error of the server.
    """
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s, -1)", [LOCK])
        encoding = connection.execute("SHOW server_encoding").fetchone()
        if encoding is None or encoding[0] != "UTF8":
            raise JournalUnavailable(f"a journal needs a database in UTF8, not {encoding[0] if encoding else '?'}")
        connection.execute(_BEGINNING)
        before = applied_count(connection)
        for number, migration in enumerate(MIGRATIONS[before:], start=before + 1):
            connection.execute(migration)
            connection.execute("INSERT INTO warroom.migrations (number) VALUES (%s)", [number])
    return len(MIGRATIONS) - before


def applied_count(connection: psycopg.Connection[tuple[object, ...]]) -> int:
    """The number of migrations that the schema has.

    Raises:
        JournalUnavailable: the schema has more than this version knows.
        psycopg.Error: there is no such schema, or the role may not read it.
    """
    row = connection.execute("SELECT coalesce(max(number), 0) FROM warroom.migrations").fetchone()
    number = int(str(row[0])) if row is not None else 0
    if number > len(MIGRATIONS):
        raise JournalUnavailable(
            f"the journal is of a newer warroom (schema {number}, this one knows {len(MIGRATIONS)})"
        )
    return number


def grant(connection: psycopg.Connection[tuple[object, ...]], role: str) -> None:
    """Grant `role` the rights it needs to run warroom. Raises psycopg.Error."""
    with connection.transaction():
        connection.execute(sql.SQL(GRANTS).format(role=sql.Identifier(role)))
