-- The PostgreSQL form of the SQLite migration with the same name; not used by the console yet.

-- What is secret here is sealed (XChaCha20-Poly1305) with a key that is not in this database: `revision.sealed`,
-- `plan.plan` and `plan.facts`. A sealed value is 1 byte (1, the format), 24 of nonce, then the ciphertext; it is bound
-- to its column and row. What stood here before is sealed by the first console that opens it. `session.id` is SHA-256 over what the cookie
-- says: who reads this file has nobody's session.

-- One row, written in the transaction that seals what is there; none before.
CREATE TABLE seal (
    one      BIGINT  PRIMARY KEY CHECK (one = 1),
    -- Which key, for messages: the first 8 hex digits of a SHA-256 over it.
    key_name TEXT    NOT NULL,
    -- A known text, sealed: only the right key opens it.
    proof    BYTEA   NOT NULL,
    -- Whether the table was written anew since, so that no page holds what stood there unsealed.
    swept    BOOLEAN NOT NULL
);

-- The inventory's text, deflated and sealed. `text` is empty since.
ALTER TABLE revision ADD COLUMN sealed BYTEA;
