"""What invented creatures have in common: palettes, heads of random proportions, tails."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from animals10.drawing.canvas import Canvas, Colour, Point, blob, ellipse, polygon, shade, stroke
from animals10.drawing.coats import BLACK, Coat, coat, markings
from animals10.drawing.parts import (
    curl_tail,
    eye,
    feather_fan,
    hair_tail,
    horn,
    leaf_ear,
    pointed_ear,
    tuft_tail,
    whiskers,
)

PATTERNS = ("plain", "patched", "spotted", "striped", "feathered", "belly")
EARS = ("none", "pointed", "leaf")
TAILS = ("none", "tuft", "curl", "fan")  # and "hair", for what does not walk: a horse has it


@dataclass(frozen=True)
class Palette:
    """Colours and patterns of a species; each creature wears one coat of them."""

    colours: tuple[Colour, ...]
    patterns: tuple[str, ...]

    def wear(self, rng: np.random.Generator) -> Coat:
        """Return one creature's coat."""
        return coat(rng, self.colours, self.patterns)


def invent_colour(rng: np.random.Generator) -> Colour:
    """Return a random colour, mostly of an animal's soft tones."""
    hue, saturation = rng.uniform(0, 1), rng.beta(1.3, 2.2)
    if rng.random() < 0.6:
        hue = rng.normal(0.08, 0.03) % 1
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, rng.uniform(0.2, 0.95))
    return round(255 * red), round(255 * green), round(255 * blue)


def invent_palette(rng: np.random.Generator) -> Palette:
    """Return two to five colours and one to three patterns."""
    colours = tuple(invent_colour(rng) for _ in range(rng.integers(2, 6)))
    patterns = rng.choice(PATTERNS, rng.integers(1, 4), replace=False).tolist()
    return Palette(colours, tuple(patterns))


@dataclass(frozen=True)
class Head:
    """Proportions of a head whose skull is about one unit long.

    width, height: radii of the skull; muzzle: how far it reaches; snout: its height; droop: how
    far it points down; beak: a beak instead of a muzzle; ear, ears: kind and length; horns, curl:
    length (0: none) and bend; crest: length of a fan of feathers or hair (0: none); plumes:
    how many; sight: radius of the eye; iris: its colour.
    """

    width: float
    height: float
    muzzle: float
    snout: float
    droop: float
    beak: bool
    ear: str
    ears: float
    horns: float
    curl: float
    crest: float
    plumes: int
    sight: float
    iris: Colour


def invent_head(rng: np.random.Generator, beak: bool = False, ears: tuple[str, ...] = EARS) -> Head:
    """Return the head of a random species; all but those with a beak have a crest."""
    beak = beak or bool(rng.random() < 0.2)
    return Head(
        width=rng.uniform(0.26, 0.44),
        height=rng.uniform(0.24, 0.46),
        muzzle=rng.uniform(0.1, 0.6) if rng.random() < 0.8 else 0.0,
        snout=rng.uniform(0.1, 0.26),
        droop=rng.uniform(-0.05, 0.3),
        beak=beak,
        ear="none" if beak else str(rng.choice(ears)),
        ears=rng.uniform(0.2, 0.75),
        horns=rng.uniform(0.2, 0.6) if rng.random() < 0.25 else 0.0,
        curl=rng.uniform(-0.4, 1.0),
        crest=0.0 if beak and rng.random() < 0.6 else rng.uniform(0.25, 0.65),
        plumes=int(rng.integers(2, 8)),
        sight=rng.uniform(0.04, 0.11),
        iris=BLACK if rng.random() < 0.5 else invent_colour(rng),
    )


