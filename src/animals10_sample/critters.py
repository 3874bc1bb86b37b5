"""The butterfly, the chicken and the spider, each composed from parts in one of a few poses."""

from __future__ import annotations

import numpy as np

from animals10_sample.canvas import (
    Canvas,
    Colour,
    Point,
    Stance,
    blob,
    ellipse,
    mix,
    shade,
    stroke,
)
from animals10_sample.coats import BLACK, FUR, WHITE, Coat, choose, coat, markings
from animals10_sample.heads import BEAK, chicken_head
from animals10_sample.parts import bird_foot, feather_fan, folded_wing, jointed_leg, wing

WINGS: tuple[Colour, ...] = (
    (226, 130, 40),
    (70, 120, 200),
    (236, 210, 80),
    (235, 232, 222),
    (150, 90, 50),
    (190, 60, 50),
    (120, 90, 160),
    (130, 170, 110),
    (120, 116, 112),
)
CHITIN: tuple[Colour, ...] = (
    FUR[0],
    FUR[0],
    FUR[1],
    FUR[5],
    FUR[5],
    FUR[5],
    FUR[6],
    (120, 120, 60),
)
HENS: tuple[Colour, ...] = (FUR[4], FUR[4], FUR[4], FUR[7], FUR[7], FUR[5], FUR[2])
HEN: tuple[Point, ...] = (
    (-0.52, 0.62),
    (-0.1, 0.55),
    (0.25, 0.72),
    (0.48, 0.55),
    (0.42, 0.2),
    (0.1, 0.0),
    (-0.25, 0.06),
    (-0.48, 0.32),
)


def butterfly(canvas: Canvas, rng: np.random.Generator) -> Stance:
    """Draw a butterfly with its wings spread, or closed over its back."""
    base, edge = choose(rng, WINGS), choose(rng, (BLACK, FUR[0], WINGS[3], FUR[1]))
    spot = choose(rng, WINGS)
    reach = rng.uniform(0.85, 1.1)
    fore: list[Point] = [
        (0.02, 0.12),
        (0.3 * reach, 0.72),
        (0.85 * reach, 0.92),
        (0.86 * reach, 0.5),
        (0.5, 0.05),
        (0.05, -0.02),
    ]
    hind: list[Point] = [
        (0.03, 0.06),
        (0.5, 0.08),
        (0.74, -0.2),
        (0.5, -0.68 * reach),
        (0.22, -0.55),
        (0.05, -0.15),
    ]
    if rng.random() < 0.25:
        frame = canvas.at(0, 0.8, rng.uniform(-0.3, 0.3)).at(0, 0, 0.75)
        wing(frame, hind, base, edge, spot, rng)
        wing(frame, fore, base, edge, spot, rng)
        insect_body(canvas.at(0.02, 0.8, -1.1))
        return "air"
    frame = canvas.at(0, 1.1, rng.normal(0, 0.5))
    seed = int(rng.integers(2**31))
    for side, flap in zip((-1, 1), rng.uniform(0.6, 1.0, 2), strict=True):
        half = frame.stretched(side * flap, 1.0)
        # The two sides of a butterfly bear the same marks.
        same = np.random.default_rng(seed)
        wing(half, hind, base, edge, spot, same)
        wing(half, fore, base, edge, spot, same)
    insect_body(frame)
    return "air"


def insect_body(canvas: Canvas) -> None:
    """Draw a thin body along y with a head at its top and two clubbed antennae."""
    for side in (-1, 1):
        tip = (side * 0.24, 0.75)
        stroke(canvas, [(0, 0.3), (side * 0.08, 0.55), tip], (0.025, 0.02, 0.02), BLACK)
        ellipse(canvas, tip, (0.03, 0.03), BLACK)
    stroke(canvas, [(0, 0.25), (0, 0.0), (0, -0.45)], (0.1, 0.13, 0.04), (52, 42, 36))
    ellipse(canvas, (0, 0.3), (0.065, 0.065), (40, 34, 30))


