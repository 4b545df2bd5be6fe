-- Which job has made the edit; none: a person did. A message is anybody's text.
ALTER TABLE revision ADD COLUMN job INTEGER REFERENCES job (id);
