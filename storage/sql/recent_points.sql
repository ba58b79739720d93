-- Of each finding's course over the windows that start in [$since, $until): what says how it is now and since when. Kept are its newest
-- point, the newest with a value, complete and settled ones, and everything since it was last judged calm – or all where it never was.
-- A model with several versions keeps all of them, for one may stand for a window in another's place. Current points of all rows of the
-- metrics $metrics, of the models $models (null: all) in their own windows (table own: model, window). Grain: one row per point.
WITH wanted AS (
    SELECT p.*, detail IS NOT NULL AND contains(detail, '"provisional"')
                AND coalesce(TRY_CAST(json_extract_string(detail, '$.provisional') AS BOOLEAN), false) AS provisional
    FROM points p SEMI JOIN own ON own.model = p.model AND own."window" = p."window"
    WHERE superseded_at IS NULL AND segment = '' AND list_contains(CAST($metrics AS VARCHAR[]), metric)
      AND ($since IS NULL OR window_start >= CAST($since AS TIMESTAMPTZ)) AND ($until IS NULL OR window_start < CAST($until AS TIMESTAMPTZ))
), courses AS (
    SELECT model, metric, "column",
           max(window_start) AS newest,
           max(window_start) FILTER (value IS NOT NULL) AS known,
           max(window_start) FILTER (value IS NOT NULL AND NOT partial) AS complete,
           max(window_start) FILTER (value IS NOT NULL AND NOT provisional AND status IN ('ok', 'warn', 'drift')) AS settled,
           max(window_start) FILTER (status = 'ok' AND threshold IS NOT NULL AND NOT partial AND NOT provisional) AS calm,
           bool_or(threshold IS NOT NULL OR status IN ('warn', 'drift', 'failed')) OR metric = 'drift' AS judged
    FROM wanted GROUP BY model, metric, "column"
), several AS (
    SELECT model FROM wanted GROUP BY model HAVING count(DISTINCT version) > 1
)
SELECT w.model, w.version, w.segment, w.window_start, w.window_end, w.metric, w."column", w.method, w.value, w.lower, w.upper, w.threshold,
       w.p_value, w.n, w.n_reference, w.n_labelled, w.label_coverage, w.status, w.reason, w.kind, w.computed_at, w.run, w."window",
       w.partial, w.detail
FROM wanted w JOIN courses c ON c.model = w.model AND c.metric = w.metric AND c."column" = w."column"
WHERE w.window_start IN (c.newest, c.known, c.complete, c.settled)
   OR (c.judged AND (c.calm IS NULL OR w.window_start >= c.calm))
   OR w.model IN (SELECT model FROM several)
ORDER BY w.model, w.window_start
