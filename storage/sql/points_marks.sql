-- What changes with a model's points or its description. Grain: one row per described model, in the order of names.
SELECT m.name, printf('%d-%d-%d-%d', coalesce(s.windows, 0), coalesce(epoch_us(s.newest), 0), d.revisions, coalesce(r.times, 0)) AS mark
FROM models m
LEFT JOIN (SELECT model, count(*) AS windows, max(computed_at) AS newest FROM window_states GROUP BY model) s ON s.model = m.name
JOIN (SELECT model_id, count(*) AS revisions FROM schemas GROUP BY model_id) d ON d.model_id = m.model_id
LEFT JOIN (SELECT model, sum(times)::BIGINT AS times FROM restated GROUP BY model) r ON r.model = m.name
ORDER BY m.name
