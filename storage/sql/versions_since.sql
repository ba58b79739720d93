-- The same as versions.sql, from the counts of buckets and the rows that were taken in since, from one moment to another: for a model of which
-- nothing else changed.
SELECT version, sum(rows)::BIGINT AS rows, min(first) AS first, max(last) AS last
FROM (
    SELECT version, rows, first, last FROM counts WHERE model_id = $model_id
    UNION ALL
    SELECT version, count(*) AS rows, min(t) AS first, max(t) AS last FROM pred_000000
    WHERE NOT duplicate AND ingested_at BETWEEN CAST($from AS TIMESTAMPTZ) AND CAST($to AS TIMESTAMPTZ) GROUP BY version
    UNION ALL
    SELECT version, rows, first, last FROM pruned WHERE model_id = $model_id
)
GROUP BY version ORDER BY first, version
