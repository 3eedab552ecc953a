"""Models are ordinary modules that name their hidden units: the word they do it with, and an
activation.
"""
