"""A canvas with its own frame of coordinates, and the few shapes every part is made of.

Points are ``(x, y)`` in the canvas's units, x towards the animal's head and y upwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw

Colour = tuple[int, int, int]
Point = tuple[float, float]
Points = Sequence[Point]
FloatArray = NDArray[np.float64]
# How a scene places a drawing: on the ground with a shadow, anywhere, or cut by the lower edge.
Stance = Literal["ground", "air", "bust"]

STEPS = 6  # straight pieces between two control points of a curve
_T = np.linspace(0.0, 1.0, STEPS, endpoint=False)
# Catmull-Rom weights of the four control points around each piece, shape (4, STEPS).
_BASIS = 0.5 * np.array(
    [
        -_T + 2 * _T**2 - _T**3,
        2 - 5 * _T**2 + 3 * _T**3,
        _T + 4 * _T**2 - 3 * _T**3,
        -(_T**2) + _T**3,
    ]
)
_TURN = np.linspace(0.0, 2 * np.pi, 28, endpoint=False)
_CIRCLE = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)


@dataclass(frozen=True)
class Canvas:
    """An RGBA image and the affine frame (pixel = matrix @ point + origin) to draw on it in."""

    image: Image.Image
    matrix: FloatArray
    origin: FloatArray

    def at(
        self, x: float, y: float, angle: float = 0.0, scale: float = 1.0, mirror: bool = False
    ) -> Canvas:
        """Return a frame on the same image, centred at (x, y) and turned by ``angle`` radians.

        One unit of it is ``scale`` units of this one; ``mirror`` reverses its x axis.
        """
        cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
        flip = -1.0 if mirror else 1.0
        local = np.array([[cos * flip, -sin], [sin * flip, cos]])
        origin = self.matrix @ np.array([x, y]) + self.origin
        return Canvas(self.image, self.matrix @ local, origin)

    def stretched(self, along: float, across: float) -> Canvas:
        """Return this frame with its x and y axes scaled; a negative factor mirrors the axis."""
        return Canvas(self.image, self.matrix @ np.diag([along, across]), self.origin)

    def pixels(self, points: FloatArray) -> list[float]:
        """Return (n, 2) points of this frame as a flat list of pixel coordinates."""
        flat: list[float] = (points @ self.matrix.T + self.origin).ravel().tolist()
        return flat


# Draws one animal, or one of an invented species, and says how a scene places it.
Creature = Callable[[Canvas, np.random.Generator], Stance]


def blank(size: int, unit: float, ground: float) -> Canvas:
    """Return a transparent ``size`` x ``size`` canvas of ``unit`` pixels per unit.

    Its (0, 0) lies in the middle of the picture's width, ``ground`` pixels below its top.
    """
    image = Image.new("RGBA", (size, size))
    return Canvas(image, np.diag([unit, -unit]), np.array([size / 2, ground]))


def curve(points: FloatArray, closed: bool) -> FloatArray:
    """Return a smooth (Catmull-Rom) line through (n, k) control points, shape (m, k)."""
    if closed:
        padded = np.concatenate([points[-1:], points, points[:2]])
    else:
        padded = np.concatenate([points[:1], points, points[-1:]])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 4, axis=0)
    line: FloatArray = (windows @ _BASIS).transpose(0, 2, 1).reshape(-1, points.shape[1])
    return line if closed else np.concatenate([line, points[-1:]])


def polygon(canvas: Canvas, points: Points | FloatArray, colour: Colour) -> None:
    """Fill a polygon with straight sides."""
    ImageDraw.Draw(canvas.image).polygon(canvas.pixels(np.asarray(points, float)), fill=colour)


def blob(canvas: Canvas, points: Points, colour: Colour) -> None:
    """Fill a smooth closed shape through the given points."""
    polygon(canvas, curve(np.asarray(points, float), closed=True), colour)


def ellipse(
    canvas: Canvas, centre: Point, radii: Point, colour: Colour, angle: float = 0.0
) -> None:
    """Fill an ellipse turned by ``angle`` radians."""
    frame = canvas.at(*centre, angle)
    polygon(frame, _CIRCLE * radii, colour)


def stroke(canvas: Canvas, points: Points, widths: Sequence[float], colour: Colour) -> None:
    """Fill a smooth line through ``points`` that is ``widths[i]`` wide at point i; round ends."""
    line = curve(np.column_stack([np.asarray(points, float), widths]), closed=False)
    centre, half = line[:, :2], line[:, 2:] / 2
    along = np.gradient(centre, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
    sides = np.concatenate([centre + across * half, (centre - across * half)[::-1]])
    polygon(canvas, sides, colour)
    for end in (0, -1):
        polygon(canvas, centre[end] + _CIRCLE * half[end], colour)


def inside(canvas: Canvas, outline: Points, layer: Canvas) -> None:
    """Lay ``layer`` (same size) over the canvas, only within the smooth shape ``outline``."""
    mask = Image.new("L", canvas.image.size)
    shape = curve(np.asarray(outline, float), closed=True)
    ImageDraw.Draw(mask).polygon(canvas.pixels(shape), fill=255)
    visible = ImageChops.multiply(mask, layer.image.getchannel("A"))
    canvas.image.paste(layer.image, (0, 0), visible)


def shade(colour: Colour, factor: float) -> Colour:
    """Return the colour made darker (factor < 1) or lighter (factor > 1), within 0..255."""
    red, green, blue = (min(255, max(0, round(value * factor))) for value in colour)
    return red, green, blue


def mix(first: Colour, second: Colour, fraction: float) -> Colour:
    """Return the colour that lies ``fraction`` (0..1) of the way from ``first`` to ``second``."""
    red, green, blue = (round(a + (b - a) * fraction) for a, b in zip(first, second, strict=True))
    return red, green, blue
