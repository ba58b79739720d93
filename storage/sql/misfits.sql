-- Values that did not fit their feature's kind, per window and feature of one version. Grain: one row per window and feature with any.
SELECT window_place, feature, count(*) AS type_errors
FROM (SELECT window_place, unnest(type_errors) AS feature FROM /*rows*/ WHERE type_errors IS NOT NULL)
GROUP BY window_place, feature
