-- The newest reference of a model. Grain: at most one row.
SELECT rows, hash, source, loaded_at, start, "end", missing_columns FROM reference_loads WHERE model_id = ? ORDER BY loaded_at DESC LIMIT 1
