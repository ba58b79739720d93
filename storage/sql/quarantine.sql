-- Lines and rows that could not be used, newest first. Grain: one row per line. A line that could not be read has no model.
SELECT segment, position, model, reason, line, quarantined_at
FROM quarantine WHERE $model IS NULL OR model = $model OR model IS NULL ORDER BY quarantined_at DESC, segment, position
