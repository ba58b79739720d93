-- The tables of one model; 000000 stands for its integer. Feature columns (f0001 …) and class scores (s0001 …) are added as needed.
-- pred: one row per logged prediction, repeats of an id kept and flagged. content is a hash of what was logged, so that a
-- repeat with equal content changes no fingerprint. _extra holds what has no column, or did not fit its column.
CREATE TABLE pred_000000 (
    segment_id INTEGER, n BIGINT, version VARCHAR, id VARCHAR, t TIMESTAMPTZ, written_at TIMESTAMPTZ, ingested_at TIMESTAMPTZ,
    duplicate BOOLEAN, content UBIGINT, prediction_text VARCHAR, prediction_number DOUBLE, score DOUBLE, latency_ms DOUBLE,
    error_class VARCHAR, error_text VARCHAR, weight DOUBLE, type_errors VARCHAR[], _extra JSON
);
-- label: one row per ground truth received. is_latest: the one that holds now; known_at: since when its value has held.
CREATE TABLE label_000000 (
    segment_id INTEGER, n BIGINT, id VARCHAR, label_text VARCHAR, label_number DOUBLE, labelled_at TIMESTAMPTZ,
    received_at TIMESTAMPTZ, ingested_at TIMESTAMPTZ, is_latest BOOLEAN, known_at TIMESTAMPTZ
);
-- ref: the rows of the newest reference, with its labels beside them.
CREATE TABLE ref_000000 (
    id VARCHAR, t TIMESTAMPTZ, prediction_text VARCHAR, prediction_number DOUBLE, score DOUBLE, latency_ms DOUBLE,
    label_text VARCHAR, label_number DOUBLE, labelled_at TIMESTAMPTZ, _extra JSON
)
