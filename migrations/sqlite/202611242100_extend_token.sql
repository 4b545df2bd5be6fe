-- A token may end by itself, and says when it was last used, so that a forgotten one is seen.

-- It is refused from then on; none: it ends when it is revoked. Written once, when it is made.
ALTER TABLE token ADD COLUMN expires_us INTEGER;
-- Written by the console with a request, at most once a minute; none: never used.
ALTER TABLE token ADD COLUMN used_us INTEGER;
