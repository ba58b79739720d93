-- How many ids of the batch had a prediction before it. Grain: one row.
SELECT count(*) AS rows
FROM pred_000000 p SEMI JOIN staged s ON p.id = s.id AND p.version = s.version
WHERE NOT p.duplicate
