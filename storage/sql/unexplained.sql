-- Windows computed since their causes were last looked for. Grain: one row per model and name of windows; up_to is their newest computation.
SELECT s.model, s."window", max(s.computed_at) AS up_to
FROM window_states s
LEFT JOIN explained e ON e.model = s.model AND e."window" = s."window"
WHERE ($model IS NULL OR s.model = $model) AND s."window" <> 'range'
GROUP BY s.model, s."window"
HAVING max(e.up_to) IS NULL OR max(s.computed_at) > max(e.up_to)
ORDER BY s.model, s."window"
