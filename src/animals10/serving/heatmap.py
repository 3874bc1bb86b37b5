"""Which parts of a photo decide: each is covered in turn, and the probability falls or not.

Source: Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, 2014.
"""

import numpy as np
from PIL import Image

from animals10.serving.following import Model
from animals10.serving.service import Predicted, Service, within

SIDE = 7  # patches of a side
_GREY = 127
_STRONGEST = 0.6  # of the overlay's opacity
_COLOUR = (255, 40, 0)


async def explain(service: Service, model: Model, predicted: Predicted) -> np.ndarray:
    """Compute a heat map, when no predictions wait.

    Args:
        service: that predicts.
        model: that has predicted.
        predicted: a photo, and what the model gives for it.

    Returns:
        float32 of shape (SIDE, SIDE): by how much the probability of the predicted class falls,
        below zero where it rises.

    Raises:
        Refusal: the server is busy.
    """
    copies = covered(predicted.image)
    with service.batcher.room(len(copies), background=True):
        waiting = (service.batcher.predict(model, copy, background=True) for copy in copies)
        outputs = await within(waiting, service.settings.deadline)
    label = predicted.outputs.probabilities[0].argmax()
    falls = [
        predicted.outputs.probabilities[0, label] - each.probabilities[0, label] for each in outputs
    ]
    return np.array(falls, np.float32).reshape(SIDE, SIDE)


def covered(image: np.ndarray) -> list[np.ndarray]:
    """Return copies of a square image, each with another patch grey, row by row."""
    edges = np.linspace(0, len(image), SIDE + 1).round().astype(int)
    copies = []
    for top, bottom in zip(edges, edges[1:], strict=False):
        for left, right in zip(edges, edges[1:], strict=False):
            copy = image.copy()
            copy[top:bottom, left:right] = _GREY
            copies.append(copy)
    return copies


def overlaid(image: np.ndarray, falls: np.ndarray) -> Image.Image:
    """Colour an image where covering it makes the probability fall, the most the strongest."""
    size = image.shape[1], image.shape[0]
    heat = np.maximum(falls, 0) / max(float(falls.max()), 1e-6)
    opacity = Image.fromarray((255 * _STRONGEST * heat).astype(np.uint8))
    grey = Image.fromarray(image).convert("L").convert("RGB")
    return Image.composite(
        Image.new("RGB", size, _COLOUR), grey, opacity.resize(size, Image.Resampling.BICUBIC)
    )
