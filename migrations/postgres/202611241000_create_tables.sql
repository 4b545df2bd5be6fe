-- The PostgreSQL form of the SQLite migration with the same name. Not used and not tested yet: the console
-- opens SQLite only; it is kept in step so that the store for several consoles starts from the same tables.

-- The ground: people, inventory, plans, jobs. Times end in _us (microseconds since the Unix epoch, the
-- console's clock) or _s (seconds). JSON and event batches are deflate-compressed (zlib) where marked.

-- Somebody who signs in. Written by the console only.
CREATE TABLE person (
    id            BIGINT  PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name          TEXT    NOT NULL,
    role          TEXT    NOT NULL CHECK (role IN ('viewer', 'operator', 'approver', 'admin')),
    -- PHC string (argon2id), never the password.
    password_hash TEXT    NOT NULL,
    created_us    BIGINT  NOT NULL
);
CREATE UNIQUE INDEX person_by_name ON person (lower(name));

-- An API token that acts for a person; it goes with them.
CREATE TABLE token (
    id         BIGINT  PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    person     BIGINT  NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    -- What it is for, in its owner's words.
    label      TEXT    NOT NULL,
    -- SHA-256 of the token; the token itself is shown once and kept nowhere.
    sha256     BYTEA   NOT NULL UNIQUE,
    created_us BIGINT  NOT NULL
);
CREATE INDEX token_by_person ON token (person);

-- Browser sessions; `data` belongs to the server's session layer.
CREATE TABLE session (
    id        TEXT    PRIMARY KEY,
    data      BYTEA   NOT NULL,
    expires_s BIGINT  NOT NULL
);
CREATE INDEX session_by_expiry ON session (expires_s);

-- A saved inventory text. Never changed, never deleted; the newest is the one in force.
CREATE TABLE revision (
    id       BIGINT  PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    -- The revision that was newest when this one was saved; the first has none.
    parent   BIGINT  UNIQUE REFERENCES revision (id),
    text     TEXT    NOT NULL,
    -- Name, not id: history outlives people.
    author   TEXT    NOT NULL,
    message  TEXT    NOT NULL,
    saved_us BIGINT  NOT NULL
);
CREATE UNIQUE INDEX revision_first ON revision ((parent IS NULL)) WHERE parent IS NULL;

-- A plan as it was shown. Holds rendered files, so it holds secrets: the state directory is 0700.
CREATE TABLE plan (
    id         BIGINT  PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    revision   BIGINT  NOT NULL REFERENCES revision (id),
    -- SHA-256 in hex over what would run; what was read is what runs.
    digest     TEXT    NOT NULL,
    -- The whole plan, JSON, deflated.
    plan       BYTEA   NOT NULL,
    -- What the nodes said when it was made, JSON, deflated.
    facts      BYTEA   NOT NULL,
    author     TEXT    NOT NULL,
    created_us BIGINT  NOT NULL
);

-- One run of a plan; a plan runs once, and is resumed under the same number.
CREATE TABLE job (
    id          BIGINT  PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    plan        BIGINT  NOT NULL UNIQUE REFERENCES plan (id),
    title       TEXT    NOT NULL,
    cluster     TEXT,
    author      TEXT    NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('running', 'succeeded', 'failed', 'cancelled', 'interrupted')),
    -- The console process that runs or last ran it.
    runner      TEXT    NOT NULL,
    -- Grows with each runner; an earlier runner's writes are refused.
    fence       BIGINT  NOT NULL,
    -- The sequence number that the next event gets: events are gapless because writes name it.
    next_seq    BIGINT  NOT NULL DEFAULT 0,
    steps       BIGINT  NOT NULL,
    steps_done  BIGINT  NOT NULL DEFAULT 0,
    -- events::JobOutcome as JSON, when the last run has ended.
    outcome     TEXT,
    -- events::JobOutline, JSON, deflated.
    outline     BYTEA   NOT NULL,
    created_us  BIGINT  NOT NULL,
    finished_us BIGINT ,
    CHECK ((state = 'running') = (outcome IS NULL))
);
CREATE INDEX job_by_cluster ON job (cluster, id);
CREATE INDEX job_running ON job (id) WHERE state = 'running';

-- A batch of consecutive events of a job, as they were written.
CREATE TABLE job_events (
    job       BIGINT  NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    first_seq BIGINT  NOT NULL,
    last_seq  BIGINT  NOT NULL CHECK (last_seq >= first_seq),
    -- How many of them are lines of output; the others change the job's picture. A batch of lines only is
    -- skipped when the picture is drawn from the store.
    lines     BIGINT  NOT NULL,
    -- events::Event, one JSON object per line, deflated.
    events    BYTEA   NOT NULL,
    PRIMARY KEY (job, first_seq)
);

-- What only one job may change at a time: `cluster/pg-test`, `node/10.10.10.11`, `etcd/etcd`.
CREATE TABLE lease (
    name       TEXT    PRIMARY KEY,
    -- Grows each time somebody takes it.
    fence      BIGINT  NOT NULL,
    -- Who holds it; none: free.
    job        BIGINT  REFERENCES job (id),
    -- The holder must have prolonged it before.
    expires_us BIGINT  NOT NULL
);
CREATE INDEX lease_by_job ON lease (job) WHERE job IS NOT NULL;

-- How long a step took when it last succeeded: for estimates.
CREATE TABLE step_time (
    step        TEXT    PRIMARY KEY,
    duration_ms BIGINT  NOT NULL,
    at_us       BIGINT  NOT NULL
);

-- Settings made in the console, by name.
CREATE TABLE setting (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
