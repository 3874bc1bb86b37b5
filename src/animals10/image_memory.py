"""How much memory Pillow takes to decode an image, by measurements with Pillow 13."""

import re
import struct

from PIL import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

_ORIENTATION, _BITS, _SAMPLES = 274, 258, 277  # TIFF's tags
_STRIP_HEIGHT, _TILE_WIDTH, _TILE_HEIGHT = 278, 322, 323


def working_memory(image: ImageFile.ImageFile, content: bytes) -> int:
    """Return the bytes that decoding takes beside the image's own 4 for each pixel.

    Args:
        image: opened, not loaded.
        content: all of its file.
    """
    pixels = image.width * image.height
    if isinstance(image, JpegImageFile):
        return _coefficients(image, content)
    if isinstance(image, TiffImageFile):
        turned = image.tag_v2.get(_ORIENTATION, 1) != 1  # by Pillow, into a copy
        return _strip(image) + 4 * pixels * turned
    if image.format == "WEBP":  # two canvases, the pixels as bytes, the file
        return 12 * pixels + len(content)
    if image.format == "AVIF":
        deep = re.search(rb"av1C..[\x40-\x7f\xc0-\xff]", content, re.DOTALL)
        return (20 if deep else 12) * pixels
    return 2 * pixels


def _coefficients(image: JpegImageFile, content: bytes) -> int:
    """Return the bytes of a JPEG's coefficients, which a decoder holds if it has several scans."""
    begin = image.fp.tell() if image.fp else 0  # behind the first scan's header
    header = struct.pack(">HB", 6 + 2 * image.layers, image.layers)
    whole = content[begin - 6 - 2 * image.layers : begin].startswith(header)
    if whole and "progressive" not in image.info:
        return 0
    sampling = [(high, wide) for _, high, wide, _ in image.layer]
    most = max(high for high, _ in sampling) * max(wide for _, wide in sampling)
    samples = image.width * image.height * sum(high * wide for high, wide in sampling) // most
    return 2 * samples


def _strip(image: TiffImageFile) -> int:
    """Return the bytes that libtiff takes for a strip or tile, which it decodes at once."""
    compression = image.info["compression"]
    if compression == "raw":  # read line by line
        return 0
    tags = image.tag_v2
    wide = tags.get(_TILE_WIDTH, image.width)
    high = tags.get(_TILE_HEIGHT, min(tags.get(_STRIP_HEIGHT, image.height), image.height))
    pixel = max(4, max(tags.get(_BITS, (1,))) * tags.get(_SAMPLES, 1) // 8)
    return wide * high * (pixel + 8 * ("jpeg" in compression))  # which may have coefficients
