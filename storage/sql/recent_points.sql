-- Of each finding's course over the windows that start in [$since, $until): what says how it is now and since when. Kept are its newest
-- point, the newest with a value, complete and settled ones, and everything since it was last judged calm – or all where it never was.
-- A model with several versions keeps all of them, for one may stand for a window in another's place. Current points of all rows of the
-- metrics $metrics, of several models in their own windows (table own: model, window). Grain: one row per point; by model and window.
-- Which rows are kept is found with few columns; only of those rows all columns are read: half the time, and far less memory.
WITH wanted AS NOT MATERIALIZED (
    SELECT p.rowid AS place, p.model, version, metric, "column", window_start, value IS NOT NULL AS known, threshold IS NOT NULL AS bounded,
           partial, status, detail IS NOT NULL AND contains(detail, '"provisional"')
                            AND coalesce(TRY_CAST(json_extract_string(detail, '$.provisional') AS BOOLEAN), false) AS provisional
    FROM points p SEMI JOIN own ON own.model = p.model AND own."window" = p."window"
    WHERE superseded_at IS NULL AND segment = '' AND metric IN (SELECT unnest(CAST($metrics AS VARCHAR[])))
      AND ($since IS NULL OR window_start >= CAST($since AS TIMESTAMPTZ)) AND ($until IS NULL OR window_start < CAST($until AS TIMESTAMPTZ))
), courses AS MATERIALIZED (
    SELECT model, metric, "column",
           max(window_start) AS newest,
           max(window_start) FILTER (known) AS valued,
           max(window_start) FILTER (known AND NOT partial) AS complete,
           max(window_start) FILTER (known AND NOT provisional AND status IN ('ok', 'warn', 'drift')) AS settled,
           max(window_start) FILTER (status = 'ok' AND bounded AND NOT partial AND NOT provisional) AS calm,
           bool_or(bounded OR status IN ('warn', 'drift', 'failed')) OR metric = 'drift' AS judged,
           min(version) AS lowest, max(version) AS highest
    FROM wanted GROUP BY model, metric, "column"
), several AS (
    SELECT model FROM courses GROUP BY model HAVING min(lowest) <> max(highest)
), kept AS (
    SELECT w.place
    FROM wanted w JOIN courses c ON c.model = w.model AND c.metric = w.metric AND c."column" = w."column"
    WHERE w.window_start IN (c.newest, c.valued, c.complete, c.settled)
       OR (c.judged AND (c.calm IS NULL OR w.window_start >= c.calm))
       OR w.model IN (SELECT model FROM several)
)
SELECT model, version, segment, window_start, window_end, metric, "column", method, value, lower, upper, threshold, p_value, n, n_reference,
       n_labelled, label_coverage, status, reason, kind, computed_at, run, "window", partial, detail
FROM points WHERE rowid IN (SELECT place FROM kept)
ORDER BY model, window_start, metric, "column", version
