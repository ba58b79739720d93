-- What each window [start, end) holds. Grain: one row per version and window with rows; of pruned rows whole hours count.
-- fingerprint: equal as long as the window's rows and the values of their labels are; sums of hashes, so order plays no part.
SELECT version, start, "end", sum(rows)::BIGINT AS rows, sum(labelled)::BIGINT AS labelled,
       printf('%d-%d-%x-%x', sum(rows)::BIGINT, sum(labelled)::BIGINT, (sum(content) % 18446744073709551616)::UBIGINT,
              (sum(truth) % 18446744073709551616)::UBIGINT) AS fingerprint
FROM (
    SELECT p.version, w.start, w."end", count(*) AS rows, count(l.id) AS labelled, sum(p.content) AS content,
           coalesce(sum(hash(l.id, l.label_text)), 0) AS truth
    FROM windows w
    JOIN pred_000000 p ON p.t >= w.start AND p.t < w."end" AND NOT p.duplicate
    LEFT JOIN label_000000 l ON l.id = p.id AND l.is_latest
    GROUP BY p.version, w.start, w."end"
    UNION ALL
    SELECT h.version, w.start, w."end", sum(h.rows)::BIGINT, sum(h.labelled)::BIGINT, 0, 0
    FROM windows w JOIN hourly h ON h.model_id = $model_id AND h.hour >= w.start AND h.hour < w."end"
    GROUP BY h.version, w.start, w."end"
)
GROUP BY version, start, "end"
ORDER BY version, start
