"""Driftboard's public face. Light: importing it imports none of pandas, pyarrow, duckdb, evidently, plotly or streamlit."""
