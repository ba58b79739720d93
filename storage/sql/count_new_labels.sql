-- How many labels of the batch say something else than the label before them. Grain: one row.
SELECT count(*) AS new
FROM (
    SELECT segment_id, n, lag(label_text) OVER (PARTITION BY id ORDER BY labelled_at, received_at, n, label_text, segment_id)
                          IS DISTINCT FROM label_text AS changed
    FROM label_000000
    WHERE id IN (SELECT id FROM staged)
)
WHERE changed AND (segment_id, n) IN (SELECT (segment_id, n) FROM staged)
