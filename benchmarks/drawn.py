"""A drawn photo as a file, which benchmarks of exported models predict."""

import io

import numpy as np
from PIL import Image

import animals10_sample


def jpeg(number: int) -> bytes:
    """Draw a photo of 300 x 260 pixels, as those of Animals-10 are."""
    name = animals10_sample.CLASSES[number % 10]
    drawn = Image.fromarray(animals10_sample.draw(name, np.random.default_rng(number)))
    content = io.BytesIO()
    drawn.resize((300, 260)).save(content, "JPEG", quality=90)
    return content.getvalue()
