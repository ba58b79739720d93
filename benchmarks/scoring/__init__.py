"""What `benchmarks/drift_scores.py` measures: one workload, and who scores it."""
