-- The newest description of one version of a model. Grain: at most one row.
SELECT spec, origin FROM schemas WHERE model_id = $model_id AND version = $version ORDER BY revision DESC LIMIT 1
