-- The columns of a model's wide table in the order they were made. Grain: one row per column.
SELECT number, name, role, kind, column_name FROM columns WHERE model_id = ? ORDER BY number
