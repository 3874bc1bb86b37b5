"""Heads in profile, looking along +x.

A head's frame has its origin in the middle of the skull and one unit is the head's length.
"""

from __future__ import annotations

import numpy as np

from animals10_sample.canvas import Canvas, Colour, blob, ellipse, mix, polygon, shade, stroke
from animals10_sample.coats import BLACK, PINK, WHITE, Coat
from animals10_sample.parts import (
    HORN,
    comb,
    elephant_ear,
    eye,
    hanging_ear,
    horn,
    leaf_ear,
    pointed_ear,
    trunk,
    whiskers,
    wool,
)

EYES: tuple[Colour, ...] = ((150, 180, 60), (215, 170, 50), (90, 150, 190), (110, 170, 110))
BEAK: Colour = (224, 168, 70)
TONGUE: Colour = (214, 96, 104)


def dog_head(canvas: Canvas, fur: Coat, floppy: bool, rng: np.random.Generator) -> None:
    """Draw a dog's head in profile: a long muzzle, a black nose, a floppy or pricked ear."""
    muzzle = fur.mark if fur.pattern != "plain" else fur.base
    if not floppy:
        pointed_ear(canvas.at(-0.02, 0.22, 0.1), 0.42, shade(fur.base, 0.6), shade(fur.base, 0.5))
    if rng.random() < 0.4:
        stroke(canvas, [(0.4, -0.18), (0.5, -0.42)], (0.1, 0.13), TONGUE)
    ellipse(canvas, (0, 0), (0.34, 0.31), shade(fur.base, 1.05))
    blob(
        canvas,
        [
            (0.1, 0.2),
            (0.34, 0.1),
            (0.66, 0.06),
            (0.72, -0.08),
            (0.6, -0.2),
            (0.2, -0.26),
            (0.05, -0.1),
        ],
        shade(muzzle, 1.05),
    )
    stroke(canvas, [(0.66, -0.13), (0.36, -0.15)], (0.025, 0.02), BLACK)
    ellipse(canvas, (0.7, 0.03), (0.09, 0.075), BLACK)
    eye(canvas, (0.17, 0.11), 0.055)
    if floppy:
        hanging_ear(canvas.at(-0.12, 0.2, -0.25), rng.uniform(0.45, 0.65), shade(fur.base, 0.62))
    else:
        pointed_ear(canvas.at(-0.15, 0.2, 0.25), 0.45, shade(fur.base, 0.85), PINK)


def cat_head(canvas: Canvas, fur: Coat, rng: np.random.Generator) -> None:
    """Draw a cat's head in profile: round with a short muzzle, pricked ears, whiskers."""
    pointed_ear(canvas.at(0.12, 0.3, -0.1), 0.38, shade(fur.base, 0.7), shade(fur.base, 0.6))
    ellipse(canvas, (0, 0), (0.42, 0.38), fur.base)
    blob(
        canvas,
        [(0.25, 0.14), (0.48, 0.02), (0.52, -0.1), (0.4, -0.24), (0.15, -0.3)],
        mix(fur.base, WHITE, 0.3),
    )
    polygon(canvas, [(0.45, 0.05), (0.54, 0.0), (0.5, -0.06)], shade(PINK, 0.85))
    stroke(canvas, [(0.5, -0.12), (0.34, -0.14)], (0.02, 0.02), BLACK)
    whiskers(canvas.at(0.38, -0.1, -0.2), 0.45, mix(fur.base, WHITE, 0.85))
    eye(canvas, (0.22, 0.1), 0.085, EYES[rng.integers(len(EYES))])
    pointed_ear(canvas.at(-0.12, 0.28, 0.2), 0.42, shade(fur.base, 0.9), mix(PINK, fur.base, 0.3))


def horse_head(canvas: Canvas, fur: Coat, mane: Colour, blaze: bool) -> None:
    """Draw a horse's head in profile: long, small upright ears, a flaring nostril, a forelock."""
    pointed_ear(canvas.at(-0.08, 0.16, 0.1), 0.24, shade(fur.base, 0.7), shade(fur.base, 0.6))
    blob(
        canvas,
        [
            (-0.24, 0.12),
            (-0.05, 0.22),
            (0.2, 0.15),
            (0.62, 0.07),
            (0.76, -0.03),
            (0.74, -0.17),
            (0.58, -0.2),
            (0.2, -0.17),
            (-0.05, -0.3),
            (-0.24, -0.2),
        ],
        shade(fur.base, 1.03),
    )
    ellipse(canvas, (0.68, -0.07), (0.12, 0.13), shade(fur.base, 0.68))
    if blaze:
        stroke(canvas, [(0.05, 0.17), (0.35, 0.1), (0.6, 0.06)], (0.05, 0.06, 0.03), WHITE)
    ellipse(canvas, (0.7, -0.04), (0.035, 0.045), BLACK)
    stroke(canvas, [(0.74, -0.14), (0.55, -0.14)], (0.02, 0.02), BLACK)
    eye(canvas, (0.1, 0.07), 0.045)
    pointed_ear(canvas.at(-0.16, 0.17, 0.25), 0.26, shade(fur.base, 0.95), shade(fur.base, 0.6))
    stroke(canvas, [(-0.2, 0.22), (0.0, 0.2), (0.1, 0.12)], (0.1, 0.1, 0.02), mane)


