-- The names of all models that have a description, in order. Grain: one row per model.
SELECT name FROM models WHERE model_id IN (SELECT model_id FROM schemas) ORDER BY name
