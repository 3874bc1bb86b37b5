"""Reusable parts of animals: tails, ears, horns, wool, wings, feathers, trunks, legs, eyes.

Every function draws onto an explicit canvas, in that canvas's frame; use ``Canvas.at`` to place,
turn or scale a part. Nothing here knows a species.
"""

from __future__ import annotations

import numpy as np

from animals10_sample.canvas import (
    Canvas,
    Colour,
    Point,
    Points,
    blob,
    curve,
    ellipse,
    mix,
    polygon,
    shade,
    stroke,
)
from animals10_sample.coats import BLACK, WHITE

HORN: Colour = (222, 208, 176)


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
            tone = shade(colour, rng.uniform(0.8, 1.2))
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


def elephant_ear(canvas: Canvas, size: float, colour: Colour) -> None:
    """Draw an elephant's fan-shaped ear that spreads along -x from (0, 0)."""
    points = [(0.08, 0.35), (-0.35, 0.5), (-0.75, 0.3), (-0.78, -0.15), (-0.45, -0.6), (-0.1, -0.4)]
    for fraction, tone in ((1.0, 0.82), (0.82, 0.93)):
        blob(
            canvas,
            [(x * size * fraction, y * size * fraction) for x, y in points],
            shade(colour, tone),
        )


def horn(canvas: Canvas, length: float, curl: float, colour: Colour = HORN) -> None:
    """Draw a horn that leaves (0, 0) along +x and turns up by ``curl``."""
    line = [(0.0, 0.0), (0.5 * length, 0.15 * curl), (0.75 * length, length * curl)]
    stroke(canvas, line, (0.3 * length, 0.24 * length, 0.05 * length), colour)


def trunk(canvas: Canvas, length: float, curl: float, width: float, colour: Colour) -> None:
    """Draw a trunk that hangs from (0, 0) and curls forwards: -1 back, 0 straight, 1 raised."""
    turns = np.linspace(-1.2, -1.5 + 2.6 * curl, 6)
    steps = np.stack([np.cos(turns), np.sin(turns)], axis=1) * length / 6
    line = [(0.0, 0.0), *((float(x), float(y)) for x, y in np.cumsum(steps, axis=0))]
    stroke(canvas, line, np.linspace(width, 0.38 * width, len(line)).tolist(), colour)


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
            ellipse(canvas, (x, y), (radius, radius), shade(colour, 0.74 * tone))
            lit = (x - 0.1 * curl, y + 0.2 * curl)
            ellipse(canvas, lit, (0.78 * radius, 0.78 * radius), shade(colour, tone))


def collar(canvas: Canvas, width: float, colour: Colour) -> None:
    """Draw a collar across a neck that runs along y, centred at (0, 0), with a round tag."""
    half = 0.5 * width
    line = [(-half, 0.03), (0, -0.03), (half, 0.03)]
    stroke(canvas, line, (0.07, 0.08, 0.07), colour)
    ellipse(canvas, (0, -0.1), (0.05, 0.06), (226, 190, 90))


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


def folded_wing(canvas: Canvas, colour: Colour) -> None:
    """Draw a bird's wing folded against a body about one unit long, centred at (0, 0.3)."""
    outline = [(0.2, 0.48), (0.12, 0.22), (-0.2, 0.18), (-0.5, 0.4), (-0.15, 0.5)]
    for fraction, tone in ((1.0, 0.94), (0.75, 1.06)):
        points = [(x * fraction, 0.38 + (y - 0.38) * fraction) for x, y in outline]
        blob(canvas, points, shade(colour, tone))


def comb(canvas: Canvas, length: float, height: float, colour: Colour) -> None:
    """Draw a fleshy comb of four lobes along x around (0, 0)."""
    for x, fraction in ((-0.4, 0.6), (-0.13, 0.9), (0.15, 1.0), (0.4, 0.7)):
        ellipse(
            canvas, (x * length, 0.3 * height), (0.2 * length, fraction * height), colour, -0.3 * x
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
