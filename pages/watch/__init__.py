"""Pages that answer: is anything wrong, since when, where?"""
