-- What happened to the house, newest first. Grain: one row per event.
SELECT happened_at, level, kind, model, text FROM events ORDER BY happened_at DESC
