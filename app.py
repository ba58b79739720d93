"""The dashboard's process: `streamlit run app.py`. Pages, a few routes, and the life of the house behind them. No logic."""

import streamlit as st

from pages.serving import ROUTES, lifespan

app = st.App("pages/frame/navigation.py", lifespan=lifespan, routes=ROUTES)

if __name__ == "__main__":
    app.run()
