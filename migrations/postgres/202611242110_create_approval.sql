-- The PostgreSQL form of the SQLite migration with the same name; not used and not tested yet.

-- A request to run a plan that destroys, and what became of it. A plan may be asked for again after a refusal, a
-- withdrawal or an expiry; rows are kept. Written by the console only.
CREATE TABLE approval (
    id             BIGINT  PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    plan           BIGINT  NOT NULL REFERENCES plan (id),
    -- The plan's digest when it was asked for: what was approved is what runs.
    digest         TEXT    NOT NULL,
    -- The plan's sentence, and the cluster it changes when it is one, for lists.
    title          TEXT    NOT NULL,
    cluster        TEXT,
    -- Ids of people, each with the name of then; no references, because history outlives people. An id is never
    -- given twice.
    requester      BIGINT  NOT NULL,
    requester_name TEXT    NOT NULL,
    -- Why it should run, in the requester's words.
    reason         TEXT    NOT NULL CHECK (trim(reason) <> ''),
    requested_us   BIGINT  NOT NULL,
    -- From then on it is worth nothing; a row may stay `waiting` or `approved` past it until somebody asks again.
    expires_us     BIGINT  NOT NULL CHECK (expires_us > requested_us),
    -- used: a job was started with it, in the same transaction.
    state          TEXT    NOT NULL CHECK (state IN ('waiting', 'approved', 'refused', 'withdrawn', 'used', 'void')),
    -- An admin decided alone, with the reason above.
    break_glass    BOOLEAN NOT NULL,
    -- Who approved or refused it, and when.
    decided_by     BIGINT,
    decided_name   TEXT,
    decided_us     BIGINT,
    -- What the approver typed to show what they mean.
    typed_name     TEXT,
    -- Why it was refused, or became void.
    why            TEXT,
    -- When it was withdrawn, used or became void.
    ended_us       BIGINT,
    -- Nobody decides on their own request, unless the glass is broken.
    CHECK (decided_by IS NULL OR (decided_by = requester) = break_glass),
    CHECK ((decided_by IS NULL) = (decided_name IS NULL) AND (decided_by IS NULL) = (decided_us IS NULL)),
    CHECK (state <> 'waiting' OR decided_by IS NULL),
    CHECK (state NOT IN ('approved', 'used') OR (decided_by IS NOT NULL AND typed_name IS NOT NULL)),
    CHECK (state <> 'refused' OR decided_by IS NOT NULL),
    CHECK ((state IN ('refused', 'void')) = (why IS NOT NULL)),
    CHECK ((state IN ('withdrawn', 'used', 'void')) = (ended_us IS NOT NULL))
);
-- One request at a time; and one use, whatever else.
CREATE UNIQUE INDEX approval_open ON approval (plan) WHERE state IN ('waiting', 'approved');
CREATE UNIQUE INDEX approval_used ON approval (plan) WHERE state = 'used';
CREATE INDEX approval_by_plan ON approval (plan, id);
