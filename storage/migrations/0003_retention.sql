-- What is left of rows that were pruned. Their windows are not computed again: the points that they have stand.

-- One row per model and version that was pruned: everything before `before`, in all so far. labels: ground truth that held.
CREATE TABLE pruned (
    model_id INTEGER NOT NULL, version VARCHAR NOT NULL, before TIMESTAMPTZ NOT NULL, rows BIGINT NOT NULL, duplicates BIGINT NOT NULL,
    labels BIGINT NOT NULL, first TIMESTAMPTZ, last TIMESTAMPTZ, newest_label TIMESTAMPTZ, pruned_at TIMESTAMPTZ NOT NULL
);

-- One row per model, version and hour of pruned rows (repeats of an id counted apart); latencies in ms.
CREATE TABLE hourly (
    model_id INTEGER NOT NULL, version VARCHAR NOT NULL, hour TIMESTAMPTZ NOT NULL, rows BIGINT NOT NULL, duplicates BIGINT NOT NULL,
    errors BIGINT NOT NULL, labelled BIGINT NOT NULL, n_latency BIGINT NOT NULL, latency_sum DOUBLE, latency_min DOUBLE, latency_max DOUBLE
);
