"""The dashboard's pages: select, chart, show.

Their scripts lie one folder deeper: what lies here directly Streamlit would take for pages of its own and run without the frame.
"""
