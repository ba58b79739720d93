-- Stored snapshots of one kind of report for regular windows: ended ones before running ones, newest first. Grain: one row per snapshot.
SELECT report_id, model, version, kind, "window", window_start, window_end, format, path, created_at, run, CAST(detail AS VARCHAR) AS detail
FROM reports
WHERE model = $model AND ($version IS NULL OR version = $version) AND kind = $kind AND format = 'snapshot'
  AND "window" <> 'range' AND window_start IS NOT NULL
ORDER BY window_end <= CAST($now AS TIMESTAMPTZ) DESC, window_end DESC, window_start DESC, created_at DESC, report_id
