-- The PostgreSQL form of the SQLite migration with the same name; not used by the console yet.

-- Who did what, from where, with which decision: one chain, only ever appended to. Written in the transaction of the
-- act where there is one. `paddock audit verify` reads it from the first row to the last.
CREATE TABLE audit (
    -- 1, 2, 3 and so on, without a gap.
    id       BIGINT PRIMARY KEY,
    at_us    BIGINT NOT NULL,
    -- Who: the id when it is a person, no reference because history outlives people; and the name of then. For a
    -- sign-in that failed, the name that was tried; `paddock` is the console itself.
    person   BIGINT,
    name     TEXT   NOT NULL,
    -- From where: `browser at 10.0.0.7`, `token 3 at 10.0.0.7`, `command line`, `console`.
    origin   TEXT   NOT NULL,
    -- What: `approval/approve`, `job/run`, `sign-in` and so on (console/src/audit.rs).
    act      TEXT   NOT NULL,
    -- On what: `plan 12`, `job 3`, `person ann`; empty when there is nothing to name.
    subject  TEXT   NOT NULL,
    cluster  TEXT,
    -- The plan's digest, when it is about one.
    digest   TEXT,
    decision TEXT   NOT NULL CHECK (decision IN ('allowed', 'refused')),
    -- What came of it, in words: a reason, an outcome, why it was refused.
    outcome  TEXT   NOT NULL,
    -- SHA-256 in hex: of the row before (64 zeros for the first), and over this row with it.
    previous TEXT   NOT NULL CHECK (length(previous) = 64),
    hash     TEXT   NOT NULL CHECK (length(hash) = 64)
);
CREATE INDEX audit_by_name ON audit (name, id);
CREATE INDEX audit_by_act ON audit (act, id);
CREATE INDEX audit_by_cluster ON audit (cluster, id) WHERE cluster IS NOT NULL;

-- Appending is all that the database takes, from whatever program.
CREATE FUNCTION audit_follows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.id IS DISTINCT FROM (SELECT coalesce(max(id), 0) + 1 FROM audit)
        OR NEW.previous IS DISTINCT FROM coalesce((SELECT hash FROM audit ORDER BY id DESC LIMIT 1), repeat('0', 64)) THEN
        RAISE EXCEPTION 'an audit row follows the last one';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_follows BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION audit_follows();
CREATE FUNCTION audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit rows are never changed and never removed';
END $$;
CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_stays();
CREATE TRIGGER audit_is_kept BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_stays();
