"""Four-legged bodies without heads: standing, lying, sitting, facing us, or as a bust.

A body stands on y = 0 around x = 0 and looks along +x; the caller adds tail and head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from animals10_sample.canvas import Canvas, Colour, Point, blob, ellipse, shade, stroke
from animals10_sample.coats import Coat, markings


@dataclass(frozen=True)
class Build:
    """Proportions of a four-legged body, in canvas units.

    length: hip to shoulder; leg: ground to belly; depth: of the chest; waist: depth of the loins
    as a fraction of the chest's; thigh and ankle: leg widths; neck: length; throat: neck width.
    """

    length: float
    leg: float
    depth: float
    waist: float
    thigh: float
    ankle: float
    neck: float
    throat: float

    def varied(self, rng: np.random.Generator, spread: float = 0.12) -> Build:
        """Return a build whose every proportion differs by up to ``spread`` of itself."""
        factors = rng.uniform(1 - spread, 1 + spread, 8)
        return Build(*(float(v * f) for v, f in zip(vars(self).values(), factors, strict=True)))


def torso_outline(build: Build) -> list[Point]:
    """Return the side view of a trunk standing on legs, hips at -length/2, shoulders at +."""
    half, bottom, depth = build.length / 2, build.leg, build.depth
    top, loin = bottom + depth, bottom + depth * (1 - build.waist)
    return [
        (-half - 0.12 * depth, top - 0.12 * depth),
        (-half * 0.5, top),
        (0.1 * half, top - 0.05 * depth),
        (half * 0.8, top + 0.02 * depth),
        (half + 0.28 * depth, top - 0.3 * depth),
        (half + 0.22 * depth, bottom + 0.25 * depth),
        (half * 0.7, bottom),
        (0.0, bottom + 0.3 * (loin - bottom)),
        (-half * 0.55, loin),
        (-half - 0.2 * depth, bottom + 0.42 * depth),
    ]


def legs(
    canvas: Canvas, build: Build, colour: Colour, foot: Colour, swing: Sequence[float], bend: float
) -> None:
    """Draw a hind leg and a foreleg; ``swing`` holds how far each foot stands before its joint.

    ``bend`` is the bow of the knees as a fraction of the leg: 0 for a pillar.
    """
    half, reach = build.length / 2, build.leg + 0.45 * build.depth
    for x, step, bow in ((-half, swing[0], bend), (half, swing[1], 0.25 * bend)):
        hip = (x, reach)
        knee = (x + 0.5 * step + bow * build.leg * 0.6, 0.62 * build.leg)
        hock = (x + 0.75 * step - bow * build.leg * 0.7, 0.38 * build.leg)
        toe = (x + step, 0.04)
        middle = 0.4 * build.thigh + 0.6 * build.ankle
        widths = (build.thigh * 1.25, middle * 1.15, build.ankle, build.ankle)
        stroke(canvas, [hip, knee, hock, toe], widths, colour)
        ellipse(canvas, (toe[0] + 0.25 * build.ankle, 0.03), (0.7 * build.ankle, 0.045), foot)


def quadruped(
    canvas: Canvas,
    build: Build,
    fur: Coat,
    foot: Colour,
    neck_angle: float,
    bend: float,
    rng: np.random.Generator,
) -> tuple[Point, Point]:
    """Draw trunk, four legs and neck, and return the two ends of the neck (shoulder, skull)."""
    swing = (rng.uniform(-0.2, 0.2, 4) * build.leg).tolist()
    legs(canvas.at(0.06, 0.03), build, shade(fur.base, 0.68), shade(foot, 0.7), swing[:2], bend)
    outline = torso_outline(build)
    shoulder = (build.length / 2, build.leg + 0.7 * build.depth)
    skull = (
        shoulder[0] + (build.neck + 0.1) * float(np.cos(neck_angle)),
        shoulder[1] + (build.neck + 0.1) * float(np.sin(neck_angle)),
    )
    blob(canvas, outline, fur.base)
    legs(canvas, build, shade(fur.base, 0.96), foot, swing[2:], bend)
    stroke(canvas, [shoulder, skull], (0.72 * build.depth, build.throat), fur.base)
    markings(canvas, outline, fur, rng)
    return shoulder, skull


def reclining(canvas: Canvas, build: Build, fur: Coat, rng: np.random.Generator) -> None:
    """Draw a trunk lying on the ground with its legs folded; shoulders as in ``quadruped``."""
    low = replace(build, leg=0.02)
    half = build.length / 2
    outline = torso_outline(low)
    blob(canvas, outline, fur.base)
    markings(canvas, outline, fur, rng)
    dark = shade(fur.base, 0.85)
    ellipse(canvas, (-half * 0.8, 0.38 * build.depth), (0.3, 0.36 * build.depth), dark, 0.2)
    width = build.ankle * 1.3
    stroke(canvas, [(-half * 0.8, 0.06), (-half * 0.1, 0.04)], (width, width), dark)
    stroke(canvas, [(half * 0.8, 0.1), (half + 0.4, 0.04)], (width * 1.3, width), dark)


def sitting(canvas: Canvas, fur: Coat, rng: np.random.Generator) -> Point:
    """Draw the body of an animal that sits in profile, and return where its skull goes."""
    stroke(canvas, [(0.26, 0.75), (0.32, 0.06)], (0.18, 0.1), shade(fur.base, 0.65))
    outline: list[Point] = [
        (-0.4, 0.02),
        (-0.5, 0.25),
        (-0.32, 0.65),
        (-0.05, 1.05),
        (0.22, 1.1),
        (0.36, 0.8),
        (0.25, 0.4),
        (0.1, 0.02),
    ]
    blob(canvas, outline, fur.base)
    markings(canvas, outline, fur, rng)
    stroke(canvas, [(0.18, 0.75), (0.22, 0.06)], (0.2, 0.11), fur.base)
    ellipse(canvas, (0.26, 0.05), (0.1, 0.055), fur.base)
    ellipse(canvas, (-0.2, 0.26), (0.26, 0.26), shade(fur.base, 0.9))
    ellipse(canvas, (0.0, 0.05), (0.2, 0.055), shade(fur.base, 0.9))
    return 0.18, 1.22


def begging(canvas: Canvas, fur: Coat) -> None:
    """Draw the body of an animal that sits facing us, its neck ending at (0, 1)."""
    dark = shade(fur.base, 0.88)
    blob(
        canvas,
        [(-0.36, 0.02), (-0.4, 0.4), (-0.2, 1.0), (0.2, 1.0), (0.4, 0.4), (0.36, 0.02)],
        fur.base,
    )
    chest = fur.mark if fur.pattern in ("belly", "patched") else shade(fur.base, 1.1)
    ellipse(canvas, (0, 0.72), (0.17, 0.28), chest)
    for side in (-1, 1):
        ellipse(canvas, (side * 0.36, 0.24), (0.16, 0.26), dark, side * 0.2)
        ellipse(canvas, (side * 0.38, 0.04), (0.16, 0.055), fur.base)
        stroke(canvas, [(side * 0.14, 0.7), (side * 0.13, 0.08)], (0.18, 0.13), dark)
        ellipse(canvas, (side * 0.13, 0.05), (0.1, 0.06), fur.base)


def head_on(
    canvas: Canvas, build: Build, fur: Coat, foot: Colour, rng: np.random.Generator
) -> float:
    """Draw a four-legged body facing us, and return the height where its face goes."""
    narrow = replace(build, length=0.62 * build.depth)
    for shift, tone in ((0.1, 0.62), (0.0, 0.95)):
        steps = rng.uniform(-0.05, 0.05, 2).tolist()
        legs(canvas.at(shift, 0.8 * shift), narrow, shade(fur.base, tone), foot, steps, 0.0)
    height, wide, tall = build.leg + 0.45 * build.depth, 0.55 * build.depth, 0.58 * build.depth
    turns = np.linspace(0, 2 * np.pi, 12, endpoint=False).tolist()
    outline = [(wide * float(np.cos(t)), height + tall * float(np.sin(t))) for t in turns]
    blob(canvas, outline, shade(fur.base, 0.9))
    markings(canvas, outline, fur, rng)
    return height + 0.45 * build.depth


def bust(canvas: Canvas, fur: Coat, rng: np.random.Generator) -> None:
    """Draw chest and shoulders as the base of a portrait, to be cut by the picture's edge."""
    outline = [(-0.75, -0.1), (-0.62, 0.4), (-0.35, 1.0), (0.35, 1.0), (0.62, 0.4), (0.75, -0.1)]
    blob(canvas, outline, shade(fur.base, 0.85))
    markings(canvas, outline, fur, rng)
    if fur.pattern == "plain":
        ellipse(canvas, (0, 0.3), (0.3, 0.4), fur.base)
