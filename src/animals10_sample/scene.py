"""Pictures of the animals: background, placement, occlusion, light, blur and sensor noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from animals10_sample.animals import ANIMALS
from animals10_sample.canvas import (
    Canvas,
    Colour,
    Creature,
    FloatArray,
    Stance,
    blank,
    ellipse,
    stroke,
)
from animals10_sample.coats import choose, lump

CLASSES: tuple[str, ...] = tuple(sorted(ANIMALS))


@dataclass(frozen=True)
class Conditions:
    """How pictures are taken; ranges are drawn from uniformly, deviations normally.

    Attributes:
        extent: of the animal, as a fraction of the picture's edge.
        offset: deviation of its position from the usual one, as a fraction of the edge, by which
            it may be cut off.
        tilt: deviation of its pose, in radians.
        cover: probability of grass, a fence, a bush or a rock before it.
        blades: of the grass.
        light: brightness.
        falloff: deviation of the brightness between the middle and an edge.
        blur: standard deviation of a Gaussian, in pixels of 160.
        noise: standard deviation of the sensor's noise, of 255.
    """

    extent: tuple[float, float] = (0.82, 1.1)
    offset: float = 0.03
    tilt: float = 0.05
    cover: float = 0.75
    blades: int = 90
    light: tuple[float, float] = (0.65, 1.12)
    falloff: float = 0.1
    blur: tuple[float, float] = (0.3, 1.6)
    noise: tuple[float, float] = (2.0, 12.0)


LAYER = 416  # pixels of the square an animal is drawn on before it is reduced
GREENS: tuple[Colour, ...] = ((112, 146, 84), (128, 156, 98), (98, 130, 84), (150, 160, 106))
SANDS: tuple[Colour, ...] = ((206, 188, 152), (194, 170, 134), (180, 156, 130), (214, 202, 178))
SKIES: tuple[Colour, ...] = ((160, 192, 222), (196, 208, 220), (144, 180, 216), (222, 210, 192))
SNOWS: tuple[Colour, ...] = ((232, 236, 242), (214, 222, 232))
WALLS: tuple[Colour, ...] = (
    (214, 204, 188),
    (184, 192, 198),
    (200, 178, 162),
    (168, 160, 152),
    (146, 160, 168),
    (222, 220, 216),
)
FLOORS: tuple[Colour, ...] = ((172, 148, 124), (154, 132, 114), (186, 180, 172), (144, 140, 138))
WOODS: tuple[Colour, ...] = ((88, 108, 80), (104, 114, 84), (82, 94, 80), (124, 120, 92))


def draw(
    name: str, rng: np.random.Generator, size: int = 160, conditions: Conditions | None = None
) -> np.ndarray:
    """Draw one picture of the named animal.

    Args:
        name: one of ``CLASSES``.
        rng: decides everything else; the same state gives the same bytes.
        size: edge of the square picture in pixels, at least 16.
        conditions: how it is taken; by default as photos are, with much in the way.

    Returns:
        uint8 RGB array of shape (size, size, 3).

    Raises:
        ValueError: if ``name`` is not one of ``CLASSES``.
    """
    if name not in ANIMALS:
        raise ValueError(f"unknown animal {name!r}, expected one of {', '.join(CLASSES)}")
    return picture(ANIMALS[name], rng, size, conditions or Conditions())


def picture(
    creature: Creature, rng: np.random.Generator, size: int, conditions: Conditions
) -> np.ndarray:
    """Draw any creature (see ``canvas.Creature``) in a random scene: uint8 RGB, (size, size, 3)."""
    canvas = blank(LAYER, 150.0, 0.92 * LAYER)
    tilt, mirror = rng.normal(0, conditions.tilt), bool(rng.random() < 0.5)
    stance = creature(canvas.at(0, 0, tilt, mirror=mirror), rng)
    cutout = canvas.image.crop(canvas.image.getbbox())
    scene, horizon = background(rng, size)
    width = round(size * rng.uniform(*conditions.extent))
    factor = width / max(cutout.size)
    shape = (max(1, round(cutout.width * factor)), max(1, round(cutout.height * factor)))
    cutout = shaded(cutout.resize(shape, Image.Resampling.LANCZOS), rng)
    left, top = placement(stance, shape, size, horizon, rng)
    left += round(rng.normal(0, conditions.offset) * size)
    top += round(rng.normal(0, conditions.offset / 2) * size)
    if stance == "ground":
        shadow(scene, (left, top, left + shape[0], top + shape[1]), rng)
    scene.paste(cutout, (left, top), cutout)
    if rng.random() < conditions.cover:
        occlude(scene, top + shape[1], rng, conditions.blades)
    return photographed(scene, rng, conditions)


def placement(
    stance: Stance, shape: tuple[int, int], size: int, horizon: float, rng: np.random.Generator
) -> tuple[int, int]:
    """Return the left upper corner of the animal's box, at times partly outside the picture."""
    play = 0.04 * size + 0.25 * max(0, size - shape[0])
    left = round((size - shape[0]) / 2 + rng.normal(0, 0.7) * play)
    if stance == "bust":
        return left, size - round(shape[1] * rng.uniform(0.85, 0.98))
    if stance == "air":
        return left, round((size - shape[1]) / 2 + rng.normal(0, 0.06) * size)
    foot = round(size * rng.uniform(max(horizon + 0.08, 0.8), 1.02))
    # A head says more than feet: what does not fit is cut off below.
    return left, max(foot - shape[1], round(-0.03 * size))


