-- A token may do less than its person: the most it may do is a role on the clusters whose names one of the patterns matches,
-- and of that what its person may do at the time. Written with the token. None: all that its person may.
ALTER TABLE token ADD COLUMN role TEXT CHECK (role IN ('viewer', 'operator', 'approver', 'admin'));
-- JSON list of patterns; there with a role, and not without.
ALTER TABLE token ADD COLUMN clusters TEXT CHECK ((clusters IS NULL) = (role IS NULL));
