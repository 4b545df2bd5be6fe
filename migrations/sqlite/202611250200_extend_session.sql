-- A session knows whose it is, so that it can be ended with what it stands on, and when it was last used. Sessions of
-- before end: nobody knows whose they are.
DELETE FROM session;
-- Written when somebody signs in; none before.
ALTER TABLE session ADD COLUMN person INTEGER REFERENCES person (id) ON DELETE CASCADE;
-- Seconds since the epoch, written with a request, at most once a minute. `expires_s` is its end whatever is done.
ALTER TABLE session ADD COLUMN seen_s INTEGER NOT NULL DEFAULT 0;
CREATE INDEX session_by_person ON session (person) WHERE person IS NOT NULL;
-- Since when the person may not sign in, approve or be acted for; none: they may.
ALTER TABLE person ADD COLUMN disabled_us INTEGER;
