"""Reusable parts of animals: coats, torsos, legs, tails, ears, horns, wool, wings, eyes.

Every function draws onto an explicit canvas, in that canvas's frame; use ``Canvas.at`` to place,
turn or scale a part. Nothing here knows a species.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from animals10.drawing.canvas import (
    Canvas,
    Colour,
    Point,
    Points,
    blob,
    curve,
    ellipse,
    inside,
    mix,
    polygon,
    shade,
    stroke,
)

BLACK: Colour = (28, 26, 26)
WHITE: Colour = (238, 234, 226)
PINK: Colour = (222, 160, 150)
HORN: Colour = (222, 208, 176)
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
    """Colours of an animal: its base, the colour of its marks, and the kind of marks."""

    base: Colour
    mark: Colour
    pattern: str


@dataclass(frozen=True)
class Build:
    """Proportions of a four-legged body, in canvas units.

    length: hip to shoulder; leg: ground to belly; depth: of the chest; waist: depth of the loins
    as a share of the chest's; thigh and ankle: leg widths; neck: length; throat: neck width.
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


def choose(rng: np.random.Generator, options: Sequence[Colour]) -> Colour:
    """Return one of the colours, slightly changed."""
    base = options[rng.integers(len(options))]
    red, green, blue = np.clip(np.array(base) * rng.uniform(0.82, 1.1), 0, 250).astype(int)
    return int(red), int(green), int(blue)


def coat(
    rng: np.random.Generator, colours: Sequence[Colour] = FUR, patterns: Sequence[str] = ("plain",)
) -> Coat:
    """Return a random coat: two of the colours and one of the patterns."""
    base, mark = choose(rng, colours), choose(rng, colours)
    if abs(sum(base) - sum(mark)) < 150:
        mark = WHITE if sum(base) < 380 else shade(base, 0.45)
    return Coat(base, mark, patterns[rng.integers(len(patterns))])


def markings(canvas: Canvas, outline: Points, fur: Coat, rng: np.random.Generator) -> None:
    """Paint the coat's pattern (plain, patched, striped, feathered...) within an outline."""
    low, high = np.min(outline, axis=0), np.max(outline, axis=0)
    layer = Canvas(Image.new("RGBA", canvas.image.size), canvas.matrix, canvas.origin)
    span = high - low
    if fur.pattern == "patched":
        for x, y in rng.uniform(low, high, (5, 2)):
            lump(layer, (x, y), 0.24 * float(span.max()) * rng.uniform(0.5, 1.1), fur.mark, rng)
    elif fur.pattern == "spotted":
        for x, y in rng.uniform(low, high, (26, 2)):
            radius = 0.035 * float(span.max()) * rng.uniform(0.6, 1.3)
            ellipse(layer, (x, y), (radius, radius), fur.mark)
    elif fur.pattern == "striped":
        for x in np.arange(low[0], high[0], 0.13 * span.max()):
            line = [(x, high[1]), (x + 0.04, high[1] - 0.4 * span[1]), (x, low[1] + 0.3 * span[1])]
            stroke(layer, line, (0.05, 0.04, 0.01), shade(fur.base, 0.6))
    elif fur.pattern == "feathered":
        for row, y in enumerate(np.arange(low[1], high[1], 0.09)):
            for x in np.arange(low[0] + 0.05 * (row % 2), high[0], 0.1):
                ellipse(layer, (x, y), (0.05, 0.035), shade(fur.base, 0.72))
                ellipse(layer, (x, y + 0.02), (0.046, 0.03), fur.base)
    elif fur.pattern == "belly":
        ellipse(layer, (low[0] + span[0] / 2, low[1]), (span[0] / 2, 0.35 * span[1]), fur.mark)
    inside(canvas, outline, layer)


def lump(
    canvas: Canvas, centre: Point, radius: float, colour: Colour, rng: np.random.Generator
) -> None:
    """Fill an irregular round shape."""
    angles = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    radii = radius * rng.uniform(0.65, 1.2, 8)
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1) * radii[:, None] + centre
    blob(canvas, [(float(x), float(y)) for x, y in points], colour)


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

    ``bend`` is the bow of the knees as a share of the leg: 0 for a pillar.
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
    swing = rng.uniform(-0.2, 0.2, 4) * build.leg
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
    low = Build(**{**vars(build), "leg": 0.02})
    half = build.length / 2
    outline = torso_outline(low)
    blob(canvas, outline, fur.base)
    markings(canvas, outline, fur, rng)
    dark = shade(fur.base, 0.85)
    ellipse(canvas, (-half * 0.8, 0.38 * build.depth), (0.3, 0.36 * build.depth), dark, 0.2)
    width = build.ankle * 1.3
    stroke(canvas, [(-half * 0.8, 0.06), (-half * 0.1, 0.04)], (width, width), dark)
    stroke(canvas, [(half * 0.8, 0.1), (half + 0.4, 0.04)], (width * 1.3, width), dark)


