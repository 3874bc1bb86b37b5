"""Heads of animals: in profile (looking along +x) and as faces seen from the front.

A head's frame has its origin in the middle of the skull and one unit is the head's length.
"""

from __future__ import annotations

import numpy as np

from animals10.drawing.canvas import Canvas, Colour, blob, ellipse, mix, polygon, shade, stroke
from animals10.drawing.parts import (
    BLACK,
    HORN,
    PINK,
    WHITE,
    Coat,
    eye,
    hanging_ear,
    horn,
    leaf_ear,
    pointed_ear,
    whiskers,
    wool,
)

EYES: tuple[Colour, ...] = ((150, 180, 60), (215, 170, 50), (90, 150, 190), (110, 170, 110))
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
            frame = canvas.at(side * 0.34, 0.3, mirror=side < 0).at(0, 0, 0.2)
            hanging_ear(frame, rng.uniform(0.55, 0.75), shade(fur.base, 0.6))


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


def cow_head(canvas: Canvas, fur: Coat, horned: bool) -> None:
    """Draw a cow's head in profile: blocky, a broad pale muzzle, a sideways ear, a horn."""
    if horned:
        horn(canvas.at(0.02, 0.24, 1.1), 0.34, -0.2)
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
        ellipse(canvas, (0.08, 0.05), (0.17, 0.2), fur.mark)
    blob(canvas, [(0.5, 0.13), (0.72, 0.09), (0.77, -0.1), (0.7, -0.24), (0.5, -0.25)], PINK)
    ellipse(canvas, (0.68, 0.0), (0.035, 0.045), shade(PINK, 0.4))
    stroke(canvas, [(0.72, -0.16), (0.5, -0.16)], (0.02, 0.02), shade(PINK, 0.5))
    eye(canvas, (0.15, 0.1), 0.05)
    if horned:
        horn(canvas.at(-0.1, 0.24, 1.3), 0.36, -0.2)
    leaf_ear(canvas.at(-0.18, 0.14, 2.9), 0.36, shade(fur.base, 0.8))


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
        for side in (-1, 1):
            ellipse(canvas, (side * 0.19, 0.1), (0.11, 0.22), fur.mark)
    ellipse(canvas, (0, -0.4), (0.29, 0.19), PINK)
    stroke(canvas, [(-0.15, -0.49), (0.15, -0.49)], (0.025, 0.025), shade(PINK, 0.5))
    for side in (-1, 1):
        ellipse(canvas, (side * 0.13, -0.36), (0.05, 0.045), shade(PINK, 0.35))
        ellipse(canvas, (side * 0.19, 0.1), (0.07, 0.07), shade(fur.base, 0.6))
        eye(canvas, (side * 0.19, 0.1), 0.055)


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


def elephant_ear(canvas: Canvas, size: float, colour: Colour) -> None:
    """Draw an elephant's fan-shaped ear that spreads along -x from (0, 0)."""
    points = [(0.08, 0.35), (-0.35, 0.5), (-0.75, 0.3), (-0.78, -0.15), (-0.45, -0.6), (-0.1, -0.4)]
    for share, tone in ((1.0, 0.82), (0.82, 0.93)):
        blob(canvas, [(x * size * share, y * size * share) for x, y in points], shade(colour, tone))


def trunk(canvas: Canvas, length: float, curl: float, width: float, colour: Colour) -> None:
    """Draw a trunk that hangs from (0, 0) and curls forwards: -1 back, 0 straight, 1 raised."""
    turns = np.linspace(-1.2, -1.5 + 2.6 * curl, 6)
    steps = np.stack([np.cos(turns), np.sin(turns)], axis=1) * length / 6
    line = [(0.0, 0.0), *((float(x), float(y)) for x, y in np.cumsum(steps, axis=0))]
    stroke(canvas, line, np.linspace(width, 0.38 * width, len(line)).tolist(), colour)


def elephant_head(canvas: Canvas, skin: Colour, curl: float, tusk: float) -> None:
    """Draw an elephant's head in profile: a domed skull, a long trunk, a tusk, a fan ear."""
    ellipse(canvas, (0.05, 0.02), (0.44, 0.5), skin)
    trunk(canvas.at(0.3, -0.14), 1.25, curl, 0.36, skin)
    if tusk > 0:
        line = [(0.2, -0.36), (0.34, -0.52), (0.34 + 0.6 * tusk, -0.5)]
        stroke(canvas, line, (0.1, 0.08, 0.02), (240, 232, 210))
    eye(canvas, (0.26, 0.1), 0.045)
    elephant_ear(canvas.at(-0.02, 0.08), 1.0, skin)


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
