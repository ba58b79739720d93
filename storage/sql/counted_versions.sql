-- The same as versions.sql, from the counts of buckets.
SELECT version, sum(rows)::BIGINT AS rows, min(first) AS first, max(last) AS last
FROM (
    SELECT version, rows, first, last FROM counts WHERE model_id = $model_id
    UNION ALL
    SELECT version, rows, first, last FROM pruned WHERE model_id = $model_id
)
GROUP BY version ORDER BY first, version
