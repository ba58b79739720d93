-- Profiles of one window, as they were given. Grain: one row per bin, class pair or point of a curve.
SELECT model, version, segment, "window", window_start, window_end, kind, "column", series, x, x_end, label, value, n
FROM profiles
WHERE model = $model AND version = $version AND "window" = $window AND window_start = $window_start
  AND ($kind IS NULL OR kind = $kind)
  AND ($column IS NULL OR "column" = $column)
ORDER BY rowid
