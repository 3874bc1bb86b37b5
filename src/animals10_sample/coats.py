"""Colours and coats: the palettes that animals share, and patches, spots and stripes on a body."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from animals10_sample.canvas import (
    Canvas,
    Colour,
    FloatArray,
    Point,
    Points,
    blob,
    ellipse,
    inside,
    shade,
    stroke,
)

BLACK: Colour = (28, 26, 26)
WHITE: Colour = (238, 234, 226)
PINK: Colour = (222, 160, 150)
FUR: tuple[Colour, ...] = (
    (84, 54, 34),
    (128, 86, 50),
    (176, 130, 84),
    (212, 184, 142),
    (236, 230, 220),
    (48, 45, 45),
    (128, 124, 120),
    (164, 98, 56),
)


@dataclass(frozen=True)
class Coat:
    """Colours of an animal: base, marks, and the marks' pattern ("plain": none)."""

    base: Colour
    mark: Colour
    pattern: str


def choose(rng: np.random.Generator, options: Sequence[Colour]) -> Colour:
    """Return one of the colours, slightly changed."""
    base = options[int(rng.integers(len(options)))]
    red, green, blue = np.clip(np.array(base) * rng.uniform(0.82, 1.1), 0, 250).astype(int)
    return int(red), int(green), int(blue)


def coat(rng: np.random.Generator, colours: Sequence[Colour], patterns: Sequence[str]) -> Coat:
    """Return a random coat of the given colours and patterns, its marks in clear contrast."""
    base, mark = choose(rng, colours), choose(rng, colours)
    if abs(sum(base) - sum(mark)) < 150:
        mark = WHITE if sum(base) < 380 else shade(base, 0.45)
    return Coat(base, mark, patterns[int(rng.integers(len(patterns)))])


def markings(canvas: Canvas, outline: Points, fur: Coat, rng: np.random.Generator) -> None:
    """Paint the coat's pattern ("plain" or a key of ``PATTERNS``) within a smooth outline."""
    if fur.pattern == "plain":
        return
    low, high = np.min(outline, axis=0), np.max(outline, axis=0)
    layer = Canvas(Image.new("RGBA", canvas.image.size), canvas.matrix, canvas.origin)
    PATTERNS[fur.pattern](layer, low, high, fur, rng)
    inside(canvas, outline, layer)


def patches(
    canvas: Canvas, low: FloatArray, high: FloatArray, fur: Coat, rng: np.random.Generator
) -> None:
    """Strew five large patches over the box from corner ``low`` to corner ``high``."""
    size = 0.24 * float((high - low).max())
    for x, y in rng.uniform(low, high, (5, 2)):
        lump(canvas, (x, y), size * rng.uniform(0.5, 1.1), fur.mark, rng)


def spots(
    canvas: Canvas, low: FloatArray, high: FloatArray, fur: Coat, rng: np.random.Generator
) -> None:
    """Strew many small spots over the box."""
    size = 0.035 * float((high - low).max())
    for x, y in rng.uniform(low, high, (26, 2)):
        radius = size * rng.uniform(0.6, 1.3)
        ellipse(canvas, (x, y), (radius, radius), fur.mark)


def stripes(
    canvas: Canvas, low: FloatArray, high: FloatArray, fur: Coat, rng: np.random.Generator
) -> None:
    """Draw dark stripes that run down from the top of the box and taper."""
    width, height = high - low
    for x in np.arange(low[0], high[0], rng.uniform(0.11, 0.15) * max(width, height)):
        line = [(x, high[1]), (x + 0.04, high[1] - 0.4 * height), (x, low[1] + 0.3 * height)]
        stroke(canvas, line, (0.05, 0.04, 0.01), shade(fur.base, 0.6))


def feathers(
    canvas: Canvas, low: FloatArray, high: FloatArray, fur: Coat, rng: np.random.Generator
) -> None:
    """Cover the box with rows of small overlapping feathers."""
    for row, y in enumerate(np.arange(low[1], high[1], 0.09)):
        for x in np.arange(low[0] + 0.05 * (row % 2), high[0], 0.1):
            rim = shade(fur.base, rng.uniform(0.66, 0.78))
            ellipse(canvas, (x, y), (0.05, 0.035), rim)
            ellipse(canvas, (x, y + 0.02), (0.046, 0.03), fur.base)


def belly(
    canvas: Canvas, low: FloatArray, high: FloatArray, fur: Coat, rng: np.random.Generator
) -> None:
    """Colour the lower part of the box."""
    width, height = high - low
    depth = rng.uniform(0.3, 0.4) * height
    ellipse(canvas, (low[0] + width / 2, low[1]), (width / 2, depth), fur.mark)


PATTERNS = {
    "patched": patches,
    "spotted": spots,
    "striped": stripes,
    "feathered": feathers,
    "belly": belly,
}


def lump(
    canvas: Canvas, centre: Point, radius: float, colour: Colour, rng: np.random.Generator
) -> None:
    """Fill an irregular round shape."""
    angles = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    radii = radius * rng.uniform(0.65, 1.2, 8)
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1) * radii[:, None] + centre
    blob(canvas, [(float(x), float(y)) for x, y in points], colour)
