-- The ground truth that held at $as_of, from what had been received by then. Grain: one row per id.
SELECT id, arg_max(label_text, place) AS label_text, arg_max(label_number, place) AS label_number,
       max(CASE WHEN changed THEN labelled_at END) AS known_at
FROM (
    SELECT id, label_text, label_number, labelled_at, row_number() OVER history AS place,
           lag(label_text) OVER history IS DISTINCT FROM label_text AS changed
    FROM label_000000
    WHERE received_at <= $as_of
    WINDOW history AS (PARTITION BY id ORDER BY labelled_at, received_at, n, label_text, segment_id)
)
GROUP BY id
