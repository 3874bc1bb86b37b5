"""Bytes of image files that tests of images share."""

import io
import struct
import zlib

import pytest
from conftest import picture
from PIL import Image, ImageCms, features

# As images.py does, whose filters pytest replaces.
IGNORED = [
    pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning"),
    *(
        pytest.mark.filterwarnings(f"ignore::UserWarning:PIL.{module}")
        for module in ("TiffImagePlugin", "JpegImagePlugin", "PngImagePlugin")
    ),
]
needs_avif = pytest.mark.skipif(not features.check("avif"), reason="Pillow without AVIF")
AVIF = pytest.param("AVIF", marks=needs_avif)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def palette() -> Image.Image:
    image = Image.new("P", (40, 40), 1)
    image.putpalette([0, 0, 0, 10, 200, 30])
    return image


def chunk(kind: bytes, data: bytes, checksum: int | None = None) -> bytes:
    number = zlib.crc32(kind + data) if checksum is None else checksum
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", number)


PHOTO = Image.open(io.BytesIO(picture(1, (60, 40), kind="PNG"))).convert("RGB")
BLACK = Image.new("RGB", (40, 40))
PNG = saved(PHOTO, "PNG")
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
# A colour space in which what sRGB calls green is red.
SWAPPED = SRGB.replace(b"rXYZ", b"?XYZ").replace(b"gXYZ", b"rXYZ").replace(b"?XYZ", b"gXYZ")
