-- Profiles of the window that starts at $start, or of those that start in [$start, $until), as they were given. Grain: one row per bin, class pair or point of a curve.
SELECT model, version, segment, "window", window_start, window_end, kind, "column", series, x, x_end, label, value, n
FROM profiles
WHERE model = $model AND "window" = $window
  AND ($version IS NULL OR version = $version)
  AND CASE WHEN $until IS NULL THEN window_start = CAST($start AS TIMESTAMPTZ)
           ELSE window_start >= CAST($start AS TIMESTAMPTZ) AND window_start < CAST($until AS TIMESTAMPTZ) END
  AND ($kind IS NULL OR kind = $kind)
  AND ($column IS NULL OR "column" = $column)
ORDER BY window_start, version, rowid
