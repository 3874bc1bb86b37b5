"""From the bytes of one file to one upright sRGB image, or to the reason why it is none."""

import io
import re
import struct
import warnings
from contextlib import suppress
from functools import lru_cache

import numpy as np
from PIL import AvifImagePlugin, Image, ImageCms, ImageFile, PngImagePlugin
from PIL.JpegImagePlugin import JpegImageFile

from animals10.images.damage import DAMAGE, reason, repaired

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF")
# Pixels of a file: the most that may be allowed. A JPEG is reduced while it is decoded.
LARGEST_JPEG, LARGEST_OTHER = 250_000_000, 100_000_000
# Bytes of a file and of what its decoding holds, whatever the size of the result. With the program
# itself (200 MiB where Keras is there too) a process stays below 1 GiB.
MEMORY = 800 * 2**20
# What decoding takes for a pixel in bytes, by measurements with Pillow 13; of a JPEG see below.
_PIXEL = {"PNG": 6, "GIF": 6, "BMP": 6, "TIFF": 10, "WEBP": 16, "AVIF": 24}
_LONGEST = 1_000_000  # pixels of a side: Pillow keeps the address of each row
_DRAFT = 20_000_000  # pixels of a JPEG after its reduction, at most
_WHOLE = 50_000_000  # pixels of the largest other image that is resized at once

EXIF_NOTE = "unreadable EXIF: orientation ignored"
PROFILE_NOTE = "unusable colour profile: taken as sRGB"
DARK_NOTE = "16-bit values below 4,096: nearly black; scale them to 0..65,535 if they have 12 bits"

_SRGB = ImageCms.createProfile("sRGB")
_ORIENTATION = 274  # EXIF's tag
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Pillow warns of odd metadata that it can live with. For good, since threads share the filters.
warnings.filterwarnings("ignore", module=r"PIL\.")
# Pillow refuses twice as many before it takes memory for them, `_require_size` the rest.
Image.MAX_IMAGE_PIXELS = LARGEST_JPEG
# Bytes of a text or a colour profile: a printer's may have more than Pillow's 1 MiB.
PngImagePlugin.MAX_TEXT_CHUNK = 16 * 2**20
AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # there is a process per core

Decoded = tuple[np.ndarray, tuple[str, ...]]


class ImageError(Exception):
    """A file that cannot be used as an image; its text is the short reason."""


def decode(content: bytes, size: int, smallest: int = 1) -> np.ndarray:
    """Decode an image file as `examine` does, with the largest limits and without its notes."""
    return examine(content, size, smallest)[0]


def examine(
    content: bytes,
    size: int,
    smallest: int = 1,
    largest_jpeg: int = LARGEST_JPEG,
    largest_other: int = LARGEST_OTHER,
) -> Decoded:
    """Decode an image file, turn it upright, convert it to sRGB, and resize it to a square.

    The whole picture is kept: its sides are scaled independently, as in the original study.
    Transparent parts become white; 16-bit values are scaled to 8 bits. Damaged metadata are left
    out. Whether a file is accepted does not depend on `size`.

    Args:
        content: the bytes of a JPEG, PNG, GIF (first frame), WEBP, BMP, TIFF or AVIF file.
        size: side of the result in pixels.
        smallest: pixels that the shorter side of the file's image must have.
        largest_jpeg: pixels that a JPEG may have, at most `LARGEST_JPEG`.
        largest_other: pixels that a file of another format may have, at most `LARGEST_OTHER`.

    Returns:
        uint8 sRGB array of shape (size, size, 3), values 0..255; and notes for the user.

    Raises:
        ImageError: it is no image, damaged, too small, too large, or would take too much memory.
    """
    limits = smallest, largest_jpeg, largest_other
    try:
        return _open(content, size, *limits)
    except DAMAGE as error:
        damage = error
    for note, better in repaired(content, damage):
        with suppress(*DAMAGE):
            pixels, notes = _open(better, size, *limits)
            return pixels, (note, *notes)
    raise ImageError(reason(content, damage))


def _open(
    content: bytes, size: int, smallest: int, largest_jpeg: int, largest_other: int
) -> Decoded:
    """Do what `examine` does with a file that needs no repair."""
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            largest = largest_jpeg if isinstance(image, JpegImageFile) else largest_other
            _require_size(image.size, smallest, largest)
            _require_memory(image, content)
            return _decode(image, size)
    except Image.DecompressionBombError as error:
        pixels = re.findall(r"\d+", str(error))
        most = max(largest_jpeg, largest_other)
        raise ImageError(f"too large: {pixels[0]} pixels; {most:,} are allowed") from None


def _require_size(size: tuple[int, int], smallest: int, largest: int) -> None:
    if min(size) < smallest:
        raise ImageError(f"too small: {size[0]} x {size[1]} pixels; a side needs {smallest}")
    if size[0] * size[1] > largest:
        raise ImageError(f"too large: {size[0]} x {size[1]} pixels; {largest:,} are allowed")
    if max(size) > _LONGEST:
        raise ImageError(f"too large: {size[0]} x {size[1]} pixels; a side may have {_LONGEST:,}")