def cow_head(canvas: Canvas, fur: Coat, horned: bool) -> None:
    """Draw a cow's head in profile: blocky, a broad pale muzzle, a sideways ear, a horn."""
    if horned:
        horn(canvas.at(0.02, 0.24, 1.0), 0.42, -0.2)
    blob(
        canvas,
        [
            (-0.3, 0.1),
            (-0.1, 0.28),
            (0.12, 0.27),
            (0.45, 0.14),
            (0.68, 0.06),
            (0.7, -0.2),
            (0.5, -0.26),
            (0.1, -0.28),
            (-0.2, -0.28),
        ],
        shade(fur.base, 1.03),
    )
    if fur.pattern == "patched":
        ellipse(canvas, (0.42, -0.04), (0.13, 0.18), fur.mark)
    blob(canvas, [(0.5, 0.13), (0.72, 0.09), (0.77, -0.1), (0.7, -0.24), (0.5, -0.25)], PINK)
    ellipse(canvas, (0.68, 0.0), (0.035, 0.045), shade(PINK, 0.4))
    stroke(canvas, [(0.72, -0.16), (0.5, -0.16)], (0.02, 0.02), shade(PINK, 0.5))
    eye(canvas, (0.15, 0.1), 0.05)
    if horned:
        horn(canvas.at(-0.1, 0.24, 1.2), 0.46, -0.2)
    leaf_ear(canvas.at(-0.18, 0.14, 2.9), 0.36, shade(fur.base, 0.8))


def sheep_head(
    canvas: Canvas, skin: Colour, fleece: Colour, horned: bool, rng: np.random.Generator
) -> None:
    """Draw a sheep's head in profile: a bare narrow face under a cap of wool, a drooping ear."""
    blob(
        canvas,
        [
            (-0.25, 0.12),
            (0.0, 0.25),
            (0.3, 0.16),
            (0.6, 0.02),
            (0.66, -0.14),
            (0.5, -0.24),
            (0.1, -0.26),
            (-0.2, -0.2),
        ],
        skin,
    )
    eye(canvas, (0.2, 0.06), 0.05, (190, 170, 90))
    stroke(canvas, [(0.62, -0.12), (0.46, -0.13)], (0.02, 0.02), shade(skin, 0.5))
    ellipse(canvas, (0.62, -0.03), (0.03, 0.035), shade(skin, 0.4))
    wool(canvas, (-0.08, 0.22), (0.2, 0.12), fleece, rng)
    leaf_ear(canvas.at(-0.1, 0.1, 3.6), 0.36, shade(skin, 0.85))
    if horned:
        line = [(-0.02, 0.2), (-0.3, 0.26), (-0.4, 0.0), (-0.2, -0.18), (-0.02, -0.06)]
        stroke(canvas, line, (0.16, 0.16, 0.14, 0.1, 0.05), shade(HORN, 0.85))


def elephant_head(canvas: Canvas, skin: Colour, curl: float, tusk: float) -> None:
    """Draw an elephant's head in profile: a domed skull, a long trunk, a tusk, a fan ear."""
    ellipse(canvas, (0.05, 0.02), (0.44, 0.5), skin)
    trunk(canvas.at(0.3, -0.14), 1.25, curl, 0.36, skin)
    if tusk > 0:
        line = [(0.2, -0.36), (0.34, -0.52), (0.34 + 0.6 * tusk, -0.5)]
        stroke(canvas, line, (0.1, 0.08, 0.02), (240, 232, 210))
    eye(canvas, (0.26, 0.1), 0.045)
    elephant_ear(canvas.at(-0.02, 0.08), 1.0, skin)


def squirrel_head(canvas: Canvas, fur: Coat) -> None:
    """Draw a squirrel's head in profile: short pointed snout, large eye, small tufted ears."""
    for x, tone in ((0.02, 0.65), (-0.14, 0.9)):
        leaf_ear(canvas.at(x, 0.22, 1.75), 0.4, shade(fur.base, tone))
    blob(
        canvas,
        [
            (-0.34, 0.0),
            (-0.15, 0.3),
            (0.15, 0.28),
            (0.4, 0.06),
            (0.5, -0.08),
            (0.4, -0.2),
            (0.05, -0.3),
            (-0.25, -0.25),
        ],
        fur.base,
    )
    ellipse(canvas, (0.2, -0.16), (0.2, 0.1), mix(fur.base, WHITE, 0.6), -0.2)
    ellipse(canvas, (0.48, -0.06), (0.045, 0.04), BLACK)
    ellipse(canvas, (0.12, 0.08), (0.125, 0.115), mix(fur.base, WHITE, 0.5))
    eye(canvas, (0.12, 0.08), 0.09)
    whiskers(canvas.at(0.4, -0.12, -0.2), 0.35, shade(fur.base, 0.5))


def chicken_head(canvas: Canvas, fur: Coat, crest: float) -> None:
    """Draw a chicken's head in profile: red comb and wattle, a short beak."""
    red = (196, 44, 40)
    comb(canvas.at(0.0, 0.1), 0.3, 0.13 * crest, red)
    ellipse(canvas, (0.12, -0.2), (0.055, 0.11 * crest), red)
    polygon(canvas, [(0.1, 0.06), (0.3, -0.04), (0.1, -0.09)], BEAK)
    ellipse(canvas, (0, 0), (0.16, 0.15), shade(fur.base, 1.04))
    ellipse(canvas, (0.08, -0.01), (0.08, 0.075), mix(red, fur.base, 0.2))
    eye(canvas, (0.07, 0.03), 0.035)
