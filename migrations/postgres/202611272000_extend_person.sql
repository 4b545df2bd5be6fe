-- The PostgreSQL form of the SQLite migration with the same name; not used by the console yet.

-- People who sign in by an OpenID Connect provider. They are known by what the provider calls them for ever, not by their name,
-- and have no password here: theirs is `!`, which no password matches.

-- The provider's issuer; written when they first sign in. None: somebody with a password of this console.
ALTER TABLE person ADD COLUMN issuer TEXT CHECK (issuer <> '');
-- The provider's `sub` for them; there with an issuer, and not without.
ALTER TABLE person ADD COLUMN subject TEXT CHECK (subject <> '' AND (subject IS NULL) = (issuer IS NULL));
CREATE UNIQUE INDEX person_by_identity ON person (issuer, subject) WHERE issuer IS NOT NULL;
