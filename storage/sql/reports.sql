-- Snapshots and reports that meet every filter given, newest window first. Grain: one row per report.
SELECT report_id, model, version, kind, "window", window_start, window_end, format, path, created_at, run, CAST(detail AS VARCHAR) AS detail
FROM reports
WHERE ($model IS NULL OR model = $model)
  AND ($version IS NULL OR version = $version)
  AND ($kinds IS NULL OR list_contains(CAST($kinds AS VARCHAR[]), kind))
  AND ($format IS NULL OR format = $format)
  AND ($since IS NULL OR window_start >= CAST($since AS TIMESTAMPTZ))
  AND ($until IS NULL OR window_start < CAST($until AS TIMESTAMPTZ))
ORDER BY window_start DESC, model, kind, version, format, report_id
