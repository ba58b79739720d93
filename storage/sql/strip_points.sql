-- Of the findings of several models in their own windows (table own: model, window), those that say how each window of [$since, $until)
-- was: its rows, what is not calm, one point of each status of drift, and the newest of each course, which says what columns there are.
-- Current points of all rows of the metrics $metrics. Grain: one row per point; in the order of models and windows.
SELECT p.model, p.version, p.segment, p.window_start, p.metric, p."column", p.value, p.status, p.detail
FROM points p SEMI JOIN own ON own.model = p.model AND own."window" = p."window"
WHERE superseded_at IS NULL AND segment = '' AND list_contains(CAST($metrics AS VARCHAR[]), metric)
  AND ($since IS NULL OR window_start >= CAST($since AS TIMESTAMPTZ)) AND ($until IS NULL OR window_start < CAST($until AS TIMESTAMPTZ))
QUALIFY metric = 'rows' OR (metric <> 'drift' AND status IN ('warn', 'drift', 'failed'))
     OR (metric = 'drift' AND row_number() OVER (PARTITION BY p.model, version, window_start, metric, status) = 1)
     OR (metric <> 'drift' AND row_number() OVER (PARTITION BY p.model, metric, "column" ORDER BY window_start DESC) = 1)
ORDER BY p.model, window_start
