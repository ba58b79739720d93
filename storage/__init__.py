"""The spool and the store: the durable log and the one DuckDB file."""
