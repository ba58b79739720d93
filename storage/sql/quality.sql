-- The quality of each feature per window of one version. Grain: one row per window given and feature, in their orders.
-- n: rows of the window; the others count rows. below, above and new_categories are null without a reference, or where the kind
-- has no such thing. /*…*/ stand for expressions over surrogate columns.
WITH extremes AS (SELECT /*extremes*/ FROM ref_000000),
numbered AS (
    SELECT p.t, p.id, p.type_errors, /*columns*/ /*news*/,
           CASE WHEN EXISTS (SELECT 1 FROM windows WHERE first_row IS NOT NULL) THEN row_number() OVER (ORDER BY t, written_at, n, id) - 1 + $pruned END AS place
    FROM pred_000000 p
    WHERE NOT p.duplicate AND p.version = $version AND ($before IS NULL OR p.t >= CAST($before AS TIMESTAMPTZ))
),
inside AS (
    SELECT w.place AS window_place, p.* EXCLUDE (place)
    FROM windows w JOIN numbered p ON p.t >= w.start AND p.t < w."end" WHERE w.first_row IS NULL
    UNION ALL
    SELECT w.place AS window_place, p.* EXCLUDE (place)
    FROM windows w JOIN numbered p ON p.place >= w.first_row AND p.place < w.last_row WHERE w.first_row IS NOT NULL
),
counted AS (SELECT window_place, count(*) AS n, /*counts*/ FROM inside, extremes WHERE id IS NOT NULL GROUP BY window_place),
misfits AS (
    SELECT window_place, feature, count(*) AS type_errors
    FROM (SELECT window_place, unnest(type_errors) AS feature FROM inside WHERE type_errors IS NOT NULL)
    GROUP BY window_place, feature
)
SELECT w.start, w."end", w.first_row, w.last_row, f.feature AS "column", coalesce(c.n, 0) AS n,
       coalesce(c.missing[f.place + 1], 0) AS missing,
       coalesce(m.type_errors, 0) AS type_errors,
       CASE WHEN f.numeric AND $has_reference THEN coalesce(c.below[f.place + 1], 0) END AS below,
       CASE WHEN f.numeric AND $has_reference THEN coalesce(c.above[f.place + 1], 0) END AS above,
       CASE WHEN f.categorical AND $has_reference THEN coalesce(c.new_categories[f.place + 1], 0) END AS new_categories
FROM windows w CROSS JOIN features f
LEFT JOIN counted c ON c.window_place = w.place
LEFT JOIN misfits m ON m.window_place = w.place AND m.feature = f.feature
ORDER BY w.place, f.place
