-- Calls per window of one version. Grain: one row per window with rows; latencies in ms; means and weights summed as Kahan does, so that
-- they depend on no order. weight: the calls that the rows stand for, where a log keeps a sample. The comment stands for the rows with
-- their window.
SELECT window_place, count(*) AS rows, count(error_class) AS errors,
       quantile_cont(latency_ms, 0.5) AS latency_p50, quantile_cont(latency_ms, 0.95) AS latency_p95,
       quantile_cont(latency_ms, 0.99) AS latency_p99, favg(latency_ms) AS latency_mean, count(latency_ms) AS n_latency,
       fsum(coalesce(weight, 1)) AS weight, fsum(coalesce(weight, 1) ^ 2) AS weight_squares,
       coalesce(fsum(coalesce(weight, 1)) FILTER (error_class IS NOT NULL), 0) AS error_weight
FROM /*rows*/
GROUP BY window_place
