-- What became of the records that loggers accepted: accepted = ingested + duplicates + quarantined + in_spool + lost.
-- Grain: one row; units: records (predictions and ground truth). `tails` has a row per segment of the spool with lines that were not
-- read yet: how many records stand there (waiting), and what its writer says (accepted) up to there.
-- A segment that came a second time, under another name or from a backup, accounts for nothing new: of several with one writer and
-- sequence the fullest counts; the records of the others are `replayed`.
WITH every AS (
    SELECT coalesce(o.segment_id, 2147483647) AS segment_id, coalesce(t.segment, o.segment) AS segment,
           coalesce(t.writer, o.writer) AS writer, coalesce(t.sequence, o.sequence) AS sequence,
           CASE WHEN t.segment IS NULL THEN o.accepted ELSE t.accepted END AS accepted,
           coalesce(o.records, 0) AS records, coalesce(o.bad_records, 0) AS bad_records,
           coalesce(o.strange, 0) AS strange, coalesce(o.torn, 0) AS torn, coalesce(o.lost, 0) AS gaps,
           coalesce(o.skewed, 0) AS skewed, coalesce(o.lines, 0) AS lines, coalesce(o.bad, 0) AS bad, coalesce(t.waiting, 0) AS waiting,
           o.state, coalesce(o.counted, true) AS counted
    FROM ingest_offsets o FULL JOIN tails t ON t.segment = o.segment
),
copies AS (
    SELECT *, row_number() OVER (
        PARTITION BY writer, coalesce(sequence, -segment_id), CASE WHEN sequence IS NULL THEN segment END
        ORDER BY records + bad_records + waiting DESC, segment_id, segment
    ) AS copy
    FROM every
),
writers AS (
    SELECT sum(records)::BIGINT AS records, sum(bad_records) AS bad_records, sum(waiting) AS waiting,
           sum(strange) AS strange, sum(records + bad_records + waiting) AS seen,
           coalesce(CASE WHEN bool_and(counted) THEN arg_max(accepted, coalesce(sequence, 0)) FILTER (accepted IS NOT NULL) END,
                    sum(records + bad_records + waiting + gaps)) AS said  -- without a statement: what came, and what did not
    FROM copies WHERE copy = 1 GROUP BY writer
),
judged AS (
    SELECT *, greatest(said, seen) AS accepted, least(strange, greatest(said - seen, 0)) AS own FROM writers
),
summed AS (
    SELECT coalesce(sum(records), 0) AS records, coalesce(sum(accepted), 0) AS accepted, coalesce(sum(bad_records + own), 0) AS quarantined,
           coalesce(sum(waiting), 0) AS in_spool, coalesce(sum(accepted - seen - own), 0) AS lost,
           coalesce(sum(strange - own), 0) AS "foreign"
    FROM judged
),
every_sum AS (
    SELECT coalesce(sum(records) FILTER (copy > 1), 0) AS replayed, coalesce(sum(torn), 0) AS torn, coalesce(sum(skewed), 0) AS skewed,
           coalesce(sum(lines), 0) AS lines_read, coalesce(sum(bad), 0) AS lines_quarantined,
           count(*) FILTER (state = 'open') AS open_segments, (SELECT ingested FROM collected) AS ingested,
           (SELECT ingested + duplicates FROM collected) - coalesce(sum(records), 0) AS earlier  -- taken in by a version that did not count so
    FROM copies
)
SELECT (accepted + earlier)::BIGINT AS accepted, ingested::BIGINT AS ingested,
       greatest(records + earlier - ingested, 0)::BIGINT AS duplicates, quarantined::BIGINT AS quarantined,
       in_spool::BIGINT AS in_spool, greatest(lost - greatest(ingested - records - earlier, 0), 0)::BIGINT AS lost,
       torn::BIGINT AS torn, "foreign"::BIGINT AS "foreign", replayed::BIGINT AS replayed, skewed::BIGINT AS skewed,
       lines_read::BIGINT AS lines_read, lines_quarantined::BIGINT AS lines_quarantined, open_segments::BIGINT AS open_segments
FROM summed, every_sum
