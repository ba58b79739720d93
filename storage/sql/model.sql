-- One model and the description that holds for $version: its newest one, else the model's newest. Grain: at most one row.
-- What was stated comes before what was inferred.
SELECT m.model_id, s.spec, coalesce(s.origin, m.origin) AS origin
FROM models m
LEFT JOIN schemas s ON s.model_id = m.model_id
WHERE m.name = $name
ORDER BY (s.version = $version) DESC NULLS LAST, (s.origin = 'registered') DESC, s.registered_at DESC, s.revision DESC
LIMIT 1
