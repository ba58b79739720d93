-- Adds a description as the model's next revision.
INSERT INTO schemas
SELECT $model_id, coalesce(max(revision), 0) + 1, $version, $spec, $origin, coalesce($said_at, now()) FROM schemas WHERE model_id = $model_id
