-- The versions of a model that logged, pruned rows included. Grain: one row per version.
SELECT version, sum(rows)::BIGINT AS rows, min(first) AS first, max(last) AS last
FROM (
    SELECT version, count(*) AS rows, min(t) AS first, max(t) AS last FROM pred_000000 WHERE NOT duplicate GROUP BY version
    UNION ALL
    SELECT version, rows, first, last FROM pruned WHERE model_id = $model_id
)
GROUP BY version ORDER BY first, version
