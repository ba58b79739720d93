-- Findings that meet every filter given; current ones, or those that held at $as_of. Grain: one row per finding.
SELECT model, version, segment, window_start, window_end, metric, "column", method, value, lower, upper, threshold, p_value,
       n, n_reference, n_labelled, label_coverage, status, reason, kind, computed_at, run, "window", partial, detail
FROM points
WHERE ($model IS NULL OR model = $model)
  AND ($version IS NULL OR version = $version)
  AND ($since IS NULL OR window_start >= CAST($since AS TIMESTAMPTZ))
  AND ($until IS NULL OR window_start < CAST($until AS TIMESTAMPTZ))
  AND ($metrics IS NULL OR list_contains(CAST($metrics AS VARCHAR[]), metric))
  AND ($segment IS NULL OR segment = $segment)
  AND ($column IS NULL OR "column" = $column)
  AND ($window IS NULL OR "window" = $window)
  AND CASE WHEN $as_of IS NULL THEN superseded_at IS NULL
           ELSE computed_at <= CAST($as_of AS TIMESTAMPTZ) AND (superseded_at IS NULL OR superseded_at > CAST($as_of AS TIMESTAMPTZ)) END
ORDER BY model, version, "window", window_start, metric, "column", segment, method, kind
