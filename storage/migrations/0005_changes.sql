-- What of the rows changed since they were last counted, so that looking for due windows costs what is new and not what is there.

-- One row per model. serial: raised by every change of what its windows are computed from (rows, labels, descriptions, reference),
-- in the transaction of the change. counted: the serial for which `counts` is right; null: never counted. grain: seconds of one bucket.
CREATE TABLE marks (model_id INTEGER NOT NULL, serial BIGINT NOT NULL, counted BIGINT, grain INTEGER NOT NULL);
INSERT INTO marks SELECT model_id, 0, NULL, 86400 FROM models;

-- One row per change that is not counted yet. kind: predictions (new ids only) | repeats | labels – those rows whose ingested_at is noted_at,
-- the moment of the transaction – | everything | description (which changes no row).
CREATE TABLE changes (model_id INTEGER NOT NULL, serial BIGINT NOT NULL, kind VARCHAR NOT NULL, noted_at TIMESTAMPTZ NOT NULL);

-- One row per model, version and bucket of event time with rows that count. content and truth: sums of hashes, as storage/sql/activity.sql
-- has them; first and last: event times.
CREATE TABLE counts (
    model_id INTEGER NOT NULL, version VARCHAR, bucket TIMESTAMPTZ NOT NULL, rows BIGINT NOT NULL, labelled BIGINT NOT NULL,
    content UBIGINT NOT NULL, truth UBIGINT NOT NULL, first TIMESTAMPTZ NOT NULL, last TIMESTAMPTZ NOT NULL
);

-- One row per model and kind of windows ("": its own) of which nothing is due as of this serial, by this version of the code, while
-- the clock is in [since, until): until is when the next window ends, matures or may be tried again; null where none will.
CREATE TABLE settled (
    model_id INTEGER NOT NULL, "window" VARCHAR NOT NULL, serial BIGINT NOT NULL, code VARCHAR NOT NULL, since TIMESTAMPTZ NOT NULL,
    until TIMESTAMPTZ
);
