-- The PostgreSQL form of the SQLite migration with the same name; not used by the console yet.

-- What the console saw of its clusters over time. History: what holds now is asked of the nodes.

-- A change between two looks at a cluster: who leads, what a member does, how far behind it is. Written by the console that saw it.
CREATE TABLE sighting (
    id       BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- A name, no reference: history outlives what is declared.
    cluster  TEXT    NOT NULL,
    -- When the look began that saw it, microseconds since the epoch.
    at_us    BIGINT  NOT NULL,
    -- When the last look before that began, which saw it otherwise. None: nobody had looked.
    since_us BIGINT,
    -- What was seen, as JSON.
    what     TEXT    NOT NULL
);
CREATE INDEX sighting_by_cluster ON sighting (cluster, id);

-- Patroni's own history of a cluster as it was last read: it must be there when nothing answers any more.
CREATE TABLE leader_history (
    cluster   TEXT    PRIMARY KEY,
    -- The instance that was asked.
    seen_from TEXT    NOT NULL,
    -- Microseconds since the epoch.
    read_us   BIGINT  NOT NULL,
    -- Timelines that have ended, as JSON.
    ends      TEXT    NOT NULL
);
