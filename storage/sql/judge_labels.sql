-- Says for every id of the batch that has several labels which one holds: the latest by labelled_at, then by received_at.
-- known_at is the start of the last unbroken run of equal values, so that a repeat changes nothing.
UPDATE label_000000 AS target
SET is_latest = judged.is_latest, known_at = judged.known_at
FROM (
    SELECT segment_id, n, place = total AS is_latest,
           max(CASE WHEN changed THEN labelled_at END) OVER (PARTITION BY id) AS known_at
    FROM (
        SELECT segment_id, n, id, labelled_at,
               row_number() OVER history AS place,
               count(*) OVER (PARTITION BY id) AS total,
               lag(label_text) OVER history IS DISTINCT FROM label_text AS changed
        FROM label_000000
        WHERE id IN (SELECT id FROM staged)
        WINDOW history AS (PARTITION BY id ORDER BY labelled_at, received_at, n, label_text, segment_id)
    )
    WHERE total > 1
) AS judged
WHERE target.segment_id = judged.segment_id AND target.n = judged.n
