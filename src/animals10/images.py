"""From the bytes of one file to one upright sRGB image, or to the reason why it is none."""

import io
import struct
import warnings
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")
LARGEST_IMAGE = 50_000_000  # pixels to be held in memory; some modes take 16 bytes for each
_DAMAGE = (OSError, ValueError, SyntaxError, EOFError, struct.error)  # what Pillow raises
_METADATA_DAMAGE = (*_DAMAGE, ImageCms.PyCMSError, KeyError, TypeError, ZeroDivisionError)
_SRGB = ImageCms.createProfile("sRGB")
_COLOUR_SPACES = {"L": "GRAY", "RGB": "RGB ", "CMYK": "CMYK"}  # of ICC profiles, by Pillow's mode

# Pillow warns of odd metadata that it can live with. For good, since threads share the filters.
warnings.filterwarnings("ignore", module=r"PIL\.")


class ImageError(Exception):
    """A file that cannot be used as an image; its text is the short reason."""


def decode(content: bytes, size: int, smallest: int = 1) -> np.ndarray:
    """Decode an image file, turn it upright, convert it to sRGB, and resize it to a square.

    The whole picture is kept: its sides are scaled independently, as in the original study.
    Transparent parts become white; 16-bit values are scaled to 8 bits.

    Args:
        content: the bytes of a JPEG, PNG, GIF (first frame), WEBP, BMP or TIFF file.
        size: side of the result in pixels.
        smallest: pixels that the shorter side of the file's image must have.

    Returns:
        uint8 sRGB array of shape (size, size, 3), values 0..255.

    Raises:
        ImageError: it is no image, damaged, too small, or so large that it may be an attack.
    """
    if not content:
        raise ImageError("empty file")
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if min(image.size) < smallest:
                raise ImageError(f"too small: {image.width} x {image.height} pixels")
            # Decodes large JPEGs at a fraction of their size, never below twice the result's.
            image.draft("RGB", (2 * size, 2 * size))
            if image.width * image.height > LARGEST_IMAGE:
                raise ImageError(f"decompression bomb: {image.width} x {image.height} pixels")
            # Resized before all else, since what follows copies.
            small = _eight_bits(image).resize((size, size), Image.Resampling.BILINEAR)
    except UnidentifiedImageError:
        raise ImageError("not an image") from None
    except Image.DecompressionBombError:
        raise ImageError("decompression bomb") from None
    except _DAMAGE as error:
        raise ImageError(f"damaged image: {_line(error)}") from None
    try:
        return np.asarray(_to_srgb(ImageOps.exif_transpose(small)))
    except _METADATA_DAMAGE as error:
        raise ImageError(f"unreadable metadata: {_line(error)}") from None


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return the image in a mode that can be resized: L, RGB, RGBA or CMYK."""
    if image.mode.startswith("I"):
        return _from_sixteen_bits(image)
    if image.mode == "F":
        raise ImageError("unsupported pixels: floating-point values")
    if image.mode in ("LA", "La", "PA", "RGBa") or "transparency" in image.info:
        return image.convert("RGBA")
    if image.mode in ("L", "RGB", "RGBA", "CMYK"):
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


def _to_srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    if not profile:
        return image.convert("RGB")
    space = _colour_space(profile)
    if space == "RGB " and image.mode == "L":  # a grey file that names the RGB space it was made in
        image = image.convert("RGB")
    if space != _COLOUR_SPACES[image.mode]:
        return image.convert("RGB")
    return ImageCms.applyTransform(image, _transform(profile, image.mode)) or image


def _colour_space(profile: bytes) -> str:
    return ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile.xcolor_space


@lru_cache(maxsize=16)  # the photos of a camera share one profile
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    return ImageCms.buildTransform(source, _SRGB, mode, "RGB")
