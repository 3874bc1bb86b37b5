"""Invented species on legs: four, two, or many."""

from __future__ import annotations

import numpy as np

from animals10.drawing.bodies import Build, head_on, quadruped, reclining
from animals10.drawing.canvas import Canvas, Creature, Stance, blob, ellipse, shade, stroke
from animals10.drawing.coats import BLACK
from animals10.drawing.parts import bird_foot, folded_wing, jointed_leg
from animals10.pretraining.features import (
    TAILS,
    face,
    invent_colour,
    invent_head,
    invent_palette,
    oval,
    profile,
    tail,
)


def walker(rng: np.random.Generator) -> Creature:
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
    # Pointed ears on four legs would make a cat, or a dog.
    palette, head = invent_palette(rng), invent_head(rng, ears=("none", "leaf"))
    size, hoof = rng.uniform(0.5, 0.85), invent_colour(rng)
    kind, length = str(rng.choice(TAILS)), rng.uniform(0.3, 0.9)
    bend, nod = rng.uniform(0, 0.4), rng.uniform(-0.5, 0.2)
    spines, spine = int(rng.choice([0, 0, 1, 2, 5, 9])), rng.uniform(0.1, 0.35)
    poses = rng.choice(["lie", "front", "portrait"], 2, replace=False).tolist()

    def draw(canvas: Canvas, rng: np.random.Generator) -> Stance:
        fur, shape, pose = palette.wear(rng), build.varied(rng), rng.choice(["stand", *poses])
        if pose == "portrait":
            wide = 0.4 + 0.7 * shape.depth
            oval(canvas.at(0, 0.1), (wide, 0.7), fur, rng)
            stroke(canvas, [(0, 0.5), (0, 1.2)], (wide, 2 * shape.throat), shade(fur.base, 0.95))
            face(canvas.at(0, 1.3, rng.uniform(-0.25, 0.25), 1.9 * size), head, fur, rng)
            return "bust"
        if pose == "front":
            top = head_on(canvas, shape, fur, hoof, rng)
            face(canvas.at(0, top, rng.uniform(-0.15, 0.15), size), head, fur, rng)
            return "ground"
        hip = (-shape.length / 2, shape.leg + 0.85 * shape.depth)
        if pose == "lie":
            low = 0.5 * shape.depth
            tail(canvas.at(hip[0], low), kind, min(length, low), fur, rng)
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


def upright(rng: np.random.Generator) -> Creature:
    """Invent a species that stands on two legs: a stout body with arms or flippers."""
    palette, head, size = invent_palette(rng), invent_head(rng), rng.uniform(0.5, 0.8)
    wide, tall, leg = rng.uniform(0.25, 0.5), rng.uniform(0.45, 0.75), rng.uniform(0.1, 0.45)
    arm, limb = rng.uniform(0.3, 0.8), rng.uniform(0.08, 0.2)
    kind, length = str(rng.choice(TAILS)), rng.uniform(0.3, 0.8)

    def draw(canvas: Canvas, rng: np.random.Generator) -> Stance:
        fur = palette.wear(rng)
        tail(canvas.at(-0.7 * wide, leg + 0.2), kind, min(length, leg + 0.2), fur, rng)
        lean = rng.uniform(-0.15, 0.15)
        for side in (-1, 1):
            x = side * 0.5 * wide
            stroke(canvas, [(x, leg + 0.2), (x + 0.05, 0.04)], (1.3 * limb, limb), fur.base)
            ellipse(canvas, (x + 0.1, 0.04), (1.2 * limb, 0.05), shade(fur.base, 0.6))
        frame = canvas.at(0, leg + tall, lean)
        oval(frame, (wide, tall), fur, rng)
        for side in (-1, 1):
            swing = rng.uniform(-0.9, 0.3)
            hand = (side * (0.8 * wide + arm * np.cos(swing)), 0.5 * tall + arm * np.sin(swing))
            stroke(frame, [(side * 0.8 * wide, 0.5 * tall), hand], (limb, 0.7 * limb),
                   shade(fur.base, 0.8))  # fmt: skip
        top = frame.at(0, 1.05 * tall, rng.uniform(-0.25, 0.25), size)
        (face if rng.random() < 0.5 else profile)(top, head, fur, rng)
        return "ground"

    return draw


def wader(rng: np.random.Generator) -> Creature:
    """Invent a bird-like species: two thin legs, a beak, a long neck."""
    palette, head = invent_palette(rng), invent_head(rng, beak=True)
    long, deep, leg = rng.uniform(0.35, 0.65), rng.uniform(0.2, 0.4), rng.uniform(0.4, 0.9)
    neck, throat, size = rng.uniform(0.45, 0.95), rng.uniform(0.1, 0.25), rng.uniform(0.4, 0.8)
    kind, length = str(rng.choice(["none", "fan", "hair", "curl"])), rng.uniform(0.3, 0.9)
    skin, slope, winged = invent_colour(rng), rng.uniform(-0.3, 0.7), bool(rng.random() < 0.8)

    def draw(canvas: Canvas, rng: np.random.Generator) -> Stance:
        fur = palette.wear(rng)
        for x, tone in ((0.1, 0.7), (-0.08, 1.0)):
            place = canvas.at(x + rng.uniform(-0.08, 0.08), 0)
            bird_foot(place, leg + 0.15, shade(skin, tone))
        body = canvas.at(0, leg + deep, slope * rng.uniform(0.6, 1.2))
        tail(body.at(-0.8 * long, 0.1), kind, length, fur, rng)
        angle = rng.uniform(0.3, 1.6)
        skull = (0.7 * long + neck * np.cos(angle), 0.3 * deep + (neck + 0.25) * np.sin(angle))
        line = [(0.6 * long, 0.1 * deep), (0.8 * long + 0.1, 0.5 * skull[1] + 0.05), skull]
        stroke(body, line, (1.2 * deep, throat, throat), shade(fur.base, 1.03))
        oval(body, (long, deep), fur, rng)
        if winged:
            folded_wing(body.at(0, -0.3).stretched(1.5 * long, 1.0), shade(fur.base, 0.82))
        profile(body.at(*skull, -slope + rng.uniform(-0.4, 0.3), size), head, fur, rng)
        return "ground"

    return draw


def crawler(rng: np.random.Generator) -> Creature:
    """Invent a many-legged species, seen from above or from the side."""
    palette, pairs = invent_palette(rng), int(rng.choice([2, 3, 6, 7, 9]))
    count = int(rng.integers(3, 7))
    parts = rng.uniform(0.12, 0.42, (count, 2)) / [0.25 * count, 1]  # as long as one of four
    reach, thick, bow = rng.uniform(0.35, 1.0), rng.uniform(0.03, 0.12), rng.uniform(-0.5, 0.5)
    feelers, pincers = rng.uniform(0, 0.7), bool(rng.random() < 0.35)
    above = rng.uniform(0.3, 1.0)

    def draw(canvas: Canvas, rng: np.random.Generator) -> Stance:
        fur, long = palette.wear(rng), float(parts[:, 0].sum())
        from_above = rng.random() < above
        frame = canvas.at(0, 1.8, rng.uniform(-np.pi, np.pi)) if from_above else canvas.at(0, 0.55)
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
            oval(frame.at(x + half, 0), (1.1 * half, width), fur, rng)
            x += 2 * half
        for side in (-1, 1):
            ellipse(frame, (0.93 * long, 0.07 * side), (0.035, 0.035), BLACK)
        return "air" if from_above else "ground"

    return draw
