"""Parts of a window: segments and their pairs, gaps between groups, and a search for where a model does worst. Pure."""
