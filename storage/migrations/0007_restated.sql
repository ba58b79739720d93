-- One row per model whose verdicts were said anew in place, and how often: no window was computed then, and what is kept of its points
-- must be looked at again all the same.
CREATE TABLE restated (model VARCHAR NOT NULL, times BIGINT NOT NULL);
