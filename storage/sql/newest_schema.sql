-- The description that holds for one version of a model. Grain: at most one row.
SELECT spec, origin, registered_at
FROM schemas
WHERE model_id = $model_id AND version = $version
ORDER BY (origin = 'registered') DESC, registered_at DESC, revision DESC
LIMIT 1
