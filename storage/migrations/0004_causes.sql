-- When and why, in the shape of storage.points.CAUSES: one row per finding that is open in the newest judged window. Derived from points.
CREATE TABLE causes (
    model VARCHAR NOT NULL, version VARCHAR NOT NULL, "window" VARCHAR NOT NULL, window_start TIMESTAMPTZ NOT NULL,
    window_end TIMESTAMPTZ NOT NULL, metric VARCHAR NOT NULL, "column" VARCHAR NOT NULL, method VARCHAR NOT NULL, status VARCHAR NOT NULL,
    value DOUBLE, since TIMESTAMPTZ NOT NULL, since_earliest TIMESTAMPTZ, since_latest TIMESTAMPTZ NOT NULL, kind VARCHAR NOT NULL,
    kind_reason VARCHAR NOT NULL, segment VARCHAR NOT NULL, segment_reason VARCHAR NOT NULL, drivers VARCHAR NOT NULL,
    sentence VARCHAR NOT NULL, computed_at TIMESTAMPTZ NOT NULL
);

-- Up to which computation the causes of a model's windows of one name are known: what was computed later is still to be explained.
CREATE TABLE explained (model VARCHAR NOT NULL, "window" VARCHAR NOT NULL, up_to TIMESTAMPTZ NOT NULL);
