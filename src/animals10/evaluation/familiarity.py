"""How unlike the training photos a photo is, by its features.

The Mahalanobis distance to the nearest class: Lee et al., A Simple Unified Framework for Detecting
Out-of-Distribution Samples, NeurIPS 2018.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.covariance import ledoit_wolf


@dataclass(frozen=True)
class Familiarity:
    """What training photos look like to a model.

    `whitening` is float32 of shape (channels, k): it maps features of one length to where all
    classes spread alike in all directions. `centers` is float32 of shape (classes, k): the mean of
    each class there.
    """

    whitening: np.ndarray
    centers: np.ndarray

    def distance(self, features: np.ndarray) -> np.ndarray:
        """Return float32 squared distances to the nearest center, shape (n,), 0 or more.

        Args:
            features: float32 of shape (n, channels).
        """
        mapped = _unit(features) @ self.whitening
        squares = (mapped**2).sum(axis=1, keepdims=True) + (self.centers**2).sum(axis=1)
        return (squares - 2 * mapped @ self.centers.T).min(axis=1)


def fit(features: np.ndarray, labels: np.ndarray) -> Familiarity:
    """Learn what features of training photos are usual.

    Args:
        features: float32 of shape (n, channels).
        labels: class indices, shape (n,); every class occurs.
    """
    unit = _unit(features).astype(np.float64)
    means = np.stack([unit[labels == label].mean(axis=0) for label in np.unique(labels)])
    centered = unit - means[np.searchsorted(np.unique(labels), labels)]
    # Shrunk, since there may be fewer photos than channels.
    covariance, _ = ledoit_wolf(centered, assume_centered=True)
    whitening = np.linalg.cholesky(np.linalg.inv(covariance))
    return Familiarity(whitening.astype(np.float32), (means @ whitening).astype(np.float32))


def _unit(features: np.ndarray) -> np.ndarray:
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
