"""Models for use: the export to ONNX, and predictions without TensorFlow."""
