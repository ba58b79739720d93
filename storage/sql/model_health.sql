-- Repeats and labels of one model (model 000000 stands for it), pruned ones counted, beside what `versions` says. Grain: one row.
-- Written so that whole row groups are passed over: few rows are repeats, and few labels are no longer the latest.
SELECT again.rows + gone.duplicates AS duplicates, again.last AS last_repeat,
       (SELECT count(*) FROM label_000000) - (SELECT count(*) FROM label_000000 WHERE NOT is_latest) + gone.labels AS labels,
       greatest((SELECT max(received_at) FROM label_000000), gone.newest_label) AS newest_label
FROM (SELECT count(*) AS rows, max(t) AS last FROM pred_000000 WHERE duplicate) AS again, (
    SELECT coalesce(sum(duplicates), 0)::BIGINT AS duplicates, coalesce(sum(labels), 0)::BIGINT AS labels, max(newest_label) AS newest_label
    FROM pruned WHERE model_id = $model_id
) AS gone
