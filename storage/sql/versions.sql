-- The versions of a model that logged. Grain: one row per version.
SELECT version, count(*) AS rows, min(t) AS first, max(t) AS last
FROM pred_000000 WHERE NOT duplicate GROUP BY version ORDER BY first, version
