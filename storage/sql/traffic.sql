-- Calls per window of one version. Grain: one row per window with rows; latencies in ms, their mean summed as Kahan does, so that it depends on no order. The comment stands for the rows with their window.
SELECT window_place, count(*) AS rows, count(error_class) AS errors,
       quantile_cont(latency_ms, 0.5) AS latency_p50, quantile_cont(latency_ms, 0.95) AS latency_p95,
       quantile_cont(latency_ms, 0.99) AS latency_p99, favg(latency_ms) AS latency_mean, count(latency_ms) AS n_latency
FROM /*rows*/
GROUP BY window_place
