"""Pages on which models are described."""
