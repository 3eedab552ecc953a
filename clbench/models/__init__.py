"""Models are ordinary modules that name their hidden units: the word for it, and an activation."""