def profile(canvas: Canvas, head: Head, fur: Coat, rng: np.random.Generator) -> None:
    """Draw a head from the side, looking along +x, centred at (0, 0)."""
    back = canvas.at(-0.3 * head.width, 0.7 * head.height)
    _ear(back.at(0.5 * head.width, 0.05), head, shade(fur.base, 0.7))
    if head.horns:
        horn(back.at(0.4 * head.width, 0, 1.2), head.horns, head.curl)
    _crest(canvas.at(0, 0.85 * head.height), head, fur.mark)
    ellipse(canvas, (0, 0), (head.width, head.height), fur.base)
    tip = head.width + head.muzzle
    if head.beak:
        line = [(0.7 * head.width, 0.5 * head.snout), (tip + 0.1, -head.droop)]
        polygon(canvas, [*line, (0.7 * head.width, -0.6 * head.snout)], shade(fur.mark, 0.9))
    elif head.muzzle:
        pale = fur.mark if fur.pattern == "belly" else shade(fur.base, 1.1)
        line = [(0.3 * head.width, -0.2 * head.height), (tip - head.snout, -head.droop)]
        stroke(canvas, line, (1.3 * head.height, 2 * head.snout), pale)
        ellipse(canvas, (tip, -head.droop), (0.07, 0.06), BLACK)
        stroke(canvas, [(tip - 0.02, -head.droop - 0.12), (0.4 * tip, -head.droop - 0.1)],
               (0.02, 0.02), shade(fur.base, 0.4))  # fmt: skip
        if rng.random() < 0.3:
            whiskers(canvas.at(0.8 * tip, -head.droop, -0.2), 0.35, shade(fur.base, 0.5))
    eye(canvas, (0.4 * head.width, 0.3 * head.height), head.sight, head.iris)
    _ear(back, head, shade(fur.base, 0.88))


def face(canvas: Canvas, head: Head, fur: Coat, rng: np.random.Generator) -> None:
    """Draw a head from the front, centred at (0, 0)."""
    for side in (-1, 1):
        corner = canvas.at(side * 0.65 * head.width, 0.7 * head.height, mirror=side > 0)
        _ear(corner, head, shade(fur.base, 0.85))
        if head.horns:
            horn(corner.at(0.1, 0.1, 2.4), head.horns, -head.curl)
    _crest(canvas.at(0, 0.9 * head.height), head, fur.mark)
    ellipse(canvas, (0, 0), (head.width, head.height), fur.base)
    low = -0.5 * head.height - 0.4 * head.droop
    if head.beak:
        polygon(canvas, [(-0.1, low + 0.15), (0.1, low + 0.15), (0, low - 0.1)], fur.mark)
    elif head.muzzle:
        pale = fur.mark if fur.pattern == "belly" else shade(fur.base, 1.1)
        ellipse(canvas, (0, low), (1.2 * head.snout, head.snout + 0.3 * head.muzzle), pale)
        ellipse(canvas, (0, low + 0.05), (0.09, 0.06), BLACK)
        stroke(canvas, [(-0.1, low - 0.1), (0, low - 0.13), (0.1, low - 0.1)],
               (0.02, 0.025, 0.02), BLACK)  # fmt: skip
    for side in (-1, 1):
        eye(canvas, (side * 0.5 * head.width, 0.2 * head.height), head.sight, head.iris)


def _ear(canvas: Canvas, head: Head, colour: Colour) -> None:
    if head.ear == "pointed":
        pointed_ear(canvas.at(0, 0, 0.2), head.ears, colour, shade(colour, 0.7))
    elif head.ear == "leaf":
        leaf_ear(canvas.at(0, 0, 2.2), head.ears, colour)


def _crest(canvas: Canvas, head: Head, colour: Colour) -> None:
    for lean in np.linspace(0.6, 2.4, head.plumes) if head.crest else ():
        tip = (head.crest * float(np.cos(lean)) - 0.1, head.crest * float(np.sin(lean)))
        stroke(canvas, [(0, -0.05), tip], (0.09, 0.06), colour)


def oval(canvas: Canvas, radii: Point, fur: Coat, rng: np.random.Generator) -> None:
    """Draw an oval part of a body around (0, 0), with its markings."""
    turns = np.linspace(0, 2 * np.pi, 10, endpoint=False)
    outline = [(radii[0] * float(np.cos(t)), radii[1] * float(np.sin(t))) for t in turns]
    blob(canvas, outline, fur.base)
    markings(canvas, outline, fur, rng)


def tail(canvas: Canvas, kind: str, length: float, fur: Coat, rng: np.random.Generator) -> None:
    """Draw a tail of one of ``TAILS``, or "hair", that leaves (0, 0) backwards."""
    sway, colour = rng.uniform(-0.1, 0.3), shade(fur.base, 0.88)
    if kind == "tuft":
        tuft_tail(canvas, length, 0.06, colour, sway)
    elif kind == "hair":
        hair_tail(canvas, length, fur.mark, sway)
    elif kind == "curl":
        curl_tail(canvas, length, 0.1, rng.uniform(-0.3, 1), colour, fur.mark)
    elif kind == "fan":
        feather_fan(canvas, length, colour)
