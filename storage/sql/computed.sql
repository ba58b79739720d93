-- When a model's findings were computed, superseded ones too: the first ever, and the newest no later than $as_of. Grain: one row.
SELECT min(computed_at) AS first, max(computed_at) FILTER (WHERE computed_at <= CAST($as_of AS TIMESTAMPTZ)) AS last
FROM points
WHERE model = $model AND ($window IS NULL OR "window" = $window)
