-- Calls per window of one version, by time or by row numbers. Grain: one row per window given, in its order; latencies in ms;
-- duplicates are repeats of an id whose content differs from the first: a replayed file changes no number.
WITH numbered AS (
    SELECT t, duplicate, error_class, latency_ms,
           duplicate AND NOT EXISTS (SELECT 1 FROM pred_000000 f WHERE f.id = p.id AND f.version = p.version AND NOT f.duplicate
                                     AND f.content = p.content) AS contradicts,
           CASE WHEN EXISTS (SELECT 1 FROM windows WHERE first_row IS NOT NULL)
                THEN row_number() OVER (PARTITION BY duplicate ORDER BY t, written_at, n, id) - 1 + $pruned END AS place
    FROM pred_000000 p
    WHERE version = $version AND ($before IS NULL OR t >= CAST($before AS TIMESTAMPTZ))
),
timed AS (
    SELECT w.place AS window_place, p.* EXCLUDE (place)
    FROM windows w JOIN numbered p ON p.t >= w.start AND p.t < w."end"
    WHERE w.first_row IS NULL
),
counted AS (
    SELECT w.place AS window_place, p.* EXCLUDE (place)
    FROM windows w JOIN numbered p
      ON (NOT p.duplicate AND p.place >= w.first_row AND p.place < w.last_row) OR (p.duplicate AND p.t >= w.start AND p.t < w."end")
    WHERE w.first_row IS NOT NULL
)
SELECT w.start, w."end", w.first_row, w.last_row,
       count(p.t) FILTER (NOT p.duplicate) AS rows,
       count(p.error_class) FILTER (NOT p.duplicate) AS errors,
       quantile_cont(p.latency_ms, 0.5) FILTER (NOT p.duplicate) AS latency_p50,
       quantile_cont(p.latency_ms, 0.95) FILTER (NOT p.duplicate) AS latency_p95,
       quantile_cont(p.latency_ms, 0.99) FILTER (NOT p.duplicate) AS latency_p99,
       avg(p.latency_ms) FILTER (NOT p.duplicate) AS latency_mean,
       count(p.latency_ms) FILTER (NOT p.duplicate) AS n_latency,
       count(p.t) FILTER (p.contradicts) AS duplicates
FROM windows w LEFT JOIN (SELECT * FROM timed UNION ALL SELECT * FROM counted) p ON p.window_place = w.place
GROUP BY w.place, w.start, w."end", w.first_row, w.last_row
ORDER BY w.place
