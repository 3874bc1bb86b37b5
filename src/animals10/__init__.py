"""animals10: a reproducible image-classification pipeline (DVC, Keras 3, MLflow)."""
