"""Heads seen from the front.

A face's frame has its origin between the eyes and one unit is about the head's height.
"""

from __future__ import annotations

import numpy as np

from animals10_sample.canvas import Canvas, Colour, blob, ellipse, mix, polygon, shade, stroke
from animals10_sample.coats import BLACK, PINK, WHITE, Coat
from animals10_sample.heads import EYES, TONGUE
from animals10_sample.parts import (
    elephant_ear,
    eye,
    hanging_ear,
    horn,
    leaf_ear,
    pointed_ear,
    whiskers,
    wool,
)


def dog_face(canvas: Canvas, fur: Coat, floppy: bool, rng: np.random.Generator) -> None:
    """Draw a dog's face: a broad muzzle with a black nose, and ears that hang or stand."""
    muzzle = fur.mark if fur.pattern != "plain" else shade(fur.base, 1.12)
    if not floppy:
        for side in (-1, 1):
            frame = canvas.at(side * 0.28, 0.3, mirror=side > 0).at(0, 0, 0.2)
            pointed_ear(frame, 0.42, shade(fur.base, 0.8), shade(PINK, 0.8))
    if rng.random() < 0.5:
        blob(canvas, [(-0.08, -0.35), (0.08, -0.35), (0.09, -0.58), (-0.09, -0.58)], TONGUE)
    blob(
        canvas,
        [
            (-0.38, 0.15),
            (-0.2, 0.42),
            (0.2, 0.42),
            (0.38, 0.15),
            (0.3, -0.22),
            (0, -0.42),
            (-0.3, -0.22),
        ],
        fur.base,
    )
    if fur.pattern == "patched":
        ellipse(canvas, (0.18, 0.12), (0.15, 0.18), fur.mark)
    ellipse(canvas, (0, -0.22), (0.23, 0.21), muzzle)
    stroke(canvas, [(-0.14, -0.27), (0, -0.32), (0.14, -0.27)], (0.025, 0.03, 0.025), BLACK)
    stroke(canvas, [(0, -0.12), (0, -0.3)], (0.025, 0.025), BLACK)
    ellipse(canvas, (0, -0.1), (0.115, 0.08), BLACK)
    for side in (-1, 1):
        ellipse(canvas, (side * 0.18, 0.1), (0.085, 0.08), shade(fur.base, 0.6))
        eye(canvas, (side * 0.18, 0.1), 0.06)
        if floppy:
            frame = canvas.at(side * 0.4, 0.3, mirror=side < 0).at(0, 0, 0.3)
            hanging_ear(frame, rng.uniform(0.5, 0.65), shade(fur.base, 0.6))


def cat_face(canvas: Canvas, fur: Coat, rng: np.random.Generator) -> None:
    """Draw a cat's face: round, two triangular ears, slit eyes, a small nose, whiskers."""
    for side in (-1, 1):
        frame = canvas.at(side * 0.29, 0.27, mirror=side > 0).at(0, 0, 0.25)
        pointed_ear(frame, 0.44, fur.base, mix(PINK, fur.base, 0.25))
    ellipse(canvas, (0, 0), (0.46, 0.39), fur.base)
    if fur.pattern == "striped":
        for x in (-0.13, 0.0, 0.13):
            line = [(x, 0.37), (0.8 * x, 0.2)]
            stroke(canvas, line, (0.06, 0.02), shade(fur.base, 0.55))
    if fur.pattern == "patched":
        ellipse(canvas, (0.22, 0.12), (0.2, 0.2), fur.mark)
    pale = mix(fur.base, WHITE, 0.55)
    for side in (-1, 1):
        ellipse(canvas, (side * 0.085, -0.18), (0.125, 0.1), pale)
        whiskers(canvas.at(side * 0.12, -0.17, mirror=side < 0), 0.5, mix(fur.base, WHITE, 0.85))
    ellipse(canvas, (0, -0.27), (0.09, 0.06), pale)
    polygon(canvas, [(-0.06, -0.07), (0.06, -0.07), (0, -0.14)], shade(PINK, 0.85))
    stroke(canvas, [(-0.12, -0.19), (0, -0.25), (0.12, -0.19)], (0.02, 0.025, 0.02), BLACK)
    iris = EYES[rng.integers(len(EYES))]
    for side in (-1, 1):
        ellipse(canvas, (side * 0.19, 0.06), (0.115, 0.1), shade(fur.base, 0.45))
        eye(canvas, (side * 0.19, 0.06), 0.09, iris)


