-- The whole house, empty. Names of users (models, features, classes) are values in these tables, never identifiers:
-- each model has an integer, from which its own tables are named (pred_000001, label_000001, ref_000001; made when the
-- model is first heard of). No primary keys on purpose: DuckDB checks them eagerly within a transaction and keeps an
-- index in memory; the one writer keeps these tables unique.

-- One row per model ever heard of. origin: registered | inferred | labels (nothing but ground truth has come yet).
CREATE TABLE models (model_id INTEGER NOT NULL, name VARCHAR NOT NULL, origin VARCHAR NOT NULL, created_at TIMESTAMPTZ NOT NULL);

-- One row per description that changed something: revision counts up within a model.
CREATE TABLE schemas (
    model_id INTEGER NOT NULL, revision INTEGER NOT NULL, version VARCHAR NOT NULL, spec JSON NOT NULL,
    origin VARCHAR NOT NULL, registered_at TIMESTAMPTZ NOT NULL
);

-- One row per column of a model's wide table. A name whose kind changed has several rows; the old column keeps its values.
CREATE TABLE columns (
    model_id INTEGER NOT NULL, number INTEGER NOT NULL, name VARCHAR NOT NULL, role VARCHAR NOT NULL, kind VARCHAR NOT NULL,
    column_name VARCHAR NOT NULL, added_at TIMESTAMPTZ NOT NULL
);

-- One row per reference ever loaded; the rows of the newest are in the model's ref table.
CREATE TABLE reference_loads (
    model_id INTEGER NOT NULL, rows BIGINT NOT NULL, hash VARCHAR NOT NULL, source VARCHAR NOT NULL, loaded_at TIMESTAMPTZ NOT NULL,
    start TIMESTAMPTZ, "end" TIMESTAMPTZ, missing_columns VARCHAR[] NOT NULL
);

-- Findings, in the shape of storage.points.POINTS; superseded_at is null for the ones that hold now.
CREATE TABLE points (
    model VARCHAR, version VARCHAR, segment VARCHAR, window_start TIMESTAMPTZ, window_end TIMESTAMPTZ, metric VARCHAR,
    "column" VARCHAR, method VARCHAR, value DOUBLE, lower DOUBLE, upper DOUBLE, threshold DOUBLE, p_value DOUBLE,
    n BIGINT, n_reference BIGINT, n_labelled BIGINT, label_coverage DOUBLE, status VARCHAR, reason VARCHAR, kind VARCHAR,
    computed_at TIMESTAMPTZ, run VARCHAR, "window" VARCHAR, partial BOOLEAN, detail VARCHAR, superseded_at TIMESTAMPTZ
);

-- Distributions and curves that pages draw, in the shape of storage.points.PROFILES; replaced with their window.
CREATE TABLE profiles (
    model VARCHAR, version VARCHAR, segment VARCHAR, "window" VARCHAR, window_start TIMESTAMPTZ, window_end TIMESTAMPTZ,
    kind VARCHAR, "column" VARCHAR, series VARCHAR, x DOUBLE, x_end DOUBLE, label VARCHAR, value DOUBLE, n BIGINT
);

-- One row per window computed: from which data (fingerprint) and how it went (state).
CREATE TABLE window_states (
    model VARCHAR NOT NULL, version VARCHAR NOT NULL, "window" VARCHAR NOT NULL, window_start TIMESTAMPTZ NOT NULL,
    window_end TIMESTAMPTZ NOT NULL, first_row BIGINT, last_row BIGINT, fingerprint VARCHAR NOT NULL, state VARCHAR NOT NULL,
    computed_at TIMESTAMPTZ NOT NULL, run VARCHAR NOT NULL
);

-- One row per snapshot or rendered report; path is relative to the home's reports folder.
CREATE TABLE reports (
    report_id VARCHAR NOT NULL, model VARCHAR NOT NULL, version VARCHAR NOT NULL, kind VARCHAR NOT NULL, "window" VARCHAR NOT NULL,
    window_start TIMESTAMPTZ, window_end TIMESTAMPTZ, format VARCHAR NOT NULL, path VARCHAR NOT NULL, created_at TIMESTAMPTZ NOT NULL,
    run VARCHAR NOT NULL, detail JSON
);

-- One row per run of the runner. state: running | done | failed | interrupted (its owner ended before it did).
CREATE TABLE runs (
    run VARCHAR NOT NULL, model VARCHAR, "window" VARCHAR, state VARCHAR NOT NULL, started_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL, finished_at TIMESTAMPTZ, done BIGINT NOT NULL, total BIGINT NOT NULL, note VARCHAR,
    points BIGINT NOT NULL, failed BIGINT NOT NULL, insufficient BIGINT NOT NULL, reason VARCHAR
);

-- One row per segment file ever seen: everything before position is in the tables, or in quarantine.
-- lines: good ones; bad: quarantined ones; lost: numbers that never came. ended: its end line was read. state: open | archived.
CREATE TABLE ingest_offsets (
    segment_id INTEGER NOT NULL, segment VARCHAR NOT NULL, position BIGINT NOT NULL, last_n BIGINT NOT NULL, lines BIGINT NOT NULL,
    bad BIGINT NOT NULL, lost BIGINT NOT NULL, writer VARCHAR, ended BOOLEAN NOT NULL, state VARCHAR NOT NULL, updated_at TIMESTAMPTZ NOT NULL
);

-- One row, ever: predictions and labels taken in, and those that repeated an id or a value.
CREATE TABLE collected (ingested BIGINT NOT NULL, duplicates BIGINT NOT NULL);
INSERT INTO collected VALUES (0, 0);

-- One row per line or row that could not be used; line is its beginning, as text.
CREATE TABLE quarantine (
    segment VARCHAR NOT NULL, position BIGINT NOT NULL, model VARCHAR, reason VARCHAR NOT NULL, line VARCHAR NOT NULL,
    quarantined_at TIMESTAMPTZ NOT NULL
);

-- What happened to the house itself, newest last. level: info | warning | error.
CREATE TABLE events (happened_at TIMESTAMPTZ NOT NULL, level VARCHAR NOT NULL, kind VARCHAR NOT NULL, model VARCHAR, text VARCHAR NOT NULL);

-- The newest counters of each logger, as it wrote them.
CREATE TABLE logger_stats (writer VARCHAR NOT NULL, written_at TIMESTAMPTZ NOT NULL, stats JSON NOT NULL);
