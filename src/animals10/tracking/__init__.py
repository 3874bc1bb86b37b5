"""MLflow and provenance: what ran, of what it was made, and what came of it.

No stage depends on this package: to change what is recorded trains nothing again.
"""