def chicken(canvas: Canvas, rng: np.random.Generator) -> Stance:
    """Draw a chicken standing, pecking, or sitting."""
    fur = coat(rng, HENS, ("feathered", "feathered", "feathered", "plain", "spotted"))
    pose = rng.choice(["stand", "stand", "peck", "sit"])
    high = 0.0 if pose == "sit" else rng.uniform(0.28, 0.4)
    body = canvas.at(0, high)
    if pose != "sit":
        for x, tone in ((0.12, 0.75), (-0.06, 1.0)):
            bird_foot(canvas.at(x + rng.uniform(-0.06, 0.06), 0), high + 0.12, shade(BEAK, tone))
    feather_fan(
        body.at(-0.38, 0.45, rng.uniform(-0.2, 0.3)),
        rng.uniform(0.5, 0.75),
        shade(choose(rng, (fur.base, fur.mark)), 0.85),
    )
    blob(body, HEN, fur.base)
    skull = (0.72, 0.2) if pose == "peck" else (rng.uniform(0.36, 0.5), rng.uniform(0.98, 1.12))
    stroke(body, [(0.2, 0.42), (0.38, 0.62), skull], (0.5, 0.36, 0.2), shade(fur.base, 1.04))
    markings(body, HEN, fur, rng)
    folded_wing(body, shade(fur.base, 0.85))
    tilt = -1.0 if pose == "peck" else rng.uniform(-0.25, 0.2)
    chicken_head(body.at(*skull, tilt, rng.uniform(0.9, 1.15)), fur, rng.uniform(0.7, 1.3))
    return "ground"


def spider(canvas: Canvas, rng: np.random.Generator) -> Stance:
    """Draw a spider from above, or from the side on its eight bent legs."""
    fur = coat(rng, CHITIN, ("plain", "spotted", "patched", "striped"))
    thick, limb = rng.uniform(0.05, 0.12), shade(fur.base, rng.uniform(0.7, 1.0))
    fat = rng.uniform(0.75, 1.2)
    if rng.random() < 0.3:
        legs_from_side(canvas.at(0.1, 0.1), thick, shade(limb, 0.6), rng)
        legs_from_side(canvas, thick, limb, rng)
        spider_body(canvas.at(0.05, 0.45, 0.15), fur, 0.8 * fat, rng)
        return "ground"
    heading = np.pi / 2 * rng.choice([-1, 1]) + rng.normal(0, 0.5)
    frame = canvas.at(0, 1.1, heading)
    for side in (-1, 1):
        legs_from_above(frame.at(0.1, 0).stretched(1, side), thick, limb, rng)
    spider_body(frame, fur, fat, rng)
    return "air"


def legs_from_side(canvas: Canvas, width: float, colour: Colour, rng: np.random.Generator) -> None:
    """Draw the four legs of a spider's one side, standing on y = 0, knees above the body."""
    for x in np.array([-1.05, -0.5, 0.55, 1.1]) + rng.uniform(-0.1, 0.1, 4):
        knee = (0.62 * x, rng.uniform(0.8, 1.0))
        jointed_leg(canvas, (0.1 * x, 0.4), knee, (x, 0.0), width, colour)


def legs_from_above(canvas: Canvas, width: float, colour: Colour, rng: np.random.Generator) -> None:
    """Draw the four legs of a spider's left side (y > 0), spread around (0, 0)."""
    for angle, length in ((0.55, 1.0), (1.15, 0.85), (1.85, 0.85), (2.5, 1.1)):
        turn, reach = angle + rng.uniform(-0.15, 0.15), length * rng.uniform(0.9, 1.1)
        bow = turn + (0.3 if angle < 1.5 else -0.3)
        knee = (0.55 * reach * np.cos(bow), 0.62 * reach * np.sin(bow) + 0.05)
        foot = (reach * np.cos(turn), reach * np.sin(turn))
        jointed_leg(canvas, (0.04 * np.cos(turn), 0.05), knee, foot, width, colour)


def spider_body(canvas: Canvas, fur: Coat, fat: float, rng: np.random.Generator) -> None:
    """Draw a spider's two body parts along x: a large abdomen behind, a small front with eyes."""
    turn = np.linspace(0, 2 * np.pi, 10, endpoint=False)
    outline: list[Point] = [
        (-0.42 * fat - 0.02 + 0.42 * fat * float(np.cos(a)), 0.33 * fat * float(np.sin(a)))
        for a in turn
    ]
    blob(canvas, outline, fur.base)
    markings(canvas, outline, fur, rng)
    for side in (-1, 1):
        stroke(canvas, [(0.25, side * 0.06), (0.4, side * 0.1)], (0.07, 0.05), shade(fur.base, 0.7))
    ellipse(canvas, (0.13, 0), (0.22, 0.18), shade(fur.base, 0.85))
    for x, y in ((0.28, 0.05), (0.28, -0.05), (0.22, 0.1), (0.22, -0.1)):
        ellipse(canvas, (x, y), (0.028, 0.028), mix(BLACK, WHITE, 0.05))
