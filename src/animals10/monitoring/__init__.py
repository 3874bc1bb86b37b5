"""What becomes of a model in use: a log of its predictions, and whether they drift."""
