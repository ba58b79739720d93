"""The parts of the soak: an owner, writers, readers, faults. `benchmarks/soak.py` puts them together."""
