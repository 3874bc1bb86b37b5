import struct
import zlib

import numpy as np
import pytest
from images.image_bytes import (
    AVIF,
    BLACK,
    IGNORED,
    PHOTO,
    PNG,
    SRGB,
    SWAPPED,
    chunk,
    needs_avif,
    palette,
    saved,
)
from PIL import Image

from animals10.images.decoding import (
    DARK_NOTE,
    decode,
    examine,
)

pytestmark = IGNORED
WHITE = (255, 255, 255)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", AVIF])
def test_every_usual_format_is_decoded(kind: str) -> None:
    image = decode(saved(PHOTO, kind), 8)
    assert image.shape == (8, 8, 3)
    assert image.dtype == np.uint8
    assert np.abs(image - decode(PNG, 8).astype(int)).max() < 60  # GIF has 256 colours


@pytest.mark.parametrize(
    ("mode", "pixel", "kind", "expected"),
    [
        ("1", 1, "PNG", WHITE),
        ("L", 90, "JPEG", (90, 90, 90)),
        ("I;16", 90 * 257, "PNG", (90, 90, 90)),
        ("I;16", 90 * 257, "TIFF", (90, 90, 90)),
        ("CMYK", (0, 255, 255, 0), "JPEG", (255, 0, 0)),
        ("CMYK", (0, 255, 255, 0), "TIFF", (255, 0, 0)),
        ("LA", (90, 255), "PNG", (90, 90, 90)),
        ("LA", (90, 0), "PNG", WHITE),
        ("RGB", (250, 10, 20), "PNG", (250, 10, 20)),
        ("RGBA", (200, 10, 20, 255), "WEBP", (200, 10, 20)),
        ("RGBA", (200, 10, 20, 0), "PNG", WHITE),
        ("RGBA", (200, 0, 0, 128), "PNG", (227, 127, 127)),
    ],
)
def test_every_usual_mode_becomes_rgb(
    mode: str, pixel: int | tuple[int, ...], kind: str, expected: tuple[int, int, int]
) -> None:
    content = saved(Image.new(mode, (40, 40), pixel), kind)
    np.testing.assert_allclose(decode(content, 8)[4, 4], expected, atol=2)


def test_palettes_become_their_colours() -> None:
    assert decode(saved(palette(), "PNG"), 8)[4, 4].tolist() == [10, 200, 30]


@pytest.mark.parametrize(
    ("image", "key"),
    [
        (palette(), 1),
        (Image.new("L", (40, 40), 10), 10),
        (Image.new("RGB", (40, 40), (10, 200, 30)), (10, 200, 30)),
        (Image.new("1", (40, 40), 0), 0),
    ],
)
def test_a_colour_that_stands_for_transparency_becomes_white(image: Image.Image, key: int) -> None:
    assert decode(saved(image, "PNG", transparency=key), 8)[4, 4].tolist() == [*WHITE]


TRANSPOSED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("JPEG", "RGB"), ("PNG", "RGB"), ("PNG", "I;16"), ("WEBP", "RGB"), ("TIFF", "RGB"),
     pytest.param("AVIF", "RGB", marks=needs_avif)],
)  # fmt: skip
@pytest.mark.parametrize("orientation", TRANSPOSED)
def test_all_orientations_come_out_upright(kind: str, mode: str, orientation: int) -> None:
    upright = Image.new("L", (60, 60), "white")
    upright.paste("black", (0, 0, 60, 20))  # dark above,
    upright.paste(120, (0, 20, 20, 60))  # grey at the lower left
    undo = TRANSPOSED[orientation]
    stored = upright.transpose(undo) if undo is not None else upright
    stored = Image.fromarray(np.asarray(stored).astype(np.uint16) * 257) if ";" in mode else (
        stored.convert(mode)
    )  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = decode(saved(stored, kind, exif=exif), 30)
    assert image[4, 15].max() < 40
    assert 90 < image[20, 4].min() < 150
    assert image[20, 25].min() > 200


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", AVIF])
@pytest.mark.parametrize(
    ("mode", "colour", "profile", "expected"),
    [
        ("RGB", (250, 9, 9), SRGB, (250, 9, 9)),
        ("RGB", (250, 9, 9), SWAPPED, (9, 250, 9)),
        ("RGBA", (250, 9, 9, 255), SWAPPED, (9, 250, 9)),
        ("L", 120, SRGB, (120, 120, 120)),
    ],
)
def test_embedded_profiles_are_converted_to_srgb(
    kind: str,
    mode: str,
    colour: int | tuple[int, ...],
    profile: bytes,
    expected: tuple[int, int, int],
) -> None:
    if (kind, mode) == ("JPEG", "RGBA"):
        pytest.skip("JPEG has no transparency")
    content = saved(Image.new(mode, (40, 40), colour), kind, icc_profile=profile)
    np.testing.assert_allclose(decode(content, 8)[4, 4], expected, atol=3)


def deep_png(values: np.ndarray) -> bytes:
    """A PNG of 16-bit colours, of an array of shape (height, width, 3)."""
    height, width, _ = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    head = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    chunks = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


@pytest.mark.parametrize(("factor", "notes"), [(16, (DARK_NOTE,)), (257, ())])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "colour PNG"])
def test_sixteen_bit_files_of_twelve_bits_are_told(
    kind: str, factor: int, notes: tuple[str, ...]
) -> None:
    values = np.asarray(PHOTO).astype(np.uint16) * factor
    if kind == "colour PNG":
        content = deep_png(values)
    else:
        content = saved(Image.fromarray(values[..., 0]), kind)
    assert examine(content, 24)[1] == notes


def test_a_dark_photo_of_eight_bits_is_no_matter() -> None:
    assert examine(saved(BLACK, "PNG"), 8)[1] == ()
    assert examine(saved(BLACK, "BMP"), 8)[1] == ()
