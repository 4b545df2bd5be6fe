-- The PostgreSQL form of the SQLite migration with the same name; not used by the console yet.

-- A request for approval may need more than one person, and may have to say what is risked.

-- How many people must approve it; as the policy was when it was asked for.
ALTER TABLE approval ADD COLUMN needed BIGINT NOT NULL DEFAULT 1 CHECK (needed >= 1);
-- What the policy made the requester type, word for word ("no backup newer than 24 h"). None: nothing.
ALTER TABLE approval ADD COLUMN words TEXT CHECK (words <> '');

-- Who has said yes to a request, each person once, which the key keeps; with the glass broken the requester alone. Written in
-- the transaction that approves the request when it is the last one needed.
CREATE TABLE approver (
    approval    BIGINT NOT NULL REFERENCES approval (id),
    -- An id of a person with the name of then; no reference, because history outlives people.
    person      BIGINT NOT NULL,
    name        TEXT   NOT NULL,
    -- Microseconds since the epoch.
    at_us       BIGINT NOT NULL,
    -- What they typed to show what they mean; and the words of the request, repeated.
    typed_name  TEXT   NOT NULL,
    typed_words TEXT,
    PRIMARY KEY (approval, person)
);
INSERT INTO approver (approval, person, name, at_us, typed_name)
    SELECT id, decided_by, decided_name, decided_us, typed_name FROM approval
    WHERE decided_by IS NOT NULL AND typed_name IS NOT NULL;
