"""Invented creatures: a species is a body plan with random proportions, of the sample's parts.

The ten animals lend the parts that know no species (`animals10.drawing.parts`, `bodies`,
`coats`) and the scenes around them: no build, head, face or palette. What marks one of the ten is
left to it: wool, trunks, tusks, fan ears, combs, collars, udders, bushy tails, butterflies' wings,
and eight legs.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from animals10.drawing.animals import Animal
from animals10.drawing.bodies import (
    Build,
    begging,
    bust,
    head_on,
    quadruped,
    reclining,
    sitting,
)
from animals10.drawing.canvas import Canvas, Colour, Stance, blob, ellipse, polygon, shade, stroke
from animals10.drawing.coats import BLACK, markings
from animals10.drawing.parts import bird_foot, eye, folded_wing, jointed_leg
from animals10.pretraining.features import (
    TAILS,
    face,
    invent_colour,
    invent_head,
    invent_palette,
    profile,
    tail,
)


def invent(index: int, seed: int) -> Animal:
    """Invent a species.

    Args:
        index: number of the species, from 0; its body plan is the next in turn.
        seed: of everything that makes the species.

    Returns:
        A function that draws one creature of the species, as `animals10.drawing.scene.picture`
        takes it.
    """
    return PLANS[index % len(PLANS)](np.random.default_rng([seed, index]))


def walker(rng: np.random.Generator) -> Animal:
    """Invent a species on four legs."""
    build = Build(
        length=rng.uniform(0.5, 1.3),
        leg=rng.uniform(0.12, 0.85),
        depth=rng.uniform(0.26, 0.75),
        waist=rng.uniform(0.65, 1.0),
        thigh=rng.uniform(0.1, 0.3),
        ankle=rng.uniform(0.05, 0.2),
        neck=rng.uniform(0.05, 0.8),
        throat=rng.uniform(0.16, 0.45),
    )
    palette, head, size = invent_palette(rng), invent_head(rng), rng.uniform(0.5, 0.85)
    kind, length = str(rng.choice(TAILS)), rng.uniform(0.3, 0.9)
    bend, nod = rng.uniform(0, 0.4), rng.uniform(-0.5, 0.2)
    spines, spine = int(rng.choice([0, 0, 1, 2, 5, 9])), rng.uniform(0.1, 0.35)
    poses = rng.choice(["stand", "lie", "sit", "front", "bust"], 3, replace=False).tolist()
    hoof = invent_colour(rng)

    def draw(canvas: Canvas, rng: np.random.Generator) -> Stance:
        fur, shape, pose = palette.wear(rng), build.varied(rng), rng.choice(["stand", *poses])
        if pose == "bust":
            bust(canvas, fur, rng)
            face(canvas.at(0, 1.1, rng.uniform(-0.2, 0.2), 1.4), head, fur, rng)
            return "bust"
        if pose == "front":
            top = head_on(canvas, shape, fur, hoof, rng)
            face(canvas.at(0, top, rng.uniform(-0.15, 0.15), size), head, fur, rng)
            return "ground"
        hip = (-shape.length / 2, shape.leg + 0.85 * shape.depth)
        if pose == "sit":
            tail(canvas.at(-0.35, 0.15), kind, length, fur, rng)
            skull = sitting(canvas, fur, rng)
        elif pose == "lie":
            tail(canvas.at(hip[0], 0.5 * shape.depth), kind, length, fur, rng)
            reclining(canvas, shape, fur, rng)
            skull = (shape.length / 2 + 0.15, shape.depth + 0.15)
        else:
            tail(canvas.at(*hip), kind, length, fur, rng)
            for x in np.linspace(-0.4, 0.4, spines) * shape.length:
                place = canvas.at(x, shape.leg + 0.9 * shape.depth)
                half = 0.35 * shape.length / spines + 0.03
                blob(place, [(-half, 0), (0, spine), (half, 0)], shade(fur.mark, 0.85))
            _, skull = quadruped(canvas, shape, fur, hoof, rng.uniform(-0.7, 1.2), bend, rng)
        turned = canvas.at(*skull, nod + rng.uniform(-0.25, 0.25), size * rng.uniform(0.9, 1.1))
        (profile if rng.random() < 0.7 else face)(turned, head, fur, rng)
        return "ground"

    return draw


def upright(rng: np.random.Generator) -> Animal:
    """Invent a species that stands on two legs: a stout body with arms or flippers."""
    palette, head, size = invent_palette(rng), invent_head(rng), rng.uniform(0.5, 0.8)
    wide, tall, leg = rng.uniform(0.25, 0.5), rng.uniform(0.45, 0.75), rng.uniform(0.1, 0.45)
    arm, limb = rng.uniform(0.3, 0.8), rng.uniform(0.08, 0.2)
    kind, length = str(rng.choice(TAILS)), rng.uniform(0.3, 0.8)
    seated = bool(rng.random() < 0.4)

    def draw(canvas: Canvas, rng: np.random.Generator) -> Stance:
        fur = palette.wear(rng)
        if seated and rng.random() < 0.4:
            begging(canvas, fur)
            face(canvas.at(0, 1.2, rng.uniform(-0.2, 0.2), size), head, fur, rng)
            return "ground"
        tail(canvas.at(-0.7 * wide, leg + 0.2), kind, length, fur, rng)
        lean = rng.uniform(-0.15, 0.15)
        for side in (-1, 1):
            x = side * 0.5 * wide
            stroke(canvas, [(x, leg + 0.2), (x + 0.05, 0.04)], (1.3 * limb, limb), fur.base)
            ellipse(canvas, (x + 0.1, 0.04), (1.2 * limb, 0.05), shade(fur.base, 0.6))
        frame = canvas.at(0, leg + tall, lean)
        turns = np.linspace(0, 2 * np.pi, 10, endpoint=False)
        outline = [(wide * float(np.cos(t)), tall * float(np.sin(t))) for t in turns]
        blob(frame, outline, fur.base)
        markings(frame, outline, fur, rng)
        for side in (-1, 1):
            swing = rng.uniform(-0.9, 0.3)
            hand = (side * (0.8 * wide + arm * np.cos(swing)), 0.5 * tall + arm * np.sin(swing))
            stroke(frame, [(side * 0.8 * wide, 0.5 * tall), hand], (limb, 0.7 * limb),
                   shade(fur.base, 0.8))  # fmt: skip
        top = frame.at(0, 1.05 * tall, rng.uniform(-0.25, 0.25), size)
        (face if rng.random() < 0.5 else profile)(top, head, fur, rng)
        return "ground"

    return draw


def wader(rng: np.random.Generator) -> Animal:
    """Invent a bird-like species: two thin legs, a beak, a neck of any length."""
    palette, head = invent_palette(rng), invent_head(rng, beak=True)
    long, deep, leg = rng.uniform(0.35, 0.65), rng.uniform(0.2, 0.4), rng.uniform(0.1, 0.8)
    neck, throat, size = rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.3), rng.uniform(0.4, 0.8)
    kind, length = str(rng.choice(["none", "fan", "hair", "curl"])), rng.uniform(0.3, 0.9)
    skin, slope, winged = invent_colour(rng), rng.uniform(-0.3, 0.7), bool(rng.random() < 0.8)

    def draw(canvas: Canvas, rng: np.random.Generator) -> Stance:
        fur = palette.wear(rng)
        for x, tone in ((0.1, 0.7), (-0.08, 1.0)):
            place = canvas.at(x + rng.uniform(-0.08, 0.08), 0)
            bird_foot(place, leg + 0.15, shade(skin, tone))
        body = canvas.at(0, leg + deep, slope * rng.uniform(0.6, 1.2))
        tail(body.at(-0.8 * long, 0.1), kind, length, fur, rng)
        turns = np.linspace(0, 2 * np.pi, 10, endpoint=False)
        outline = [(long * float(np.cos(t)), deep * float(np.sin(t))) for t in turns]
        angle = rng.uniform(0.3, 1.6)
        skull = (0.7 * long + neck * np.cos(angle), 0.3 * deep + (neck + 0.25) * np.sin(angle))
        blob(body, outline, fur.base)
        line = [(0.6 * long, 0.1 * deep), (0.8 * long + 0.1, 0.5 * skull[1] + 0.05), skull]
        stroke(body, line, (1.2 * deep, throat, throat), shade(fur.base, 1.03))
        markings(body, outline, fur, rng)
        if winged:
            folded_wing(body.at(0, -0.3).stretched(1.5 * long, 1.0), shade(fur.base, 0.82))
        profile(body.at(*skull, -slope + rng.uniform(-0.4, 0.3), size), head, fur, rng)
        return "ground"

    return draw


def crawler(rng: np.random.Generator) -> Animal:
    """Invent a many-legged species, seen from above or from the side."""
    palette, pairs = invent_palette(rng), int(rng.choice([2, 3, 5, 6, 7]))
    parts = rng.uniform(0.12, 0.42, (int(rng.integers(1, 6)), 2))
    reach, thick, bow = rng.uniform(0.35, 1.0), rng.uniform(0.03, 0.12), rng.uniform(-0.5, 0.5)
    feelers, pincers = rng.uniform(0, 0.7), bool(rng.random() < 0.35)
    above = rng.uniform(0.3, 1.0)

    def draw(canvas: Canvas, rng: np.random.Generator) -> Stance:
        fur, long = palette.wear(rng), float(parts[:, 0].sum())
        from_above = rng.random() < above
        frame = canvas.at(0, 1.0, rng.uniform(-np.pi, np.pi)) if from_above else canvas.at(0, 0.55)
        limb = shade(fur.base, 0.75)
        for side in (-1, 1):
            for x in np.linspace(-0.7, 0.7, pairs) * long:
                step = x + (bow * x + rng.uniform(-0.08, 0.08))
                y = side * reach * rng.uniform(0.85, 1.1) if from_above else -0.55
                knee = (0.5 * (x + step) + 0.1 * side, 0.6 * y if from_above else 0.3)
                jointed_leg(frame, (x, 0), knee, (step + 0.2 * bow, y), thick, limb)
        for side in (-1, 1):
            ahead = (long + feelers, side * 0.3 if from_above else 0.25 + 0.1 * side)
            if feelers > 0.15:
                stroke(frame, [(0.8 * long, 0.04 * side), ahead], (0.04, 0.02), limb)
            if pincers:
                ellipse(frame, (long + 0.15, 0.22 * side), (0.18, 0.1), limb, 0.5 * side)
        x = -long
        for half, width in parts:
            turns = np.linspace(0, 2 * np.pi, 10, endpoint=False)
            centre = x + half
            outline = [(centre + 1.1 * half * float(np.cos(t)), width * float(np.sin(t)))
                       for t in turns]  # fmt: skip
            blob(frame, outline, fur.base)
            markings(frame, outline, fur, rng)
            x += 2 * half
        for side in (-1, 1):
            ellipse(frame, (0.93 * long, 0.07 * side), (0.035, 0.035), BLACK)
        return "air" if from_above else "ground"

    return draw


def flier(rng: np.random.Generator) -> Animal:
    """Invent a species that flies on one pair of feathered or skinned wings."""
    palette, head = invent_palette(rng), invent_head(rng, beak=bool(rng.random() < 0.6))
    long, deep, size = rng.uniform(0.3, 0.6), rng.uniform(0.14, 0.35), rng.uniform(0.35, 0.6)
    span, chord, sweep = rng.uniform(0.6, 1.2), rng.uniform(0.2, 0.6), rng.uniform(-0.2, 0.7)
    feathers, skinned = int(rng.integers(4, 9)), bool(rng.random() < 0.4)
    kind, length = str(rng.choice(TAILS)), rng.uniform(0.3, 0.9)

    def half(canvas: Canvas, flap: float, colour: Colour) -> None:
        along = np.linspace(0.0, 1.0, feathers)
        bow = 0.15 * np.sin(np.pi * along)
        front = np.stack([(bow - sweep * along) * span, along * span], axis=1)
        back = front - np.stack([chord * (1 - 0.6 * along), 0.15 * along * chord], axis=1)
        frame = canvas.stretched(1.0, flap)
        if skinned:
            notched = back + np.where(np.arange(feathers) % 2, 0.25 * chord, 0)[:, None] * [1, 0]
            polygon(frame, np.concatenate([front, notched[::-1]]), colour)
        for place, (start, end) in enumerate(zip(front, back, strict=True)):
            width = 0.03 if skinned else 1.5 * span / feathers
            tone = 0.7 if skinned else 0.85 + 0.1 * (place % 3)
            stroke(frame, [tuple(start), tuple(end)], (width, 0.5 * width), shade(colour, tone))
        stroke(frame, [tuple(point) for point in front], [0.09] * feathers, shade(colour, 0.9))

    def draw(canvas: Canvas, rng: np.random.Generator) -> Stance:
        fur = palette.wear(rng)
        frame = canvas.at(0, 1.0, rng.normal(0, 0.3))
        flap = rng.uniform(0.4, 1.0) * rng.choice([-1, 1], p=[0.3, 0.7])
        half(frame.at(0.25 * long, 0.3 * deep, -0.25), 0.9 * flap, shade(fur.base, 0.6))
        tail(frame.at(-0.8 * long, 0), kind, length, fur, rng)
        turns = np.linspace(0, 2 * np.pi, 10, endpoint=False)
        outline = [(long * float(np.cos(t)), deep * float(np.sin(t))) for t in turns]
        blob(frame, outline, fur.base)
        markings(frame, outline, fur, rng)
        skull = (long + 0.35 * size, 0.5 * deep)
        stroke(frame, [(0.6 * long, 0), skull], (1.2 * deep, 0.4 * size), fur.base)
        profile(frame.at(*skull, rng.uniform(-0.3, 0.3), size), head, fur, rng)
        half(frame.at(0.1 * long, 0.2 * deep), flap, shade(fur.base, 0.85))
        return "air"

    return draw


def swimmer(rng: np.random.Generator) -> Animal:
    """Invent a fish-like species."""
    palette, long, deep = invent_palette(rng), rng.uniform(0.5, 1.0), rng.uniform(0.15, 0.55)
    fork, fin, back = rng.uniform(0.15, 0.5), rng.uniform(0.1, 0.5), rng.uniform(-0.4, 0.4)
    snout, sight = rng.uniform(0.0, 0.4), rng.uniform(0.04, 0.12)
    spines, iris = int(rng.integers(1, 6)), invent_colour(rng)

    def draw(canvas: Canvas, rng: np.random.Generator) -> Stance:
        fur = palette.wear(rng)
        frame = canvas.at(0, 1.0, rng.normal(0, 0.35))
        fins = shade(fur.mark, 0.9)
        sway = rng.uniform(-0.1, 0.1)
        polygon(frame, [(-0.8 * long, 0), (-long - 0.35, fork + sway), (-long - 0.2, sway),
                        (-long - 0.35, -fork + sway)], fins)  # fmt: skip
        for x in np.linspace(-0.4, 0.4, spines) * long + back * 0.3:
            tip = (x - 0.15, 0.9 * deep + fin)
            polygon(frame, [(x - 0.15, 0.5 * deep), tip, (x + 0.2, 0.5 * deep)], fins)
        polygon(frame, [(0.1, -0.6 * deep), (-0.15, -deep - 0.6 * fin), (-0.2, -0.6 * deep)], fins)
        outline = [(-long, 0.06), (-0.4 * long, 0.8 * deep), (0.2 * long, deep),
                   (0.8 * long, 0.5 * deep), (long + snout, 0.0), (0.8 * long, -0.5 * deep),
                   (0.2 * long, -deep), (-0.4 * long, -0.8 * deep), (-long, -0.06)]  # fmt: skip
        blob(frame, outline, fur.base)
        markings(frame, outline, fur, rng)
        ellipse(frame, (0.25 * long, -0.2 * deep), (0.2, 0.09), fins, rng.uniform(-0.6, 0.2))
        eye(frame, (0.72 * long, 0.2 * deep), sight, iris)
        return "air"

    return draw


def slider(rng: np.random.Generator) -> Animal:
    """Invent a species without legs: a winding body, ringed or plain."""
    palette, head = invent_palette(rng), invent_head(rng)
    thick, waves, long = rng.uniform(0.08, 0.3), rng.uniform(0.5, 2.5), rng.uniform(1.2, 2.2)
    rings, rise = int(rng.integers(0, 14)), rng.uniform(0.1, 0.8)

    def draw(canvas: Canvas, rng: np.random.Generator) -> Stance:
        fur, phase = palette.wear(rng), rng.uniform(0, 2 * np.pi)
        along = np.linspace(0, 1, 12)
        swing = np.sin(2 * np.pi * waves * along + phase) * rng.uniform(0.12, 0.3)
        x, y = (along - 0.5) * long, swing * (1 - along) + thick + 0.2
        y[-3:] += rise * np.array([0.2, 0.6, 1.0])
        points = list(zip(x.tolist(), y.tolist(), strict=True))
        widths = thick * np.sin(np.pi * (0.08 + 0.8 * along)) + 0.03
        stroke(canvas, points, widths.tolist(), fur.base)
        for share in np.linspace(0.08, 0.9, rings):
            spot = (float(np.interp(share, along, x)), float(np.interp(share, along, y)))
            size = 0.42 * float(np.interp(share, along, widths))
            ellipse(canvas, spot, (0.5 * size, size), fur.mark)
        turned = canvas.at(*points[-1], rng.uniform(-0.5, 0.3), rng.uniform(0.35, 0.5))
        profile(turned, head, fur, rng)
        return "ground"

    return draw


def carrier(rng: np.random.Generator) -> Animal:
    """Invent a species that carries a shell: a dome or a coil, on legs or a foot."""
    palette, shell, head = invent_palette(rng), invent_palette(rng), invent_head(rng)
    wide, tall, legs = rng.uniform(0.45, 0.85), rng.uniform(0.3, 0.9), int(rng.integers(0, 4))
    coil, neck, size = bool(rng.random() < 0.4), rng.uniform(0.1, 0.6), rng.uniform(0.4, 0.65)

    def draw(canvas: Canvas, rng: np.random.Generator) -> Stance:
        fur, case = palette.wear(rng), shell.wear(rng)
        foot = 0.18 if legs else 0.06
        for x in np.linspace(-0.6, 0.6, legs) * wide + rng.uniform(-0.06, 0.06, legs):
            stroke(canvas, [(x, 0.35), (x + 0.05, 0.04)], (0.24, 0.2), shade(fur.base, 0.9))
        if not legs:
            line = [(-wide - 0.3, 0.03), (0, 0.08), (wide + 0.2, 0.1)]
            stroke(canvas, line, (0.05, 0.18, 0.16), fur.base)
        rise = rng.uniform(0.0, 1.0)
        skull = (wide + neck * np.cos(rise) + 0.1, foot + 0.2 + neck * np.sin(rise))
        stroke(canvas, [(0.6 * wide, foot + 0.15), skull], (0.25, 0.18), fur.base)
        turns = np.linspace(0, np.pi, 8)
        dome = [(wide * float(np.cos(t)), foot + tall * float(np.sin(t))) for t in turns]
        outline = [*dome, (-0.5 * wide, foot - 0.03), (0.5 * wide, foot - 0.03)]
        blob(canvas, outline, case.base)
        markings(canvas, outline, case, rng)
        if coil:
            for share, tone in ((0.75, 0.75), (0.6, 1.0), (0.35, 0.75), (0.2, 1.0)):
                centre = (-0.1 * wide, foot + 0.5 * tall)
                ellipse(canvas, centre, (share * 0.75 * wide, share * 0.55 * tall),
                        shade(case.mark, tone))  # fmt: skip
        profile(canvas.at(*skull, rng.uniform(-0.3, 0.3), size), head, fur, rng)
        return "ground"

    return draw


PLANS: tuple[Callable[[np.random.Generator], Animal], ...] = (
    walker,
    wader,
    crawler,
    upright,
    flier,
    swimmer,
    carrier,
    slider,
)
