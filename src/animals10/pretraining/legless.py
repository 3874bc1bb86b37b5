"""Invented species that fly, swim, slide, or carry a shell."""

from __future__ import annotations

import numpy as np

from animals10.drawing.canvas import (
    Canvas,
    Colour,
    Creature,
    Stance,
    blob,
    ellipse,
    polygon,
    shade,
    stroke,
)
from animals10.drawing.coats import markings
from animals10.drawing.parts import eye
from animals10.pretraining.features import (
    TAILS,
    invent_colour,
    invent_head,
    invent_palette,
    oval,
    profile,
    tail,
)


def flier(rng: np.random.Generator) -> Creature:
    """Invent a species that flies on one pair of feathered or skinned wings."""
    palette, head = invent_palette(rng), invent_head(rng, beak=bool(rng.random() < 0.6))
    long, deep, size = rng.uniform(0.3, 0.6), rng.uniform(0.14, 0.35), rng.uniform(0.35, 0.6)
    span, chord, sweep = rng.uniform(0.6, 1.2), rng.uniform(0.2, 0.6), rng.uniform(-0.2, 0.7)
    feathers, skinned = int(rng.integers(4, 9)), bool(rng.random() < 0.4)
    kind, length = str(rng.choice([*TAILS, "hair"])), rng.uniform(0.3, 0.9)

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
        oval(frame, (long, deep), fur, rng)
        skull = (long + 0.35 * size, 0.5 * deep)
        stroke(frame, [(0.6 * long, 0), skull], (1.2 * deep, 0.4 * size), fur.base)
        profile(frame.at(*skull, rng.uniform(-0.3, 0.3), size), head, fur, rng)
        half(frame.at(0.1 * long, 0.2 * deep), flap, shade(fur.base, 0.85))
        return "air"

    return draw


def swimmer(rng: np.random.Generator) -> Creature:
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


def slider(rng: np.random.Generator) -> Creature:
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


def carrier(rng: np.random.Generator) -> Creature:
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
