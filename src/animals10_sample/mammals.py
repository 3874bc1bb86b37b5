"""The four-legged animals and the squirrel, each composed from parts in one of a few poses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from animals10_sample.bodies import Build, begging, bust, head_on, quadruped, reclining, sitting
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
from animals10_sample.coats import BLACK, FUR, PINK, WHITE, Coat, choose, coat
from animals10_sample.faces import (
    cat_face,
    cow_face,
    dog_face,
    elephant_face,
    horse_face,
    sheep_face,
)
from animals10_sample.heads import (
    cat_head,
    cow_head,
    dog_head,
    elephant_head,
    horse_head,
    sheep_head,
    squirrel_head,
)
from animals10_sample.parts import brush_tail, collar, curl_tail, hair_tail, tuft_tail, wool

BROWN, BAY, TAN, SAND, PALE, DARK, GREY, RUSSET = FUR
# Commoner colours stand more than once; every hue is shared by several species.
DOGS = (TAN, TAN, TAN, TAN, SAND, SAND, PALE, DARK, BROWN)
COLLARS: tuple[Colour, ...] = ((190, 40, 44), (40, 90, 170), (60, 130, 80))
CATS = (GREY, GREY, GREY, GREY, RUSSET, RUSSET, DARK, PALE)
HORSES = (BAY, BAY, BAY, BROWN, BROWN, BROWN, RUSSET, DARK, PALE, GREY)
COWS = (PALE, PALE, PALE, DARK, DARK, DARK, BAY, RUSSET)
FLEECES = (PALE, PALE, PALE, PALE, SAND, SAND, GREY, BROWN)
HIDES: tuple[Colour, ...] = ((120, 116, 114), (140, 136, 132), (100, 95, 94), (132, 114, 100))
SQUIRRELS = (RUSSET, RUSSET, RUSSET, RUSSET, RUSSET, BAY, GREY, DARK)

DOG = Build(0.85, 0.46, 0.4, 0.7, 0.17, 0.085, 0.22, 0.24)
CAT = Build(0.85, 0.34, 0.3, 0.85, 0.14, 0.08, 0.12, 0.2)
HORSE = Build(0.95, 0.74, 0.46, 0.82, 0.2, 0.08, 0.55, 0.22)
COW = Build(1.1, 0.46, 0.58, 0.95, 0.2, 0.1, 0.28, 0.36)
SHEEP = Build(0.8, 0.36, 0.5, 0.95, 0.12, 0.08, 0.18, 0.24)
ELEPHANT = Build(0.85, 0.5, 0.78, 0.95, 0.28, 0.23, 0.1, 0.5)
SQUIRREL = Build(0.5, 0.14, 0.3, 0.95, 0.12, 0.06, 0.1, 0.22)


def dog(canvas: Canvas, rng: np.random.Generator) -> Stance:
    """Draw a dog standing, sitting, or as a portrait; most wear a collar."""
    fur = coat(rng, DOGS, ("plain", "plain", "patched", "belly"))
    floppy = bool(rng.random() < 0.7)
    band = COLLARS[rng.integers(len(COLLARS))] if rng.random() < 0.75 else None
    pose = rng.choice(["stand", "stand", "sit", "front", "bust"])
    if pose == "bust":
        bust(canvas, fur, rng)
        throat, width = canvas.at(0, 0.55), 0.95
        face = canvas.at(0, 1.15, rng.uniform(-0.2, 0.2), 1.35)
    elif pose == "front":
        begging(canvas, fur)
        throat, width = canvas.at(0, 0.93), 0.46
        face = canvas.at(0, 1.28, rng.uniform(-0.2, 0.2), 0.75)
    elif pose == "sit":
        curl_tail(canvas.at(-0.35, 0.1), 0.5, 0.11, 0.2, shade(fur.base, 0.9), fur.mark)
        sitting(canvas, fur, rng)
        throat, width = canvas.at(0.12, 1.02, -0.35), 0.44
        face = canvas.at(0.18, 1.28, rng.uniform(-0.35, 0.25), rng.uniform(0.66, 0.78))
    else:
        build = DOG.varied(rng)
        tail = canvas.at(-build.length / 2, build.leg + 0.85 * build.depth)
        curl = rng.uniform(-0.2, 1.0)
        curl_tail(tail, rng.uniform(0.35, 0.65), 0.11, curl, shade(fur.base, 0.9), fur.mark)
        tilt = rng.uniform(0.5, 1.2)
        _, skull = quadruped(canvas, build, fur, fur.base, tilt, 0.25, rng)
        throat, width = canvas.at(*skull).at(0, 0, tilt - np.pi / 2).at(0, -0.2), 0.36
        face = canvas.at(
            skull[0], skull[1] + 0.08, rng.uniform(-0.35, 0.25), rng.uniform(0.66, 0.76)
        )
    if band is not None:
        collar(throat, width, band)
    in_profile = pose in ("sit", "stand") and rng.random() < 0.6
    (dog_head if in_profile else dog_face)(face, fur, floppy, rng)
    return "bust" if pose == "bust" else "ground"


def cat(canvas: Canvas, rng: np.random.Generator) -> Stance:
    """Draw a cat standing, sitting, lying, or as a portrait."""
    fur = coat(rng, CATS, ("plain", "patched", "belly", "striped", "striped", "striped"))
    pose = rng.choice(["stand", "stand", "sit", "front", "lie", "bust"])
    tail, tip = shade(fur.base, 0.9), shade(fur.base, 0.7)
    if pose == "bust":
        bust(canvas, fur, rng)
        cat_face(canvas.at(0, 1.15, rng.uniform(-0.2, 0.2), 1.3), fur, rng)
        return "bust"
    if pose == "front":
        curl_tail(canvas.at(-0.2, 0.1), rng.uniform(0.5, 0.8), 0.12, 0.5, tail, tip)
        begging(canvas, fur)
        cat_face(canvas.at(0, 1.22, rng.uniform(-0.2, 0.2), 0.72), fur, rng)
        return "ground"
    build = CAT.varied(rng)
    if pose == "sit":
        curl_tail(canvas.at(-0.3, 0.1), rng.uniform(0.6, 0.9), 0.1, 0.4, tail, tip)
        skull: Point = sitting(canvas, fur, rng)
    elif pose == "lie":
        stroke(canvas, [(-0.5, 0.1), (-0.75, 0.05), (-0.5, 0.02), (0, 0.04)], (0.1,) * 4, tail)
        reclining(canvas, build, fur, rng)
        skull = (build.length / 2 + 0.08, build.depth + 0.12)
    else:
        frame = canvas.at(-build.length / 2 - 0.02, build.leg + 0.85 * build.depth)
        curl_tail(frame, rng.uniform(0.6, 0.95), 0.085, rng.uniform(0, 1), tail, tip)
        _, skull = quadruped(canvas, build, fur, fur.base, rng.uniform(0.3, 1.2), 0.25, rng)
    frame = canvas.at(*skull, rng.uniform(-0.2, 0.2), rng.uniform(0.56, 0.68))
    (cat_face if rng.random() < 0.8 else cat_head)(frame, fur, rng)
    return "ground"


def horse(canvas: Canvas, rng: np.random.Generator) -> Stance:
    """Draw a horse standing, grazing, or as a portrait."""
    fur = coat(rng, HORSES, ("plain", "plain", "plain", "patched", "spotted"))
    mane = choose(rng, (BLACK, shade(fur.base, 0.5), WHITE, fur.mark))
    blaze = bool(rng.random() < 0.5)
    if rng.random() < 0.15:
        blob(
            canvas,
            [(-0.6, -0.1), (-0.32, 0.5), (-0.24, 1.4), (0.24, 1.4), (0.32, 0.5), (0.6, -0.1)],
            shade(fur.base, 0.85),
        )
        horse_face(canvas.at(0, 1.35, rng.uniform(-0.15, 0.15), 1.3), fur, mane, blaze)
        return "bust"
    build = HORSE.varied(rng)
    hair_tail(
        canvas.at(-build.length / 2 - 0.05, build.leg + 0.85 * build.depth),
        rng.uniform(0.6, 0.9),
        mane,
        rng.uniform(-0.05, 0.3),
    )
    grazing = rng.random() < 0.3
    neck = rng.uniform(-0.85, -0.65) if grazing else rng.uniform(0.55, 1.15)
    shoulder, skull = quadruped(canvas, build, fur, BLACK, neck, 0.2, rng)
    normal = np.array([-np.sin(neck), np.cos(neck)]) * 0.5 * build.throat
    ends = np.array([shoulder, skull]) + normal
    crest = [tuple(ends[0] + 0.5 * normal), tuple(ends.mean(axis=0)), tuple(ends[1])]
    stroke(canvas, crest, (0.05, 0.2, 0.14), mane)
    tilt = rng.uniform(-1.3, -1.0) if grazing else rng.uniform(-0.75, -0.25)
    horse_head(canvas.at(*skull, tilt, rng.uniform(0.6, 0.72)), fur, mane, blaze)
    return "ground"


def cow(canvas: Canvas, rng: np.random.Generator) -> Stance:
    """Draw a cow standing, grazing, lying, head-on, or as a portrait."""
    fur = coat(rng, COWS, ("patched", "patched", "patched", "plain"))
    horned = fur.pattern == "plain" or bool(rng.random() < 0.7)
    pose = rng.choice(["stand", "stand", "stand", "lie", "front", "bust"])
    build = COW.varied(rng)
    if pose == "bust":
        bust(canvas, fur, rng)
        cow_face(canvas.at(0, 1.1, rng.uniform(-0.15, 0.15), 1.35), fur, horned)
        return "bust"
    if pose == "front":
        top = head_on(canvas, build, fur, BLACK, rng)
        cow_face(canvas.at(0, top, rng.uniform(-0.1, 0.1), 0.75), fur, horned)
        return "ground"
    if pose == "lie":
        reclining(canvas, build, fur, rng)
        shoulder = (build.length / 2, 0.7 * build.depth)
        skull: Point = (shoulder[0] + 0.25, shoulder[1] + 0.3)
        stroke(canvas, [shoulder, skull], (0.7 * build.depth, build.throat), fur.base)
    else:
        tail = canvas.at(-build.length / 2 - 0.08, build.leg + 0.85 * build.depth)
        tuft_tail(tail, 0.75, 0.06, fur.base, rng.uniform(-0.05, 0.25))
        udder = (-0.28 * build.length, build.leg - 0.02)
        ellipse(canvas, udder, (0.16, 0.12), PINK)
        neck = rng.uniform(-0.9, 0.7)
        _, skull = quadruped(canvas, build, fur, BLACK, neck, 0.2, rng)
    frame = canvas.at(*skull, rng.uniform(-0.75, -0.2), rng.uniform(0.6, 0.72))
    if rng.random() < 0.65:
        cow_head(frame, fur, horned)
    else:
        cow_face(canvas.at(*skull, rng.uniform(-0.2, 0.2), 0.72), fur, horned)
    return "ground"


def sheep(canvas: Canvas, rng: np.random.Generator) -> Stance:
    """Draw a sheep standing, grazing, lying, head-on, or as a portrait."""
    fleece, skin = choose(rng, FLEECES), choose(rng, (BLACK, FUR[0], FUR[4], FUR[3]))
    fur, build = Coat(skin, skin, "plain"), SHEEP.varied(rng)
    pose = rng.choice(["stand", "stand", "stand", "lie", "front", "bust"])
    if pose == "bust":
        wool(canvas, (0, 0.3), (0.85, 0.6), fleece, rng)
        sheep_face(canvas.at(0, 1.05, rng.uniform(-0.2, 0.2), 1.35), skin, fleece, rng)
        return "bust"
    if pose == "front":
        top = head_on(canvas, build, fur, BLACK, rng)
        wool(canvas, (0, build.leg + 0.28), (0.42, 0.4), fleece, rng)
        sheep_face(canvas.at(0, top, rng.uniform(-0.1, 0.1), 0.68), skin, fleece, rng)
        return "ground"
    half = build.length / 2
    if pose == "lie":
        build = replace(build, leg=0.02)
        stroke(canvas, [(half * 0.8, 0.1), (half + 0.4, 0.04)], (0.1, 0.08), skin)
        skull: Point = (half + 0.25, 0.75 * build.depth + 0.1)
    else:
        _, skull = quadruped(canvas, build, fur, BLACK, rng.uniform(-0.9, 0.9), 0.15, rng)
    middle = (0.0, build.leg + 0.5 * build.depth + 0.02)
    wool(canvas, middle, (half + 0.22, 0.5 * build.depth + 0.08), fleece, rng)
    neck = (half + 0.1, build.leg + 0.7 * build.depth)
    wool(canvas, ((neck[0] + skull[0]) / 2, (neck[1] + skull[1]) / 2), (0.2, 0.2), fleece, rng)
    if rng.random() < 0.7:
        frame = canvas.at(*skull, rng.uniform(-0.7, -0.2), 0.56)
        sheep_head(frame, skin, fleece, bool(rng.random() < 0.25), rng)
    else:
        sheep_face(canvas.at(*skull, rng.uniform(-0.2, 0.2), 0.6), skin, fleece, rng)
    return "ground"


def elephant(canvas: Canvas, rng: np.random.Generator) -> Stance:
    """Draw an elephant from the side or head-on."""
    skin = choose(rng, HIDES)
    fur, build = Coat(skin, skin, "plain"), ELEPHANT.varied(rng, 0.08)
    tusk, nail = float(rng.choice([0.0, 0.35, 0.6])), mix(skin, WHITE, 0.4)
    if rng.random() < 0.25:
        top = head_on(canvas, build, fur, nail, rng)
        elephant_face(canvas.at(0, top, 0, 0.95), skin, rng.uniform(-0.4, 0.4), tusk)
        return "ground"
    tail = canvas.at(-build.length / 2 - 0.1, build.leg + 0.8 * build.depth)
    tuft_tail(tail, 0.6, 0.05, shade(skin, 0.8), rng.uniform(-0.05, 0.2))
    _, skull = quadruped(canvas, build, fur, nail, rng.uniform(0.2, 0.9), 0.02, rng)
    frame = canvas.at(skull[0] + 0.05, skull[1], rng.uniform(-0.15, 0.15), rng.uniform(0.68, 0.8))
    elephant_head(frame, skin, float(rng.choice([-0.1, 0.3, 0.6, 1.0])), tusk)
    return "ground"


def squirrel(canvas: Canvas, rng: np.random.Generator) -> Stance:
    """Draw a squirrel sitting up with a nut, or on all fours."""
    fur = Coat(choose(rng, SQUIRRELS), mix(choose(rng, FUR[:4]), WHITE, 0.6), "belly")
    tail = shade(fur.base, rng.uniform(0.75, 1.0))
    if rng.random() < 0.35:
        build = SQUIRREL.varied(rng)
        brush_tail(canvas.at(-build.length / 2 - 0.08, 0.28), rng.uniform(0.75, 1.0), tail, rng)
        _, skull = quadruped(canvas, build, fur, fur.base, rng.uniform(0.2, 0.9), 0.5, rng)
        squirrel_head(canvas.at(*skull, rng.uniform(-0.3, 0.2), 0.45), fur)
        return "ground"
    brush_tail(canvas.at(-0.25, 0.08), rng.uniform(0.95, 1.25), tail, rng)
    outline: list[Point] = [
        (-0.32, 0.05),
        (-0.38, 0.3),
        (-0.2, 0.65),
        (0.02, 0.85),
        (0.2, 0.78),
        (0.22, 0.45),
        (0.2, 0.1),
        (0.0, 0.0),
    ]
    blob(canvas, outline, fur.base)
    stroke(canvas, [(0.18, 0.65), (0.2, 0.4), (0.1, 0.12)], (0.06, 0.15, 0.1), fur.mark)
    ellipse(canvas, (-0.1, 0.22), (0.22, 0.22), shade(fur.base, 0.92))
    ellipse(canvas, (0.12, 0.04), (0.2, 0.05), shade(fur.base, 0.8))
    if rng.random() < 0.7:
        ellipse(canvas, (0.42, 0.6), (0.09, 0.075), (112, 70, 36))
    stroke(
        canvas, [(0.08, 0.62), (0.2, 0.48), (0.4, 0.58)], (0.14, 0.1, 0.07), shade(fur.base, 0.85)
    )
    squirrel_head(canvas.at(0.16, 0.95, rng.uniform(-0.25, 0.25), rng.uniform(0.5, 0.6)), fur)
    return "ground"
