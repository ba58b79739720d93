"""From tables to what pages say: pure functions without Streamlit, so that sentences and rows are tested as such."""
