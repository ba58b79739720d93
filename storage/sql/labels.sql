-- Every ground truth received, newest first. Grain: one row per label received. label_value is label_text or label_number.
SELECT l.id, l.label_value AS label, l.labelled_at, l.received_at, l.ingested_at, l.is_latest,
       EXISTS (SELECT 1 FROM pred_000000 p WHERE p.id = l.id) AS has_prediction
FROM label_000000 l
ORDER BY l.received_at DESC, l.id
