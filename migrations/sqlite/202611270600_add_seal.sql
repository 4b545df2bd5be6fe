-- What is secret here is sealed (XChaCha20-Poly1305) with a key that is not in this database: `revision.sealed`,
-- `plan.plan` and `plan.facts`. A sealed value is 1 byte (1, the format), 24 of nonce, then the ciphertext; it is bound
-- to its column and row. What stood here before is sealed by the first console that opens it. `session.id` is SHA-256 over what the cookie
-- says: who reads this file has nobody's session.

-- One row, written in the transaction that seals what is there; none before.
CREATE TABLE seal (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    -- Which key, for messages: the first 8 hex digits of a SHA-256 over it.
    key_name TEXT    NOT NULL,
    -- A known text, sealed: only the right key opens it.
    proof    BLOB    NOT NULL,
    -- Whether the file was written anew since, so that no page holds what stood there unsealed.
    swept    INTEGER NOT NULL CHECK (swept IN (0, 1))
) STRICT;

-- The inventory's text, deflated and sealed. `text` is empty since.
ALTER TABLE revision ADD COLUMN sealed BLOB;
