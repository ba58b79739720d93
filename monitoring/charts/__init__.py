"""Tables in, Plotly figures out; the only rooms that import Plotly. Numbers never draw themselves, and charts never compute."""
