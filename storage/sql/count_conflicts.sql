-- Adds the values of this transaction that did not fit (conflicts: subject, kind, count) to what today's events say of the same names.
UPDATE events SET count = events.count + c.count, happened_at = now()
FROM conflicts c
WHERE events.kind = 'type_conflict' AND events.model = $model AND events.subject = c.subject
  AND date_trunc('day', events.happened_at) = date_trunc('day', now())
