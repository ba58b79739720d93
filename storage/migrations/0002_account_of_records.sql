-- What each segment says of its writer's records, so that every record a logger accepted can be accounted for. A record is a
-- prediction or a ground truth. counted: false for segments that an earlier version read, or began to read, without counting so.
-- sequence: which segment of its writer it is, from 0. accepted: how many records its writer had accepted when it wrote the last
-- line read (from the header or the counters, and the lines since). records: taken in (those of subjects
-- erased since, too); bad_records: quarantined; strange: lines that cannot be used and do not say what they were; torn: last lines that were never
-- acknowledged; settled: bad lines since the last good one whose number is accounted for.
-- skewed: lines whose clock was more than 5 minutes off. began: the time in its header, UTC µs.
ALTER TABLE ingest_offsets ADD COLUMN sequence INTEGER;
ALTER TABLE ingest_offsets ADD COLUMN accepted BIGINT;
ALTER TABLE ingest_offsets ADD COLUMN records BIGINT DEFAULT 0;
ALTER TABLE ingest_offsets ADD COLUMN bad_records BIGINT DEFAULT 0;
ALTER TABLE ingest_offsets ADD COLUMN strange BIGINT DEFAULT 0;
ALTER TABLE ingest_offsets ADD COLUMN torn BIGINT DEFAULT 0;
ALTER TABLE ingest_offsets ADD COLUMN settled BIGINT DEFAULT 0;
ALTER TABLE ingest_offsets ADD COLUMN skewed BIGINT DEFAULT 0;
ALTER TABLE ingest_offsets ADD COLUMN began BIGINT;
ALTER TABLE ingest_offsets ADD COLUMN counted BOOLEAN DEFAULT true;
UPDATE ingest_offsets SET counted = false, bad_records = bad;
