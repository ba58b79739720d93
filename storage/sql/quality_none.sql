-- The shape of quality.sql without rows, for a model that has no features.
SELECT now() AS start, now() AS "end", 0::BIGINT AS first_row, 0::BIGINT AS last_row, '' AS "column", 0::BIGINT AS n, 0::BIGINT AS missing,
       0::BIGINT AS type_errors, 0::BIGINT AS below, 0::BIGINT AS above, 0::BIGINT AS new_categories
WHERE false
