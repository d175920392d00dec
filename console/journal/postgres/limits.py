"""The migration that limits what one login can do to the others: lease time, presence, sizes and rates.

The limits are far above what consoles of one login write in an incident with 200 metrics and a poll a second.
Decisions, requests and their outcomes have a count of their own: no flood of other events takes a halt's or a
rollback's place. The schema's owner, who can do everything anyway, is not counted. A refused row is an error of
SQLSTATE 54000 (program limit exceeded: too large) or 53400 (configuration limit exceeded: too many).
"""

from __future__ import annotations

MIGRATION = """
CREATE UNLOGGED TABLE warroom.rates (        -- present state: what each login wrote in the current minute
    login   text COLLATE "C" NOT NULL,
    counted text NOT NULL,
    minute  timestamptz NOT NULL,
    written bigint NOT NULL,                 -- rows
    bytes   bigint NOT NULL,
    PRIMARY KEY (login, counted)
) WITH (fillfactor = 50);

CREATE FUNCTION warroom.count_row(as_what text, of_bytes bigint, most_rows bigint, most_bytes bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rows_now bigint;
    bytes_now bigint;
BEGIN
    IF session_user = current_user THEN
        RETURN;
    END IF;
    INSERT INTO warroom.rates AS r (login, counted, minute, written, bytes)
    VALUES (session_user, as_what, date_trunc('minute', clock_timestamp()), 1, of_bytes)
    ON CONFLICT (login, counted) DO UPDATE SET
        written = CASE WHEN r.minute = excluded.minute THEN r.written ELSE 0 END + 1,
        bytes = CASE WHEN r.minute = excluded.minute THEN r.bytes ELSE 0 END + excluded.bytes,
        minute = excluded.minute
    RETURNING written, bytes INTO rows_now, bytes_now;
    IF rows_now > most_rows OR bytes_now > most_bytes THEN
        RAISE EXCEPTION 'login % has written too many % this minute (limit: % rows, % MB)',
            session_user, as_what, most_rows, most_bytes / 1048576 USING ERRCODE = 'configuration_limit_exceeded';
    END IF;
END $$;
REVOKE EXECUTE ON FUNCTION warroom.count_row(text, bigint, bigint, bigint) FROM PUBLIC;

CREATE FUNCTION warroom.limit_event() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    urgent boolean := NEW.kind IN ('decision_taken', 'request_made', 'request_settled', 'request_reconciled',
                                   'step_done', 'rollout_closed');
    size bigint := octet_length(NEW.body);
BEGIN
    IF size > 4194304 OR octet_length(NEW.rollout) > 512 OR octet_length(NEW.event_id) > 128
        OR octet_length(NEW.kind) > 128 OR octet_length(NEW.at) > 64 OR octet_length(NEW.who) > 512 THEN
        RAISE EXCEPTION 'the event is too large (limit: 4 MB)' USING ERRCODE = 'program_limit_exceeded';
    END IF;
    PERFORM warroom.count_row(CASE WHEN urgent THEN 'decisions and requests' ELSE 'events' END, size, 12000, 67108864);
    RETURN NEW;
END $$;

CREATE FUNCTION warroom.limit_sample() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    size bigint := octet_length(NEW.body);
BEGIN
    IF size > 16777216 OR octet_length(NEW.rollout) > 512 OR octet_length(NEW.at) > 64
        OR octet_length(NEW.source) > 512 THEN
        RAISE EXCEPTION 'the sample is too large (limit: 16 MB)' USING ERRCODE = 'program_limit_exceeded';
    END IF;
    PERFORM warroom.count_row('samples', size, 60000, 268435456);
    RETURN NEW;
END $$;

CREATE FUNCTION warroom.limit_approval() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF octet_length(NEW.rollout) > 512 OR octet_length(NEW.card) > 128 OR octet_length(NEW.at) > 64
        OR octet_length(NEW.text) > 4096 THEN
        RAISE EXCEPTION 'the approval is too large (limit: 4096 bytes)' USING ERRCODE = 'program_limit_exceeded';
    END IF;
    PERFORM warroom.count_row('approvals', octet_length(NEW.text), 600, 1048576);
    RETURN NEW;
END $$;

CREATE TRIGGER events_limit BEFORE INSERT ON warroom.events FOR EACH ROW EXECUTE FUNCTION warroom.limit_event();
CREATE TRIGGER samples_limit BEFORE INSERT ON warroom.samples FOR EACH ROW EXECUTE FUNCTION warroom.limit_sample();
CREATE TRIGGER approvals_limit BEFORE INSERT ON warroom.approvals
    FOR EACH ROW EXECUTE FUNCTION warroom.limit_approval();

CREATE OR REPLACE FUNCTION warroom.lease(of_rollout text, by_holder text, ttl_s double precision)
RETURNS TABLE (held_by text, at_fence bigint, for_s double precision)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_one warroom.leases;
    moment timestamptz;
    granted_s double precision :=
        CASE WHEN ttl_s = 'NaN' OR ttl_s IS NULL THEN 0 ELSE greatest(least(ttl_s, 30), 0) END;
BEGIN
    IF by_holder IS NULL OR octet_length(by_holder) > 64 OR octet_length(of_rollout) > 512 THEN
        RAISE EXCEPTION 'no console has such a name (limit: 64 bytes)' USING ERRCODE = 'program_limit_exceeded';
    END IF;
    PERFORM pg_advisory_xact_lock(2002874994, hashtext(of_rollout));
    moment := clock_timestamp();
    SELECT * INTO found_one FROM warroom.leases l WHERE l.rollout = of_rollout;
    IF found_one.rollout IS NULL AND NOT EXISTS (SELECT 1 FROM warroom.events e WHERE e.rollout = of_rollout)
        AND (SELECT count(*) FROM (SELECT 1 FROM warroom.leases LIMIT 10000) AS leases) = 10000 THEN
        RAISE EXCEPTION 'too many leases of rollouts that are not in the journal'
            USING ERRCODE = 'configuration_limit_exceeded';
    END IF;
    -- a lease from before this limit may end in years: it counts as free
    IF found_one.holder <> by_holder AND found_one.ends > moment
        AND found_one.ends <= moment + interval '30 seconds' THEN
        RETURN QUERY SELECT found_one.holder, found_one.fence,
                            extract(epoch FROM found_one.ends - moment)::double precision;
        RETURN;
    END IF;
    RETURN QUERY
        INSERT INTO warroom.leases AS l (rollout, holder, fence, ends)
        VALUES (of_rollout, by_holder, 1, moment + make_interval(secs => granted_s))
        ON CONFLICT (rollout) DO UPDATE SET
            holder = by_holder,
            fence = CASE WHEN l.fence BETWEEN 1 AND 4611686018427387903 THEN l.fence ELSE 1 END
                    + (l.holder <> by_holder)::integer,
            ends = excluded.ends
        RETURNING l.holder, l.fence, granted_s;
END $$;

CREATE OR REPLACE FUNCTION warroom.seen(of_rollout text, by_session text, by_actor text, as_role text, from_when text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF octet_length(of_rollout) > 512 OR octet_length(by_session) > 64 OR octet_length(by_actor) > 8192
        OR octet_length(as_role) > 64 OR octet_length(from_when) > 64 THEN
        RAISE EXCEPTION 'the presence is too large (limit: 8192 bytes)' USING ERRCODE = 'program_limit_exceeded';
    END IF;
    DELETE FROM warroom.presence WHERE seen < clock_timestamp() - interval '1 hour';
    INSERT INTO warroom.presence AS p (rollout, session, actor, role, since, login, seen)
    VALUES (of_rollout, by_session, by_actor, as_role, from_when, session_user, clock_timestamp())
    ON CONFLICT (rollout, session) DO UPDATE SET
        actor = excluded.actor, role = excluded.role, since = excluded.since, seen = excluded.seen
    WHERE p.login = session_user;
    -- of one login, the 200 consoles that were seen last
    DELETE FROM warroom.presence p USING (
        SELECT o.rollout, o.session FROM warroom.presence o WHERE o.login = session_user
        ORDER BY o.seen DESC OFFSET 200 FOR UPDATE SKIP LOCKED
    ) AS surplus WHERE p.rollout = surplus.rollout AND p.session = surplus.session;
END $$;
"""
