-- Runs, newest first. Grain: one row per run.
SELECT run, model, "window", state, started_at, updated_at, finished_at, done, total, note, points, failed, insufficient, reason
FROM runs ORDER BY started_at DESC
