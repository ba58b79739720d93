-- The newest rows of one model (model 000000 stands for it), pruned ones counted. Grain: one row.
SELECT (SELECT count(*) FROM pred_000000 WHERE NOT duplicate) + gone.rows AS predictions,
       (SELECT count(*) FROM pred_000000 WHERE duplicate) + gone.duplicates AS duplicates,
       greatest((SELECT max(t) FROM pred_000000), gone.last) AS newest_prediction,
       (SELECT count(*) FROM label_000000 WHERE is_latest) + gone.labels AS labels,
       greatest((SELECT max(received_at) FROM label_000000), gone.newest_label) AS newest_label,
       (SELECT count(*) FROM (SELECT version FROM pred_000000 UNION SELECT version FROM pruned WHERE model_id = $model_id)) AS versions
FROM (
    SELECT coalesce(sum(rows), 0)::BIGINT AS rows, coalesce(sum(duplicates), 0)::BIGINT AS duplicates, coalesce(sum(labels), 0)::BIGINT AS labels,
           max(last) AS last, max(newest_label) AS newest_label
    FROM pruned WHERE model_id = $model_id
) AS gone
