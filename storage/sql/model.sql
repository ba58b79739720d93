-- One model and the description that holds for $version: its newest one, else the model's newest. Grain: at most one row.
SELECT m.model_id, s.spec
FROM models m
LEFT JOIN schemas s ON s.model_id = m.model_id
WHERE m.name = $name
ORDER BY (s.version = $version) DESC NULLS LAST, s.revision DESC
LIMIT 1
