-- What became of the lines read so far. Grain: one row; lines are records of all kinds.
SELECT coalesce(sum(lines), 0)::BIGINT AS lines_read, coalesce(sum(bad), 0)::BIGINT AS quarantined, coalesce(sum(lost), 0)::BIGINT AS lost,
       (SELECT ingested FROM collected) AS ingested, (SELECT duplicates FROM collected) AS duplicates,
       count(*) FILTER (state = 'open')::BIGINT AS open_segments
FROM ingest_offsets
