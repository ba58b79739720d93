-- Snapshots and reports, newest window first. Grain: one row per report.
SELECT report_id, model, version, kind, "window", window_start, window_end, format, path, created_at, run, CAST(detail AS VARCHAR) AS detail
FROM reports
WHERE $model IS NULL OR model = $model
ORDER BY window_start DESC, model, kind
