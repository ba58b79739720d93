-- Rolls the predictions of one version before $before up into hours. Grain: one row per hour with rows; latencies in ms.
INSERT INTO hourly
SELECT $model_id, $version, date_trunc('hour', p.t), count(*) FILTER (NOT p.duplicate), count(*) FILTER (p.duplicate),
       count(p.error_class) FILTER (NOT p.duplicate), count(l.id) FILTER (NOT p.duplicate), count(p.latency_ms) FILTER (NOT p.duplicate),
       sum(p.latency_ms) FILTER (NOT p.duplicate), min(p.latency_ms) FILTER (NOT p.duplicate), max(p.latency_ms) FILTER (NOT p.duplicate)
FROM pred_000000 p LEFT JOIN label_000000 l ON l.id = p.id AND l.is_latest
WHERE p.version = $version AND p.t < $before
GROUP BY date_trunc('hour', p.t)
