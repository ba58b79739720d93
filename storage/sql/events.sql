-- What happened to the house, newest first. Grain: one row per event. Of an event that is counted the number stands at the end of its text.
SELECT happened_at, level, kind, model, CASE WHEN count IS NULL THEN text ELSE text || ' ' || count || '.' END AS text
FROM events ORDER BY happened_at DESC
