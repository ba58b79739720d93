-- What each window [start, end) holds. Grain: one row per version and window with rows.
-- fingerprint: equal as long as the window's rows and the values of their labels are; sums of hashes, so order plays no part.
SELECT p.version, w.start, w."end", count(*) AS rows, count(l.id) AS labelled,
       printf('%d-%d-%x-%x', count(*), count(l.id), (sum(p.content) % 18446744073709551616)::UBIGINT,
              (coalesce(sum(hash(l.id, l.label_text)), 0) % 18446744073709551616)::UBIGINT) AS fingerprint
FROM windows w
JOIN pred_000000 p ON p.t >= w.start AND p.t < w."end" AND NOT p.duplicate
LEFT JOIN label_000000 l ON l.id = p.id AND l.is_latest
GROUP BY p.version, w.start, w."end"
ORDER BY p.version, w.start