def tuft_tail(canvas: Canvas, length: float, width: float, colour: Colour, sway: float) -> None:
    """Draw a thin hanging tail with a tuft of hair at its end, from (0, 0) down."""
    line = [(0.0, 0.0), (-0.12, -0.25 * length), (-0.1 - sway, -length)]
    stroke(canvas, line, (width, width * 0.7, width * 0.6), colour)
    ellipse(canvas, (-0.1 - sway, -length), (width * 1.1, width * 2.2), shade(colour, 0.5))


def hair_tail(canvas: Canvas, length: float, colour: Colour, sway: float) -> None:
    """Draw a long tail of loose hair, from (0, 0) down."""
    line = [(0.05, 0.0), (-0.13, -0.15 * length), (-0.15 - sway, -length)]
    stroke(canvas, line, (0.1, 0.17, 0.03), colour)
    stroke(
        canvas,
        [(0.0, 0.0), (-0.2, -0.3 * length), (-0.26 - sway, -0.9 * length)],
        (0.08, 0.12, 0.01),
        shade(colour, 0.85),
    )


def curl_tail(
    canvas: Canvas, length: float, width: float, curl: float, colour: Colour, tip: Colour
) -> None:
    """Draw a tail that rises backwards from (0, 0); ``curl`` (-1..1) bends its end over."""
    middle = (-0.55 * length, 0.35 * length)
    end = (middle[0] - 0.2 * length * (1 - 2 * curl), middle[1] + 0.5 * length)
    stroke(
        canvas,
        [(0.1, -0.05), (-0.2 * length, 0.08 * length), middle, end],
        (width, width, width * 0.95, width * 0.6),
        colour,
    )
    ellipse(canvas, end, (width * 0.35, width * 0.35), tip)


def brush_tail(canvas: Canvas, length: float, colour: Colour, rng: np.random.Generator) -> None:
    """Draw a bushy tail that rises from (0, 0) behind the back and curls over at its top."""
    lean = rng.uniform(-0.1, 0.15)
    line = [
        (0.05, 0.0),
        (-0.3 * length, 0.12 * length),
        (-0.36 * length, 0.6 * length),
        ((-0.18 - lean) * length, 0.98 * length),
        ((-0.52 - lean) * length, 1.04 * length),
    ]
    stroke(canvas, line, (0.12, 0.34 * length, 0.42 * length, 0.4 * length, 0.14 * length), colour)
    inner = [(x * 0.98, y) for x, y in line[1:4]]
    stroke(canvas, inner, (0.06, 0.16 * length, 0.1 * length), shade(colour, 1.25))
    spine = curve(np.asarray(line), closed=False)[3:]
    for (x, y), turn in zip(spine, np.linspace(2.6, 1.6, len(spine)), strict=True):
        for spread in (-1.0, -0.4, 0.4, 1.0):
            angle = turn + spread + rng.normal(0, 0.15)
            tip = (x + 0.2 * length * np.cos(angle), y + 0.2 * length * np.sin(angle))
            tone = shade(colour, rng.uniform(0.7, 1.3))
            stroke(canvas, [(x, y), (float(tip[0]), float(tip[1]))], (0.03, 0.008), tone)


def pointed_ear(canvas: Canvas, height: float, colour: Colour, inner: Colour) -> None:
    """Draw an upright triangular ear whose base is centred at (0, 0)."""
    half = 0.42 * height
    polygon(canvas, [(-half, -0.1 * height), (0.1 * half, height), (half, -0.1 * height)], colour)
    polygon(canvas, [(-half * 0.5, 0), (0.08 * half, 0.72 * height), (half * 0.55, 0)], inner)


def hanging_ear(canvas: Canvas, length: float, colour: Colour) -> None:
    """Draw a floppy ear that hangs from (0, 0)."""
    w = 0.26 * length
    blob(
        canvas,
        [
            (-w, 0.1 * length),
            (w, 0.12 * length),
            (w * 1.2, -0.5 * length),
            (0, -length),
            (-w * 1.4, -0.6 * length),
        ],
        colour,
    )


def leaf_ear(canvas: Canvas, length: float, colour: Colour) -> None:
    """Draw a leaf-shaped ear that points along +x from (0, 0)."""
    w = 0.24 * length
    blob(
        canvas,
        [(0, 0.5 * w), (0.5 * length, w), (length, 0), (0.5 * length, -w), (0, -0.5 * w)],
        colour,
    )
    ellipse(canvas, (0.55 * length, 0), (0.28 * length, 0.45 * w), shade(colour, 0.72))


def horn(canvas: Canvas, length: float, curl: float, colour: Colour = HORN) -> None:
    """Draw a horn that leaves (0, 0) along +x and turns up by ``curl``."""
    line = [(0.0, 0.0), (0.5 * length, 0.15 * curl), (0.75 * length, length * curl)]
    stroke(canvas, line, (0.3 * length, 0.24 * length, 0.05 * length), colour)


