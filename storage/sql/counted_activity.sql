-- The same as activity.sql, from the counts of buckets: for windows whose edges are edges of buckets.
SELECT version, start, "end", sum(rows)::BIGINT AS rows, sum(labelled)::BIGINT AS labelled,
       printf('%d-%d-%x-%x', sum(rows)::BIGINT, sum(labelled)::BIGINT, (sum(content) % 18446744073709551616)::UBIGINT,
              (sum(truth) % 18446744073709551616)::UBIGINT) AS fingerprint
FROM (
    SELECT c.version, w.start, w."end", c.rows, c.labelled, c.content, c.truth
    FROM windows w JOIN counts c ON c.model_id = $model_id AND c.bucket >= w.start AND c.bucket < w."end"
    UNION ALL
    SELECT h.version, w.start, w."end", h.rows, h.labelled, 0, 0
    FROM windows w JOIN hourly h ON h.model_id = $model_id AND h.hour >= w.start AND h.hour < w."end"
)
GROUP BY version, start, "end"
ORDER BY version, start