def _require_memory(image: ImageFile.ImageFile, content: bytes) -> None:
    if isinstance(image, JpegImageFile):
        needed = 4 * _DRAFT + _coefficients(image, content)
    else:
        needed = _PIXEL[image.format or ""] * image.width * image.height
    needed += len(content)
    if needed > MEMORY:
        raise ImageError(
            f"too large: {image.width} x {image.height} pixels of this kind of {image.format}, "
            f"which would take {needed // 2**20:,} MiB of memory; {MEMORY // 2**20} are allowed"
        )


def _coefficients(image: JpegImageFile, content: bytes) -> int:
    """Return the bytes of a JPEG's coefficients, which a decoder holds if it has several scans."""
    begin = image.fp.tell() if image.fp else 0  # behind the first scan's header
    header = struct.pack(">HB", 6 + 2 * image.layers, image.layers)
    one_scan = content[begin - 6 - 2 * image.layers : begin].startswith(header)
    if one_scan and "progressive" not in image.info:
        return 0
    sampling = [high * wide for _, high, wide, _ in image.layer]
    return 2 * image.width * image.height * sum(sampling) // max(sampling)


def _decode(image: ImageFile.ImageFile, size: int) -> Decoded:
    """Decode an opened file."""
    if isinstance(image, JpegImageFile):
        _draft(image, size)
    sixteen = _has_sixteen_bits(image)
    # Resized before all else, since what follows copies.
    small = _resized(image, size)
    dark = sixteen and np.asarray(small.convert("RGB")).max() < 16
    upright, readable = _upright(small)
    pixels, usable = _to_srgb(upright)
    notes = {DARK_NOTE: dark, EXIF_NOTE: not readable, PROFILE_NOTE: not usable}
    return np.asarray(pixels), tuple(note for note, applies in notes.items() if applies)


def _draft(image: JpegImageFile, size: int) -> None:
    """Have a large JPEG decoded at a fraction of its size, if it can at twice the result's."""
    shorter, pixels = min(image.size), image.width * image.height
    scale = 1
    while scale < 8 and (shorter >= 4 * size * scale or pixels > _DRAFT * scale**2):
        scale *= 2
    image.draft("RGB", (max(1, image.width // scale), max(1, image.height // scale)))


def _resized(image: Image.Image, size: int) -> Image.Image:
    """Resize an image to a square of 8-bit values: L, LA, RGB, RGBA or CMYK."""
    if image.width * image.height > _WHOLE:  # every second pixel is enough, and takes no copy
        half = [max(1, side // 2) for side in image.size]
        image = image.resize((half[0], half[1]), Image.Resampling.NEAREST)
    wide, high = (max(side, size) for side in image.size)
    # Means of blocks first where memory needs it; in smaller photos they would change the hashes.
    gap = 2.0 if wide * high > _WHOLE else None
    return _eight_bits(image).resize((size, size), Image.Resampling.BILINEAR, reducing_gap=gap)


def _has_sixteen_bits(image: ImageFile.ImageFile) -> bool:
    # Seen from how Pillow unpacks the pixels; BMP's 16 bits are those of three colours together.
    if image.format not in ("PNG", "TIFF"):
        return False
    return image.mode.startswith("I") or ";16" in str(image.tile[:1])


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return the image in a mode that can be resized: L, LA, RGB, RGBA or CMYK."""
    if image.mode.startswith("I"):
        return _from_sixteen_bits(image)
    if image.mode == "F":
        raise ImageError("unsupported pixels: floating-point values")
    if image.mode in ("La", "PA", "RGBa") or "transparency" in image.info:
        return image.convert("RGBA")
    if image.mode in ("L", "LA", "RGB", "RGBA", "CMYK"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _from_sixteen_bits(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    if values.min(initial=0) < 0 or values.max(initial=0) > 65_535:
        raise ImageError("unsupported pixels: grey values of more than 16 bits")
    grey = Image.fromarray((values // 257).astype(np.uint8))
    if "transparency" in image.info:
        grey.putalpha(Image.fromarray(values != image.info["transparency"]).convert("L"))
        grey = grey.convert("RGBA")
    grey.info = image.info
    return grey


def _upright(image: Image.Image) -> tuple[Image.Image, bool]:
    """Turn an image by its EXIF's or XMP's orientation; return too whether that could be read.

    Not by `ImageOps.exif_transpose`, which fails where anything else in the EXIF is broken.
    """
    try:
        turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    except DAMAGE:
        return image, False
    return image.transpose(turn) if turn is not None else image, True


def _to_srgb(image: Image.Image) -> tuple[Image.Image, bool]:
    """Convert an image to sRGB; return too whether its colour profile, if any, could be used."""
    profile = image.info.get("icc_profile")
    if image.mode in ("LA", "RGBA"):
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    if not profile:
        return image.convert("RGB"), True
    # A grey file may name the colour space that it was made in.
    for mode in ("L", "RGB") if image.mode == "L" else (image.mode,):
        with suppress(*DAMAGE):
            transform = _transform(profile, mode)
            return ImageCms.applyTransform(image.convert(mode), transform) or image, True
    return image.convert("RGB"), False


@lru_cache(maxsize=16)  # the photos of a camera share one profile
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    transform = ImageCms.buildTransform(source, _SRGB, mode, "RGB")
    white = Image.new(mode, (1, 1), 0 if mode == "CMYK" else "white")
    converted = np.asarray(ImageCms.applyTransform(white, transform))
    if converted.min() < 128:
        raise ValueError("a colour profile in which white is dark")
    return transform
