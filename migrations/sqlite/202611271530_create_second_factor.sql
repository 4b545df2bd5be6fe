-- A second factor at sign-in: codes of an authenticator app, and recovery codes for when it is lost.

CREATE TABLE second_factor (
    person       INTEGER PRIMARY KEY REFERENCES person (id) ON DELETE CASCADE,
    -- The secret that app and console share, sealed for its row.
    secret       BLOB NOT NULL,
    -- Since when it is asked for, microseconds since the epoch; written when a first code was shown. None: not yet.
    confirmed_us INTEGER,
    -- The newest 30-second step whose code was taken: neither it nor an earlier one is taken again.
    last_step    INTEGER NOT NULL DEFAULT -1
) STRICT;

-- Made with the confirmation, shown once. A code that was used stays, so that it is not taken again.
CREATE TABLE recovery_code (
    person  INTEGER NOT NULL REFERENCES second_factor (person) ON DELETE CASCADE,
    -- The code is random, so a plain hash is enough.
    sha256  BLOB NOT NULL,
    used_us INTEGER,
    PRIMARY KEY (person, sha256)
) STRICT, WITHOUT ROWID;
