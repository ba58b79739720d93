-- The newest rows of one model (model 000000 stands for it). Grain: one row.
SELECT (SELECT count(*) FROM pred_000000 WHERE NOT duplicate) AS predictions,
       (SELECT count(*) FROM pred_000000 WHERE duplicate) AS duplicates,
       (SELECT max(t) FROM pred_000000) AS newest_prediction,
       (SELECT count(*) FROM label_000000 WHERE is_latest) AS labels,
       (SELECT max(received_at) FROM label_000000) AS newest_label,
       (SELECT count(DISTINCT version) FROM pred_000000) AS versions
