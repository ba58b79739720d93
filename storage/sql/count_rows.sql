-- Rows that count, and their labels, per bucket of $grain seconds. Grain: one row per version and bucket with rows. What is summed is what
-- activity.sql sums, modulo 2^64. /*touched*/ stands for a restriction to some buckets.
SELECT p.version, p.bucket, count(*)::BIGINT AS rows, count(l.id)::BIGINT AS labelled,
       (sum(p.content) % 18446744073709551616)::UBIGINT AS content,
       (coalesce(sum(hash(l.id, l.label_text)), 0) % 18446744073709551616)::UBIGINT AS truth, min(p.t) AS first, max(p.t) AS last
FROM (
    SELECT version, id, t, content, make_timestamptz(epoch_us(t) - ((epoch_us(t) % $grain) + $grain) % $grain) AS bucket
    FROM pred_000000 WHERE NOT duplicate /*within*/
) p
/*touched*/
LEFT JOIN label_000000 l ON l.id = p.id AND l.is_latest
GROUP BY p.version, p.bucket