def horse_face(canvas: Canvas, fur: Coat, mane: Colour, blaze: bool) -> None:
    """Draw a horse's face: long and narrow, upright ears, a forelock, wide nostrils."""
    for side in (-1, 1):
        frame = canvas.at(side * 0.15, 0.4, mirror=side > 0).at(0, 0, 0.12)
        pointed_ear(frame, 0.26, fur.base, shade(fur.base, 0.6))
    blob(
        canvas,
        [
            (-0.21, 0.38),
            (0, 0.46),
            (0.21, 0.38),
            (0.23, 0.12),
            (0.13, -0.3),
            (0.17, -0.55),
            (0, -0.66),
            (-0.17, -0.55),
            (-0.13, -0.3),
            (-0.23, 0.12),
        ],
        fur.base,
    )
    ellipse(canvas, (0, -0.53), (0.17, 0.13), shade(fur.base, 0.7))
    if blaze:
        stroke(canvas, [(0, 0.25), (0, 0.0), (0, -0.42)], (0.05, 0.12, 0.08), WHITE)
    for side in (-1, 1):
        ellipse(canvas, (side * 0.09, -0.5), (0.035, 0.05), BLACK)
        ellipse(canvas, (side * 0.2, 0.14), (0.045, 0.075), shade(fur.base, 0.6))
        eye(canvas, (side * 0.2, 0.14), 0.045)
    for x in (-0.06, 0.0, 0.07):
        stroke(canvas, [(0, 0.46), (x, 0.33), (1.2 * x, 0.16)], (0.12, 0.09, 0.01), mane)


def cow_face(canvas: Canvas, fur: Coat, horned: bool) -> None:
    """Draw a cow's face: a broad pink muzzle, ears that stick out sideways, two horns."""
    for side in (-1, 1):
        frame = canvas.at(side * 0.24, 0.24, mirror=side < 0)
        if horned:
            horn(frame.at(-0.04, 0.14, 0.35), 0.36, 0.7)
        leaf_ear(frame.at(0, 0, -0.15), 0.4, shade(fur.base, 0.85))
    blob(
        canvas,
        [
            (-0.27, 0.3),
            (0, 0.4),
            (0.27, 0.3),
            (0.29, 0.05),
            (0.22, -0.4),
            (-0.22, -0.4),
            (-0.29, 0.05),
        ],
        fur.base,
    )
    if fur.pattern == "patched":
        blaze = [(0, 0.33), (0, 0.1), (0, -0.3)]
        stroke(canvas, blaze, (0.2, 0.12, 0.3), fur.mark)
    ellipse(canvas, (0, -0.4), (0.29, 0.19), PINK)
    stroke(canvas, [(-0.15, -0.49), (0.15, -0.49)], (0.025, 0.025), shade(PINK, 0.5))
    for side in (-1, 1):
        ellipse(canvas, (side * 0.13, -0.36), (0.05, 0.045), shade(PINK, 0.35))
        ellipse(canvas, (side * 0.19, 0.1), (0.07, 0.07), shade(fur.base, 0.6))
        eye(canvas, (side * 0.19, 0.1), 0.055)


def sheep_face(canvas: Canvas, skin: Colour, fleece: Colour, rng: np.random.Generator) -> None:
    """Draw a sheep's face: narrow and bare, ears drooping sideways, a cap of wool."""
    for side in (-1, 1):
        leaf_ear(canvas.at(side * 0.18, 0.12, mirror=side < 0).at(0, 0, -0.35), 0.38, skin)
    blob(
        canvas,
        [(-0.22, 0.25), (0.22, 0.25), (0.21, -0.05), (0.12, -0.4), (-0.12, -0.4), (-0.21, -0.05)],
        skin,
    )
    for side in (-1, 1):
        stroke(canvas, [(0, -0.34), (side * 0.07, -0.27)], (0.025, 0.025), shade(skin, 0.4))
        eye(canvas, (side * 0.15, 0.06), 0.05, (190, 170, 90))
    stroke(canvas, [(0, -0.33), (0, -0.4)], (0.025, 0.02), shade(skin, 0.4))
    wool(canvas, (0, 0.27), (0.24, 0.14), fleece, rng)


def elephant_face(canvas: Canvas, skin: Colour, sway: float, tusk: float) -> None:
    """Draw an elephant's face: two fan ears, a domed skull, a trunk in the middle, tusks."""
    for side in (-1, 1):
        elephant_ear(canvas.at(side * 0.24, 0.1, mirror=side > 0), 1.0, skin)
    blob(
        canvas,
        [(-0.36, 0.25), (-0.2, 0.5), (0.2, 0.5), (0.36, 0.25), (0.28, -0.3), (-0.28, -0.3)],
        skin,
    )
    line = [(0, 0.0), (0, -0.45), (0.3 * sway, -0.9), (sway, -1.15)]
    stroke(canvas, line, (0.3, 0.34, 0.24, 0.14), shade(skin, 1.08))
    for y in (-0.3, -0.42, -0.54, -0.66):
        stroke(canvas, [(-0.1, y), (0.1, y)], (0.015, 0.015), shade(skin, 0.75))
    for side in (-1, 1):
        if tusk > 0:
            points = [(side * 0.22, -0.28), (side * 0.3, -0.45), (side * 0.28, -0.5 - 0.4 * tusk)]
            stroke(canvas, points, (0.1, 0.08, 0.02), (240, 232, 210))
        eye(canvas, (side * 0.24, 0.1), 0.045)
