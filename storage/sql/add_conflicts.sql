-- An event for every name of which values did not fit (conflicts: subject, kind, count) and of which today's events say nothing yet.
INSERT INTO events (happened_at, level, kind, model, text, subject, count)
SELECT now(), 'warning', 'type_conflict', $model,
       format('Values of {} did not fit ({}): they are kept as they came and counted as type errors. That day:', c.subject, c.kind),
       c.subject, c.count
FROM conflicts c
WHERE NOT EXISTS (
    SELECT 1 FROM events e
    WHERE e.kind = 'type_conflict' AND e.model = $model AND e.subject = c.subject
      AND date_trunc('day', e.happened_at) = date_trunc('day', now())
)
