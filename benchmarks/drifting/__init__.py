"""What `false_alarms.py` and `power.py` share: streams of rows, and who judges them."""
