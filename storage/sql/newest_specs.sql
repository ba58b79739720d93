-- Every model and the description that holds for it as a whole, as model.sql finds it for one. Grain: one row per described model.
SELECT m.name, arg_max(s.spec, (s.origin = 'registered', s.registered_at, s.revision)) AS spec
FROM models m JOIN schemas s USING (model_id)
GROUP BY m.name ORDER BY m.name
