-- What pruning one version before $before removes. Grain: one row; labels: all received, and those that held. The labels of ids that
-- have a prediction elsewhere stay.
SELECT count(*) FILTER (NOT p.duplicate) AS rows, count(*) FILTER (p.duplicate) AS duplicates, min(p.t) FILTER (NOT p.duplicate) AS first,
       max(p.t) FILTER (NOT p.duplicate) AS last,
       (SELECT count(*) FROM label_000000 WHERE id IN (SELECT id FROM leaving)) AS labels_received,
       (SELECT count(*) FROM label_000000 WHERE is_latest AND id IN (SELECT id FROM leaving)) AS labels,
       (SELECT max(received_at) FROM label_000000 WHERE id IN (SELECT id FROM leaving)) AS newest_label
FROM pred_000000 p
WHERE p.version = $version AND p.t < $before
