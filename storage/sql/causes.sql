-- When and why of open findings. Grain: one row per finding that is open in its model's newest judged window.
SELECT model, version, "window", window_start, window_end, metric, "column", method, status, value, since, since_earliest, since_latest,
       kind, kind_reason, segment, segment_reason, drivers, sentence, computed_at
FROM causes
WHERE ($model IS NULL OR model = $model) AND ($window IS NULL OR "window" = $window)
ORDER BY model, "window", metric, "column", method
