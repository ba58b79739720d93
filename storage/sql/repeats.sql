-- Rows set aside per window of one version because they repeated an id with other content. Grain: one row per window with any.
SELECT window_place, count(*) AS duplicates
FROM /*rows*/
GROUP BY window_place
