"""What `coverage.py` draws windows from."""
