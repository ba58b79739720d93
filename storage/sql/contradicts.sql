-- Whether a repeat p differs from the first of its id: a replayed file changes no number.
NOT EXISTS (SELECT 1 FROM pred_000000 f WHERE f.id = p.id AND f.version = p.version AND NOT f.duplicate AND f.content = p.content)
