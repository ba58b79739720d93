-- What was computed for one model, version and kind of window, oldest first. Grain: one row per window.
SELECT window_start AS start, window_end AS "end", first_row, last_row, fingerprint, computed_at, state, run
FROM window_states
WHERE model = ? AND version = ? AND "window" = ?
ORDER BY window_start
