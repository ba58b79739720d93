-- Windows of $size rows of one version in order of time, then of logging; the last one may have fewer. Grain: one row per window.
-- "end" is one microsecond after the last row; a start that another window has too is moved on by microseconds, because
-- findings are kept by it (membership follows from the row numbers alone). Rows are counted from the first that ever was: $pruned of
-- them, all before $before, are gone.
SELECT first_row, last_row,
       start + to_microseconds(CAST(row_number() OVER (PARTITION BY start ORDER BY first_row) - 1 AS BIGINT)) AS start,
       "end" + to_microseconds(CAST(row_number() OVER (PARTITION BY start ORDER BY first_row) - 1 AS BIGINT)) AS "end", rows, labelled,
       fingerprint
FROM (
    SELECT min(place) AS first_row, max(place) + 1 AS last_row, min(t) AS start, max(t) + to_microseconds(1) AS "end", count(*) AS rows,
           count(label_id) AS labelled,
           printf('%d-%d-%x-%x', count(*), count(label_id), (sum(content) % 18446744073709551616)::UBIGINT,
                  (coalesce(sum(hash(label_id, label_text)), 0) % 18446744073709551616)::UBIGINT) AS fingerprint
    FROM (
        SELECT p.t, p.content, l.id AS label_id, l.label_text, row_number() OVER (ORDER BY p.t, p.written_at, p.n, p.id) - 1 + $pruned AS place
        FROM pred_000000 p LEFT JOIN label_000000 l ON l.id = p.id AND l.is_latest
        WHERE NOT p.duplicate AND p.version = $version AND ($before IS NULL OR p.t >= CAST($before AS TIMESTAMPTZ))
    )
    WHERE place // CAST($size AS BIGINT) * CAST($size AS BIGINT) >= $pruned  -- a window that lost rows stands as it was computed
    GROUP BY place // CAST($size AS BIGINT)
)
ORDER BY first_row
