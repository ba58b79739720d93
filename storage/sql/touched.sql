-- The buckets of $grain microseconds that hold rows touched by predictions and labels taken in between two moments. Grain: one row each.
-- A repeat may change which row of its id counts, and a label belongs to all rows of its id: so both are followed through the id.
SELECT DISTINCT version, make_timestamptz(epoch_us(t) - ((epoch_us(t) % $grain) + $grain) % $grain) AS bucket
FROM (
    SELECT version, t FROM pred_000000
    WHERE $predictions_from IS NOT NULL AND ingested_at BETWEEN CAST($predictions_from AS TIMESTAMPTZ) AND CAST($predictions_to AS TIMESTAMPTZ)
    UNION ALL
    SELECT version, t FROM pred_000000
    WHERE $repeats_from IS NOT NULL AND id IN (
        SELECT id FROM pred_000000
        WHERE ingested_at BETWEEN CAST($repeats_from AS TIMESTAMPTZ) AND CAST($repeats_to AS TIMESTAMPTZ))
    UNION ALL
    SELECT version, t FROM pred_000000
    WHERE $labels_from IS NOT NULL AND id IN (
        SELECT id FROM label_000000
        WHERE ingested_at BETWEEN CAST($labels_from AS TIMESTAMPTZ) AND CAST($labels_to AS TIMESTAMPTZ))
)