def soft_noise(rng: np.random.Generator, size: int, cells: int) -> FloatArray:
    """Return smooth noise of about ``cells`` bumps across: (size, size), mostly within -1..1."""
    coarse = rng.normal(0, 0.5, (cells, cells)).astype(np.float32)
    image = Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(image, dtype=np.float64)


def background(rng: np.random.Generator, size: int) -> tuple[Image.Image, float]:
    """Return a random place without animals, and the height of its horizon (0 top, 1 bottom)."""
    kind = rng.choice(["meadow", "forest", "sand", "room", "snow", "blurred"])
    horizon = float(rng.uniform(0.25, 0.6))
    above = {"forest": WOODS, "room": WALLS}.get(kind, SKIES)
    below = {"sand": SANDS, "room": FLOORS, "snow": SNOWS}.get(kind, GREENS)
    rows = np.linspace(0, 1, size)[:, None, None]
    sky, ground = np.array(choose(rng, above)), np.array(choose(rng, below))
    scene = np.where(rows < horizon, sky * (0.85 + 0.3 * rows), ground * (0.75 + 0.35 * rows))
    if kind == "blurred":
        horizon = 0.3
        hues = (*WOODS, *WALLS, *GREENS, *SANDS, *FLOORS)
        first, second = np.array(choose(rng, hues)), np.array(choose(rng, hues))
        fraction = np.clip(0.5 + soft_noise(rng, size, 5), 0, 1)[..., None]
        scene = first * fraction + second * (1 - fraction)
    grain = 4 if kind in ("room", "snow") else 9
    texture = soft_noise(rng, size, 8) + soft_noise(rng, size, size // 4)
    scene = scene + grain * texture[..., None] * (rows >= horizon)
    image = Image.fromarray(np.clip(scene, 0, 255).astype(np.uint8))
    furnish(image, kind, horizon, rng)
    return image.filter(ImageFilter.BoxBlur(float(rng.uniform(0.8, 2.5)))), horizon


def furnish(image: Image.Image, kind: str, horizon: float, rng: np.random.Generator) -> None:
    """Add what stands at the back: trees, a far wood, a picture on the wall."""
    size = image.width
    pen = ImageDraw.Draw(image)
    line = horizon * size
    if kind == "forest":
        for x in rng.uniform(0, size, rng.integers(4, 10)):
            width = size * rng.uniform(0.02, 0.09)
            foot = line + size * rng.uniform(0, 0.1)
            pen.rectangle((x, 0, x + width, foot), fill=choose(rng, (*FLOORS[:2], WOODS[2])))
    elif kind == "room" and rng.random() < 0.6:
        x, y = rng.uniform(0, 0.8, 2) * size
        box = (
            x,
            0.4 * y,
            x + size * rng.uniform(0.15, 0.5),
            0.4 * y + size * rng.uniform(0.1, 0.5),
        )
        pen.rectangle(box, fill=choose(rng, (*WALLS, *FLOORS, *SKIES)))
    elif kind in ("meadow", "sand", "snow") and rng.random() < 0.6:
        colour = choose(rng, (*WOODS, *SANDS))
        for x in rng.uniform(-0.1, 1.1, rng.integers(3, 14)) * size:
            radius = size * rng.uniform(0.04, 0.12)
            pen.ellipse((x - radius, line - radius, x + radius, line + 0.3 * radius), fill=colour)


def shaded(cutout: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return the animal lit from one side, as if its outline were round, with uneven fur."""
    width, height = cutout.size
    pixels = np.asarray(cutout, dtype=np.float64).copy()
    bulge = cutout.getchannel("A").filter(ImageFilter.GaussianBlur(max(width, height) / 22))
    down, right = np.gradient(np.asarray(bulge, dtype=np.float64) / 255)
    slope = (down * rng.uniform(0.4, 1.0) + right * rng.uniform(-0.8, 0.8)) * max(width, height)
    fur = soft_noise(rng, max(width, height), max(width, height) // 3)[:height, :width]
    light = 1 + 0.075 * slope + rng.uniform(0.02, 0.08) * fur
    pixels[..., :3] *= light[..., None]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8), "RGBA")


def shadow(scene: Image.Image, box: tuple[int, int, int, int], rng: np.random.Generator) -> None:
    """Darken the ground under an animal that fills ``box``."""
    left, _, right, bottom = box
    half = 0.05 * (right - left)
    mask = Image.new("L", scene.size)
    pen = ImageDraw.Draw(mask)
    pen.ellipse((left, bottom - 1.6 * half, right, bottom + half), fill=int(rng.integers(40, 130)))
    mask = mask.filter(ImageFilter.BoxBlur(max(1.0, half / 2)))
    scene.paste((20, 20, 22), (0, 0), mask)


def occlude(scene: Image.Image, foot: int, rng: np.random.Generator, blades: int) -> None:
    """Put something in front: grass, a fence, a bush, a rock; ``foot`` is the ground row."""
    size = scene.width
    kind = rng.choice(["grass"] * 3 + ["fence", "bush", "rock"])
    base = min(foot, size) + 0.04 * size
    layer = Canvas(scene, np.diag([size, -size]).astype(float), np.array([0.0, base]))
    if kind == "grass":
        colour, tall = choose(rng, (*GREENS, *SANDS)), rng.uniform(0.1, 0.35)
        for x in rng.uniform(0, 1, blades):
            tip = (x + rng.normal(0, 0.04), tall * rng.uniform(0.4, 1.1))
            tone = choose(rng, (colour,))
            stroke(layer, [(x, -0.1), tip], (0.02, 0.004), tone)
    elif kind == "fence":
        colour, step = choose(rng, (*FLOORS, *WALLS)), rng.uniform(0.22, 0.4)
        for x in np.arange(rng.uniform(0, step), 1, step):
            stroke(layer, [(x, -0.3), (x, 1.2)], (0.035, 0.035), colour)
        stroke(layer, [(-0.1, 0.3), (1.1, 0.3)], (0.03, 0.03), colour)
    elif kind == "bush":
        colour, x = choose(rng, (*GREENS, *WOODS)), rng.uniform(0, 1)
        for _ in range(12):
            spot = (x + rng.normal(0, 0.09), rng.uniform(-0.08, 0.1))
            lump(layer, spot, rng.uniform(0.04, 0.09), choose(rng, (colour,)), rng)
    elif kind == "rock":
        spot, grey = (rng.uniform(0, 1), 0.0), choose(rng, ((130, 126, 120),))
        lump(layer, spot, rng.uniform(0.1, 0.18), grey, rng)
        ellipse(layer, (spot[0] - 0.02, 0.03), (0.05, 0.03), choose(rng, ((150, 146, 140),)))


def photographed(
    scene: Image.Image, rng: np.random.Generator, conditions: Conditions
) -> np.ndarray:
    """Return the scene as a camera saw it: light, tint, blur and noise; uint8 RGB."""
    size = scene.width
    blur = rng.uniform(*conditions.blur) * size / 160
    scene = scene.filter(ImageFilter.GaussianBlur(float(blur)))
    pixels = np.asarray(scene, dtype=np.float64)
    rows, columns = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    slope = rng.normal(0, conditions.falloff, 2)
    light = rng.uniform(*conditions.light) * (1 + slope[0] * rows + slope[1] * columns)
    warmth = rng.normal(0, 0.04)
    tint = np.array([1 + warmth, 1.0, 1 - warmth])
    noise = rng.normal(0, rng.uniform(*conditions.noise), pixels.shape)
    seen = pixels * light[..., None] * tint + noise
    picture: np.ndarray = np.clip(seen, 0, 255).astype(np.uint8)
    return picture
