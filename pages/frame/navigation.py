"""The script that Streamlit runs for every visit: declares the pages and hands over to the chosen one."""

import streamlit as st

from pages.frame.sections import navigation_pages

st.set_page_config(page_title="Driftboard", page_icon="📈", layout="wide", initial_sidebar_state="auto")
chosen = st.navigation(navigation_pages(), expanded=True)
chosen.run()
