"""Pages that answer: what do I hand on, and does the monitoring itself work?"""
