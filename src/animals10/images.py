"""From the bytes of one file to one RGB image, or to the reason why it is none."""

import io
import struct
import warnings

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")
LARGEST_IMAGE = 89_478_485  # pixels; where Pillow begins to suspect a bomb
UNDECODABLE = (OSError, ValueError, SyntaxError, EOFError, struct.error)  # what Pillow raises

# Pillow warns of odd metadata that it can live with. For good, since threads share the filters.
warnings.filterwarnings("ignore", module=r"PIL\.")


def decode(content: bytes, size: int) -> np.ndarray:
    """Decode an image file, turn it upright, and resize it to a square.

    The whole picture is kept: its sides are scaled independently, as in the original study.

    Args:
        content: the bytes of a JPEG, PNG, GIF (first frame), WEBP, BMP or TIFF file.
        size: side of the result in pixels.

    Returns:
        uint8 RGB array of shape (size, size, 3), values 0..255.

    Raises:
        Image.DecompressionBombError, or one of `UNDECODABLE`: it cannot be decoded.
    """
    with Image.open(io.BytesIO(content), formats=FORMATS) as image:
        if image.width * image.height > LARGEST_IMAGE:
            raise Image.DecompressionBombError(f"{image.width} x {image.height} pixels")
        # Decodes large JPEGs at a fraction of their size, never below twice the result's.
        image.draft("RGB", (2 * size, 2 * size))
        upright = ImageOps.exif_transpose(image).convert("RGB")
        return np.asarray(upright.resize((size, size), Image.Resampling.BILINEAR))


def fault(content: bytes) -> str | None:
    """Say why the bytes of a file cannot be used as a photo.

    Args:
        content: the whole file.

    Returns:
        A short reason, or None when the image decodes to its last pixel.
    """
    if not content:
        return "empty file"
    try:
        decode(content, size=32)
    except Image.DecompressionBombError:
        return "decompression bomb"
    except UnidentifiedImageError:
        return "not an image"
    except UNDECODABLE as error:
        return f"damaged image: {' '.join(str(error).split())}"
    return None
