-- Every description a model ever had, oldest first. Grain: one row per revision; spec is JSON text.
SELECT s.revision, s.version, s.origin, s.registered_at, CAST(s.spec AS VARCHAR) AS spec
FROM schemas s JOIN models m USING (model_id)
WHERE m.name = ?
ORDER BY s.revision
