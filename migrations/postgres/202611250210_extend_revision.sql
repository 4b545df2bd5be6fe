-- The PostgreSQL form of the SQLite migration with the same name; not used by the console yet.

-- Which job has made the edit; none: a person did. A message is anybody's text.
ALTER TABLE revision ADD COLUMN job BIGINT REFERENCES job (id);
