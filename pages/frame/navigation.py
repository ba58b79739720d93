"""The script that Streamlit runs for every visit: declares the pages and hands over to the chosen one."""

from pathlib import Path

import streamlit as st

from pages.frame.sections import contents, navigation_pages

_HERE = Path(__file__).resolve().parent

st.set_page_config(page_title="Driftboard", page_icon=_HERE / "icon.svg", layout="wide", initial_sidebar_state="auto")
st.logo(_HERE / "logo.svg", icon_image=_HERE / "icon.svg", size="large")
st.html(_HERE / "page.css")
chosen = st.navigation(navigation_pages(), position="hidden")
with st.sidebar:
    contents()
chosen.run()
