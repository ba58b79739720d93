"""What is known of a reference without its rows: facts that are worked out once, kept as files, and read by every later run."""
