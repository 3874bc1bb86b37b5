"""animals10: a reproducible image-classification pipeline (DVC, Keras 3, MLflow)."""

import os

# ONNX Runtime would report to Microsoft which models run, and MLflow to its makers what is called.
# Before they are imported; who sets the variables to 0 lets them.
for _name in ("ORT_DISABLE_TELEMETRY", "MLFLOW_DISABLE_TELEMETRY"):
    os.environ.setdefault(_name, "1")
