-- Events that are counted instead of repeated: how often (count) and of what within the model (subject: a feature), one row a day.
ALTER TABLE events ADD COLUMN subject VARCHAR;
ALTER TABLE events ADD COLUMN count BIGINT;
