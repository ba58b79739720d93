-- What was found of one metric of one window, each time it was computed anew, oldest first. Grain: one row per finding; superseded_at
-- is null for the one that holds.
SELECT version, computed_at, superseded_at, value, lower, upper, n, n_labelled, label_coverage, status, reason, detail
FROM points
WHERE model = $model AND "window" = $window AND window_start = CAST($start AS TIMESTAMPTZ)
  AND metric = $metric AND "column" = $column AND segment = $segment AND ($version IS NULL OR version = $version)
ORDER BY version, computed_at
