-- The PostgreSQL form of the SQLite migration with the same name; not used by the console yet.

-- People have grants instead of one role: a role on the clusters whose names a pattern matches.

-- Written by the console and by `paddock user`; read with every request.
CREATE TABLE person_grant (
    person   BIGINT  NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    role     TEXT    NOT NULL CHECK (role IN ('viewer', 'operator', 'approver', 'admin')),
    -- Shell-style over whole names: `pg-test`, `pg-prod-*`. `*` is everything, also what belongs to no cluster.
    clusters TEXT    NOT NULL CHECK (clusters <> ''),
    PRIMARY KEY (person, role, clusters)
);
INSERT INTO person_grant (person, role, clusters) SELECT id, role, '*' FROM person;
-- Dropped at once and not later: a console of before that still runs then refuses everybody, where with the column it
-- would go on granting what was revoked since.
ALTER TABLE person DROP COLUMN role;

-- The clusters that the plan, and the job that runs it, are about: a JSON list of names, written with the plan. None:
-- about more than clusters, or made before this was kept; it takes a grant on `*` to see or run it.
ALTER TABLE plan ADD COLUMN clusters TEXT;
