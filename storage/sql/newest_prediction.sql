-- The newest event time of all predictions of models whose counts are up to date, pruned ones included. Grain: one row.
SELECT greatest((SELECT max(c.last) FROM counts c JOIN marks k USING (model_id) WHERE k.counted = k.serial), (SELECT max(last) FROM pruned)) AS newest
