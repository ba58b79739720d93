-- Records the loading of a reference; its time span comes from its rows (ref_000000 stands for their table).
INSERT INTO reference_loads
SELECT $model_id, $rows, $hash, $source, coalesce($at, now()), min(t), max(t), $missing FROM ref_000000
