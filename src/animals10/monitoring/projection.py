"""A few numbers that tell most of what a model's features tell."""

import numpy as np

_MOST = 16


def principal_axes(features: np.ndarray) -> np.ndarray:
    """Find the directions in which features of one length vary most.

    Args:
        features: of training photos, float32 of shape (n, channels).

    Returns:
        float32 of shape (channels, k), k at most 16: the projection is features of length 1 times
        this. The largest element of each axis is positive, so that its sign is no chance.
    """
    lengths = np.linalg.norm(features.astype(np.float64), axis=1, keepdims=True)
    covariance = np.cov(features / np.maximum(lengths, 1e-12), rowvar=False)
    axes = np.linalg.eigh(covariance).eigenvectors[:, : -_MOST - 1 : -1]
    largest = axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])]
    return (axes * np.sign(largest)).astype(np.float32)
