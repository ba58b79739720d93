-- Flags every prediction of an id that has an earlier one. Looks at the ids of the batch only.
UPDATE pred_000000 AS target
SET duplicate = judged.place > 1
FROM (
    SELECT p.segment_id, p.n, row_number() OVER (PARTITION BY p.version, p.id ORDER BY p.written_at, p.n, p.content, p.segment_id) AS place
    FROM pred_000000 p SEMI JOIN staged s ON p.id = s.id AND p.version = s.version
) AS judged
WHERE target.segment_id = judged.segment_id AND target.n = judged.n AND target.duplicate != (judged.place > 1)