def wool(
    canvas: Canvas, centre: Point, radii: Point, colour: Colour, rng: np.random.Generator
) -> None:
    """Draw a fleece: an ellipse of curls, darker below."""
    ellipse(canvas, centre, radii, shade(colour, 0.9))
    curl = 0.2 * min(radii) + 0.03
    for ring, count in ((1.0, 22), (0.75, 16), (0.42, 9)):
        for angle in np.linspace(0, 2 * np.pi, count, endpoint=False) + rng.uniform(0, 1):
            x = centre[0] + ring * radii[0] * np.cos(angle)
            y = centre[1] + ring * radii[1] * np.sin(angle)
            tone = rng.uniform(0.86, 1.06) * (1 + 0.1 * np.sin(angle))
            radius = curl * rng.uniform(0.85, 1.25)
            ellipse(canvas, (x, y), (radius, radius), shade(colour, tone))


def eye(canvas: Canvas, centre: Point, radius: float, iris: Colour = BLACK) -> None:
    """Draw a round eye with a glint; a coloured iris gets a pupil."""
    ellipse(canvas, centre, (radius, radius), iris)
    if iris != BLACK:
        ellipse(canvas, centre, (0.4 * radius, 0.85 * radius), BLACK)
    glint = (centre[0] + 0.3 * radius, centre[1] + 0.35 * radius)
    ellipse(canvas, glint, (0.25 * radius, 0.25 * radius), (245, 245, 245))


def whiskers(canvas: Canvas, length: float, colour: Colour) -> None:
    """Draw three whiskers that spread along +x from (0, 0)."""
    for tilt in (-0.3, 0.0, 0.3):
        stroke(canvas, [(0, 0), (length, tilt * length)], (0.018, 0.012), colour)


def wing(
    canvas: Canvas,
    outline: Points,
    base: Colour,
    edge: Colour,
    spot: Colour,
    rng: np.random.Generator,
) -> None:
    """Draw an insect wing rooted at (0, 0): a dark edge with pale dots, veins, one eye-spot."""
    points = np.asarray(outline, float)
    blob(canvas, outline, edge)
    inner = points * rng.uniform(0.72, 0.86)
    blob(canvas, [(float(x), float(y)) for x, y in inner], base)
    for x, y in points[1:-1] * 0.78:
        stroke(canvas, [(0, 0), (float(x), float(y))], (0.015, 0.02), edge)
    for x, y in curve(points, closed=True)[6:-6:3]:
        ellipse(canvas, (0.92 * x, 0.92 * y), (0.025, 0.025), mix(spot, WHITE, 0.5))
    x, y = points[1:4].mean(axis=0) * 0.72
    size = rng.uniform(0.04, 0.12)
    ellipse(canvas, (x, y), (1.5 * size, 1.5 * size), edge)
    ellipse(canvas, (x, y), (size, size), spot)


def feather_fan(canvas: Canvas, length: float, colour: Colour) -> None:
    """Draw a fan of tail feathers that rises backwards from (0, 0)."""
    for angle, tone in ((2.75, 0.8), (2.45, 0.95), (2.15, 0.85), (1.85, 1.0), (1.6, 0.9)):
        end = (length * float(np.cos(angle)), length * float(np.sin(angle)))
        line = [(0.1, -0.1), (0.55 * end[0], 0.6 * end[1]), end]
        stroke(canvas, line, (0.2, 0.22, 0.08), shade(colour, tone))


def comb(canvas: Canvas, length: float, height: float, colour: Colour) -> None:
    """Draw a fleshy comb of four lobes along x around (0, 0)."""
    for x, share in ((-0.4, 0.6), (-0.13, 0.9), (0.15, 1.0), (0.4, 0.7)):
        ellipse(
            canvas, (x * length, 0.3 * height), (0.2 * length, share * height), colour, -0.3 * x
        )


def bird_foot(canvas: Canvas, height: float, colour: Colour) -> None:
    """Draw a thin leg of the given height standing at (0, 0) on three spread toes."""
    stroke(canvas, [(-0.02, height), (-0.05, 0.45 * height), (0, 0.03)], (0.1, 0.05, 0.045), colour)
    for toe in ((0.17, 0.0), (0.1, -0.05), (-0.1, 0.0)):
        stroke(canvas, [(0, 0.03), toe], (0.045, 0.03), colour)


def jointed_leg(
    canvas: Canvas, hip: Point, knee: Point, foot: Point, width: float, colour: Colour
) -> None:
    """Draw a thin leg of two straight pieces, thinner towards its foot."""
    stroke(canvas, [hip, knee], (width, 0.85 * width), colour)
    stroke(canvas, [knee, foot], (0.85 * width, 0.3 * width), shade(colour, 0.92))
