import io
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, picture
from PIL import Image, ImageCms, features

from animals10.images import (
    DARK_NOTE,
    END_NOTE,
    EXIF_NOTE,
    LARGEST_JPEG,
    LARGEST_OTHER,
    METADATA_NOTE,
    PROFILE_NOTE,
    ImageError,
    decode,
    examine,
)
from animals10.parameters import LargestPixels

# As images.py does, whose filters pytest replaces.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore::UserWarning:PIL.{module}")
    for module in ("TiffImagePlugin", "JpegImagePlugin", "PngImagePlugin")
]
AVIF = pytest.param(
    "AVIF", marks=pytest.mark.skipif(not features.check("avif"), reason="Pillow without AVIF")
)


def test_decode_gives_rgb_of_the_size_asked_for() -> None:
    image = decode(picture(1), 24)
    assert image.shape == (24, 24, 3)
    assert image.dtype == np.uint8


def test_decode_keeps_channels_in_rgb_order() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (50, 50), (250, 10, 20)).save(buffer, "PNG")
    assert decode(buffer.getvalue(), 8)[4, 4].tolist() == [250, 10, 20]


def test_decode_turns_photos_upright() -> None:
    source = Image.new("RGB", (60, 60), "white")
    source.paste("black", (0, 0, 60, 20))  # dark above
    exif = Image.Exif()
    exif[0x0112] = 3  # the camera was held upside down
    buffer = io.BytesIO()
    source.save(buffer, "JPEG", exif=exif)
    image = decode(buffer.getvalue(), 30)
    assert image[2].mean() > 200
    assert image[-2].mean() < 50


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", AVIF])
def test_every_usual_format_is_decoded(kind: str) -> None:
    expected = decode(picture(1, kind="PNG"), 8).astype(int)
    assert np.abs(decode(picture(1, kind=kind), 8) - expected).max() < 60  # GIF has 256 colours


@pytest.mark.parametrize(
    ("mode", "pixel", "kind", "expected"),
    [
        ("1", 1, "PNG", (255, 255, 255)),
        ("L", 90, "JPEG", (90, 90, 90)),
        ("I;16", 90 * 257, "PNG", (90, 90, 90)),
        ("I;16", 90 * 257, "TIFF", (90, 90, 90)),
        ("CMYK", (0, 255, 255, 0), "JPEG", (255, 0, 0)),
        ("CMYK", (0, 255, 255, 0), "TIFF", (255, 0, 0)),
        ("LA", (90, 255), "PNG", (90, 90, 90)),
        ("LA", (90, 0), "PNG", (255, 255, 255)),
        ("RGBA", (200, 10, 20, 255), "WEBP", (200, 10, 20)),
        ("RGBA", (200, 10, 20, 0), "PNG", (255, 255, 255)),
        ("RGBA", (200, 0, 0, 128), "PNG", (227, 127, 127)),
    ],
)
def test_every_usual_mode_becomes_rgb(
    mode: str, pixel: int | tuple[int, ...], kind: str, expected: tuple[int, int, int]
) -> None:
    buffer = io.BytesIO()
    Image.new(mode, (40, 40), pixel).save(buffer, kind)
    np.testing.assert_allclose(decode(buffer.getvalue(), 8)[4, 4], expected, atol=2)


@pytest.mark.parametrize("transparent", [False, True])
def test_palettes_become_their_colours(transparent: bool) -> None:
    image = Image.new("P", (40, 40), 1)
    image.putpalette([0, 0, 0, 10, 200, 30])
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **({"transparency": 1} if transparent else {}))
    expected = [255, 255, 255] if transparent else [10, 200, 30]
    assert decode(buffer.getvalue(), 8)[4, 4].tolist() == expected


@pytest.mark.parametrize(
    ("mode", "colour", "key"), [("L", 10, 10), ("RGB", (10, 200, 30), (10, 200, 30)), ("1", 0, 0)]
)
def test_a_colour_that_stands_for_transparency_becomes_white(
    mode: str, colour: int | tuple[int, ...], key: int | tuple[int, ...]
) -> None:
    buffer = io.BytesIO()
    Image.new(mode, (40, 40), colour).save(buffer, "PNG", transparency=key)
    assert decode(buffer.getvalue(), 8)[4, 4].tolist() == [255, 255, 255]


def test_a_sixteen_bit_photo_is_turned_upright() -> None:
    stored = Image.fromarray(np.repeat([[0], [60_000]], 20, axis=0).astype(np.uint16).repeat(40, 1))
    exif = Image.Exif()
    exif[0x0112] = 3  # the camera was held upside down
    buffer = io.BytesIO()
    stored.save(buffer, "PNG", exif=exif)
    image = decode(buffer.getvalue(), 20)
    assert image[3].min() > 200
    assert image[-3].max() < 50


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", AVIF])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_orientations_come_out_upright(kind: str, orientation: int) -> None:
    upright = Image.new("RGB", (60, 60), "white")
    upright.paste("black", (0, 0, 60, 20))  # dark above,
    upright.paste("red", (0, 20, 20, 60))  # red at the lower left
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    stored.save(buffer, kind, exif=exif)
    image = decode(buffer.getvalue(), 30).astype(int)
    assert image[4, 15].max() < 40
    assert image[20, 4, 0] > 200 > image[20, 4, 1] + 100
    assert image[20, 25].min() > 200


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
# A colour space in which what sRGB calls green is red.
SWAPPED = SRGB.replace(b"rXYZ", b"?XYZ").replace(b"gXYZ", b"rXYZ").replace(b"?XYZ", b"gXYZ")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", AVIF])
@pytest.mark.parametrize(("profile", "expected"), [(SRGB, (250, 9, 9)), (SWAPPED, (9, 250, 9))])
def test_embedded_profiles_are_converted_to_srgb(
    kind: str, profile: bytes, expected: tuple[int, int, int]
) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 40), (250, 9, 9)).save(buffer, kind, icc_profile=profile)
    np.testing.assert_allclose(decode(buffer.getvalue(), 8)[4, 4], expected, atol=3)


def test_a_transparent_photo_keeps_its_profile() -> None:
    buffer = io.BytesIO()
    Image.new("RGBA", (40, 40), (250, 9, 9, 255)).save(buffer, "PNG", icc_profile=SWAPPED)
    np.testing.assert_allclose(decode(buffer.getvalue(), 8)[4, 4], (9, 250, 9), atol=3)


def test_a_grey_photo_may_name_a_colour_profile() -> None:
    buffer = io.BytesIO()
    Image.new("L", (40, 40), 120).save(buffer, "JPEG", icc_profile=SRGB)
    np.testing.assert_allclose(decode(buffer.getvalue(), 8)[4, 4], (120, 120, 120), atol=2)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


BLACK = Image.new("RGB", (40, 40))
PHOTO = Image.open(io.BytesIO(picture(1, (60, 40), kind="PNG"))).convert("RGB")


def ifd(*entries: tuple[int, int, int, bytes]) -> bytes:
    """An EXIF block of entries (tag, type, count, 4 bytes)."""
    packed = b"".join(struct.pack("<HHI", *entry[:3]) + entry[3] for entry in entries)
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + packed + bytes(4)


def segment(content: bytes, marker: int, payload: bytes) -> bytes:
    """Put a segment into a JPEG file."""
    header = struct.pack(">BBH", 0xFF, marker, len(payload) + 2)
    return content[:2] + header + payload + content[2:]


def chunk(kind: bytes, data: bytes, checksum: int | None = None) -> bytes:
    number = zlib.crc32(kind + data) if checksum is None else checksum
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", number)


def with_chunks(content: bytes, *chunks: bytes) -> bytes:
    """Put chunks into a PNG file, behind its header."""
    return content[:33] + b"".join(chunks) + content[33:]


TURNED = (0x112, 3, 1, struct.pack("<HH", 6, 0))


@pytest.mark.parametrize(
    "other",
    [
        (0x11A, 2, 3, b"72\0\0"),  # a resolution in letters
        (0x11A, 5, 1, b"\xff\xff\xff\x7f"),  # one behind the end
        (0x8769, 4, 1, b"\xff\xff\xff\x7f"),  # a block of EXIF behind the end
        (0x10E, 99, 7, b"abcd"),  # a type that is none
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_orientation_is_taken_from_broken_exif(
    kind: str, other: tuple[int, int, int, bytes]
) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    pixels, notes = examine(saved(PHOTO, kind, exif=ifd(TURNED, other), **options), 30)
    upright = saved(PHOTO.transpose(Image.Transpose.ROTATE_270), kind, **options)
    np.testing.assert_allclose(pixels.astype(int), decode(upright, 30), atol=24)
    assert notes == ()


@pytest.mark.parametrize("exif", [b"\xff" * 40, b"", b"II*\0", b"II*\0\x08\0\0\0", b"no metadata"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_photo_with_exif_that_cannot_be_read_is_taken_as_it_lies(kind: str, exif: bytes) -> None:
    pixels, notes = examine(saved(PHOTO, kind, exif=b"Exif\0\0" + exif), 30)
    np.testing.assert_array_equal(pixels, decode(saved(PHOTO, kind), 30))
    assert notes in {(), (EXIF_NOTE,)}


@pytest.mark.skipif(not features.check("avif"), reason="Pillow without AVIF")
def test_an_avif_with_broken_exif_is_taken_as_it_lies() -> None:
    exif = Image.Exif()
    exif[0x10E] = "a photo"
    content = saved(PHOTO, "AVIF", exif=exif)
    begin = content.index(exif.tobytes()[6:])
    broken = content[:begin] + b"\xff" * 8 + content[begin + 8 :]
    pixels, notes = examine(broken, 30)
    np.testing.assert_array_equal(pixels, decode(content, 30))
    assert notes == (METADATA_NOTE,)


GREY_SPACE = SRGB.replace(b"RGB XYZ ", b"GRAYXYZ ", 1)
LAB = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


def without_colours(profile: bytes) -> bytes:
    """Set the three primary colours of a profile to zero."""
    for number in range(struct.unpack_from(">I", profile, 128)[0]):
        name, begin, size = struct.unpack_from(">4sII", profile, 132 + 12 * number)
        if name in (b"rXYZ", b"gXYZ", b"bXYZ"):
            profile = profile[: begin + 8] + bytes(size - 8) + profile[begin + size :]
    return profile


@pytest.mark.parametrize(
    "profile",
    [b"no profile" * 20, SRGB[:200], SRGB[:-9], GREY_SPACE, LAB, without_colours(SRGB), b"\0"],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", AVIF])
def test_a_profile_that_cannot_be_used_is_taken_as_srgb(kind: str, profile: bytes) -> None:
    pixels, notes = examine(saved(PHOTO, kind, icc_profile=profile), 30)
    np.testing.assert_array_equal(pixels, decode(saved(PHOTO, kind), 30))
    assert notes in {(PROFILE_NOTE,), (METADATA_NOTE,)} or profile == SRGB[:-9]


@pytest.mark.parametrize(
    ("marker", "payload"),
    [
        (0xE0, b"JFIF\0"),
        (0xE2, b"ICC_PROFILE\0"),
        (0xE2, b"MPF\0junk"),
        (0xED, b"Photoshop 3.0\x008BIM\4\4"),
        (0xEE, b"Adobe"),
        (0xFE, b""),
    ],
)
def test_a_jpeg_with_a_broken_segment_is_kept(marker: int, payload: bytes) -> None:
    content = saved(PHOTO, "JPEG", exif=ifd(TURNED))
    pixels, _ = examine(segment(content, marker, payload), 30)
    np.testing.assert_array_equal(pixels, decode(content, 30))


PNG = saved(PHOTO, "PNG")
LONG = zlib.compress(b"x" * 17 * 2**20)


@pytest.mark.parametrize(
    "chunks",
    [
        [chunk(b"zTXt", b"workflow\0\0" + zlib.compress(b"x" * 1100 * 1024))],
        [chunk(b"zTXt", b"workflow\0\0" + LONG)],
        [chunk(b"iTXt", b"workflow\0\1\0\0\0" + LONG)],
        [chunk(b"tEXt", b"workflow\0" + b"x" * 2**20)] * 70,
        [chunk(b"iCCP", b"name\0\0" + LONG)],
        [chunk(b"tEXt", b"a\0b", checksum=7)],
        [chunk(b"pHYs", b"\0"), chunk(b"gAMA", b"\0"), chunk(b"acTL", b"\0")],
    ],
)
def test_a_png_is_kept_whatever_stands_beside_its_pixels(chunks: list[bytes]) -> None:
    pixels, _ = examine(with_chunks(PNG, *chunks), 30)
    np.testing.assert_array_equal(pixels, decode(PNG, 30))


def test_a_png_with_long_text_keeps_its_orientation_and_profile() -> None:
    turned = saved(PHOTO, "PNG", exif=ifd(TURNED), icc_profile=SWAPPED)
    pixels, notes = examine(with_chunks(turned, chunk(b"zTXt", b"workflow\0\0" + LONG)), 30)
    np.testing.assert_array_equal(pixels, decode(turned, 30))
    assert notes == (METADATA_NOTE,)


def cut(kind: str, **options: object) -> bytes:
    whole = saved(PHOTO.resize((400, 300)), kind, **options)
    return whole[: len(whole) * 3 // 5]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"just words", "not an image"),
        (picture(1, (400, 20)), "too small: 400 x 20 pixels"),
        (saved(Image.new("F", (40, 40)), "TIFF"), "unsupported pixels: floating-point values"),
        (
            saved(Image.new("I", (40, 40), 70_000), "TIFF"),
            "unsupported pixels: grey values of more than 16 bits",
        ),
        (cut("JPEG"), "damaged image: truncated file"),
        (cut("JPEG")[:30], "damaged image: truncated file"),
        (cut("PNG"), "damaged image: truncated file"),
        (cut("GIF"), "damaged image: truncated file"),
        (cut("WEBP"), "damaged image: truncated file"),
        (cut("BMP"), "damaged image: truncated file"),
        (cut("TIFF", compression="tiff_lzw"), "damaged image: truncated file"),
        (PNG[:20] + b"\1" + PNG[21:], "damaged image: bad checksum"),
        (PNG[:80] + bytes(9) + PNG[89:], "damaged image: bad checksum"),
        (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", b"") + chunk(b"IEND", b""), "damaged image"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200), "unsupported format: HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(200), "unsupported format: HEIC"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(200), "not an image: video"),
        (saved(BLACK, "JPEG2000"), "unsupported format: JPEG 2000"),
        (saved(BLACK, "JPEG2000", no_jp2=True), "unsupported format: JPEG 2000"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(9), "unsupported format: JPEG XL"),
        (b"\xff\x0a" + bytes(9), "unsupported format: JPEG XL"),
        (b'<?xml version="1.0"?>\n<svg xmlns="a"/>', "unsupported format: SVG"),
        (b"%PDF-1.7\n", "not an image: PDF"),
        (b"<!DOCTYPE html><html>404</html>", "not an image: HTML page"),
        (b"\xef\xbb\xbf\n<!-- a --><html>404</html>", "not an image: HTML page"),
        (b"PK\3\4" + bytes(40), "not an image: archive"),
        (bytes(400), "not an image: nothing but zeros"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n",
            "not an image: Git LFS pointer; run `git lfs pull`",
        ),
    ],
)
def test_what_is_no_image_has_a_reason(content: bytes, reason: str) -> None:
    with pytest.raises(ImageError, match=f"^{re.escape(reason)}"):
        decode(content, 8, smallest=24)


def test_a_photo_is_kept_whatever_byte_of_its_exif_is_wrong() -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    content = saved(Image.new("RGB", (40, 40)), "JPEG", exif=exif.tobytes())
    begin = content.index(b"Exif\0\0")
    for position in range(begin, begin + len(exif.tobytes())):
        for value in (0, 2, 7, 255):
            mutated = content[:position] + bytes([value]) + content[position + 1 :]
            assert decode(mutated, 8).shape == (8, 8, 3)


def header(kind: str, width: int, height: int) -> bytes:
    """A file that begins like an image of that size."""
    small = saved(Image.new("RGB", (7, 9)), kind)
    if kind == "PNG":
        data = struct.pack(">II", width, height) + small[24:29]
        return small[:8] + chunk(b"IHDR", data) + small[33:]
    if kind == "WEBP":
        size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        return small[:12] + b"VP8X\x0a\0\0\0\0\0\0\0" + size + small[12:]
    old, new = {
        "JPEG": (struct.pack(">HH", 9, 7), struct.pack(">HH", height & 65535, width & 65535)),
        "GIF": (struct.pack("<HH", 7, 9), struct.pack("<HH", width & 65535, height & 65535)),
        "BMP": (struct.pack("<ii", 7, 9), struct.pack("<ii", width, height)),
        "TIFF": (
            struct.pack("<HHIIHHII", 256, 4, 1, 7, 257, 4, 1, 9),
            struct.pack("<HHIIHHII", 256, 4, 1, width, 257, 4, 1, height),
        ),
    }[kind]
    assert old in small
    return small.replace(old, new)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF"])
@pytest.mark.parametrize(("width", "height"), [(16_000, 15_626), (65_000, 60_000)])
def test_a_file_with_too_many_pixels_is_refused_before_it_is_decoded(
    kind: str, width: int, height: int
) -> None:
    if kind == "WEBP" and width == 16_000:
        pytest.skip("its canvas must fit its frames")
    with pytest.raises(ImageError, match=f"^too large: {width} x {height} pixels$"):
        decode(header(kind, width, height), 8)


def test_a_small_file_of_many_pixels_is_refused() -> None:
    content = saved(Image.new("1", (20_000, 20_000)), "PNG")
    assert len(content) < 100_000
    with pytest.raises(ImageError, match="^too large: 20000 x 20000 pixels$"):
        decode(content, 8)


def test_a_side_of_millions_of_pixels_is_refused() -> None:
    with pytest.raises(ImageError, match="^too large: 1 x 9000000 pixels$"):
        decode(header("PNG", 1, 9_000_000), 8)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_each_format_has_its_own_limit(kind: str) -> None:
    content = saved(BLACK, kind)
    limit = {"JPEG": "largest_jpeg", "PNG": "largest_other"}[kind]
    other = {"JPEG": "largest_other", "PNG": "largest_jpeg"}[kind]
    assert examine(content, 8, **{limit: 1600, other: 1})[0].shape == (8, 8, 3)
    with pytest.raises(ImageError, match="^too large: 40 x 40 pixels$"):
        examine(content, 8, **{limit: 1599})


def test_parameters_allow_no_more_than_is_decoded() -> None:
    assert LargestPixels() == LargestPixels(jpeg=LARGEST_JPEG, other=LARGEST_OTHER)
    with pytest.raises(ValueError, match="less than or equal to 250000000"):
        LargestPixels(jpeg=LARGEST_JPEG + 1)
    with pytest.raises(ValueError, match="less than or equal to 100000000"):
        LargestPixels(other=LARGEST_OTHER + 1)


def ramp(width: int, height: int) -> Image.Image:
    """A picture that is black at the left and white at the right."""
    row = Image.fromarray(np.linspace(0, 255, width).round().astype(np.uint8)[None])
    return row.resize((width, height), Image.Resampling.NEAREST)


@pytest.mark.parametrize(("width", "height"), [(3_000, 40_000), (40_000, 3_000), (16_320, 12_240)])
@pytest.mark.parametrize("size", [32, 1024, 1500])
def test_large_jpegs_are_decoded_at_any_size(width: int, height: int, size: int) -> None:
    image = decode(saved(ramp(width, height), "JPEG"), size)
    expected = np.asarray(ramp(width, 1).resize((size, 1), Image.Resampling.BOX)).astype(int)
    assert np.abs(image[size // 2].astype(int) - expected[0][:, None]).max() <= 6


@pytest.mark.parametrize("mode", ["1", "L", "P", "I;16", "LA", "RGBA"])
@pytest.mark.parametrize("long", [False, True])
def test_parts_of_a_large_picture_fit_together(mode: str, long: bool) -> None:
    picture = ramp(3_000, 50)
    stored = picture.convert("I").point(lambda value: value * 257) if mode == "I;16" else picture
    content = saved(stored.convert(mode).resize((50, 60_000) if long else (60_000, 50)), "PNG")
    image = decode(content, 1024)[512].astype(int)
    expected = np.linspace(0, 255, 1024)[:, None]
    if mode != "1":  # a screen of black and white dots
        assert np.abs(image - expected).max() <= 6
    assert np.abs(image.mean(0) - 127.5).max() <= 8


def test_transparency_of_a_large_picture_becomes_white() -> None:
    image = Image.new("P", (60_000, 50), 1)
    image.putpalette([0, 0, 0, 10, 200, 30])
    image.paste(0, (0, 0, 30_000, 50))
    pixels = decode(saved(image, "PNG", transparency=0), 1024)
    np.testing.assert_array_equal(pixels[:, :500], 255)
    np.testing.assert_array_equal(pixels[:, 524:], np.broadcast_to([10, 200, 30], (1024, 500, 3)))


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


def noise(width: int, height: int, mode: str) -> Image.Image:
    few = np.random.default_rng(0).integers(0, 256, (64, 64, 4), dtype=np.uint8)
    return Image.fromarray(few).resize((width, height), Image.Resampling.NEAREST).convert(mode)


def one_strip(width: int, height: int) -> bytes:
    """A TIFF of three colours of 16 bits in one strip."""
    strip = zlib.compress(bytes(6 * width * height), 1)
    tags = [
        (256, width),
        (257, height),
        (259, 8),
        (262, 2),
        (277, 3),
        (278, height),
        (279, len(strip)),
    ]
    entries = sorted(
        [struct.pack("<HHII", 258, 3, 3, 8), struct.pack("<HHII", 273, 4, 1, 14)]
        + [struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags],
        key=lambda entry: struct.unpack_from("<H", entry),
    )
    head = b"II*\0" + struct.pack("<I", 14 + len(strip)) + struct.pack("<HHH", 16, 16, 16) + strip
    return head + struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)


LARGE = {
    "JPEG, progressive": lambda: saved(
        noise(16_000, 15_625, "RGB"), "JPEG", quality=60, progressive=True
    ),
    "JPEG, CMYK": lambda: saved(noise(16_000, 15_625, "CMYK"), "JPEG", quality=60),
    "JPEG, long": lambda: saved(noise(763, 65_500, "CMYK"), "JPEG", progressive=True),
    "PNG": lambda: saved(noise(10_000, 10_000, "RGBA"), "PNG", compress_level=1),
    "PNG, grey": lambda: saved(noise(7_000, 7_100, "LA"), "PNG", compress_level=1),
    "PNG, wide": lambda: saved(noise(100_000, 1_000, "RGBA"), "PNG", compress_level=1),
    "GIF": lambda: saved(noise(10_000, 10_000, "L"), "GIF", transparency=3),
    "WEBP": lambda: saved(noise(7_000, 7_000, "RGBA"), "WEBP", method=0),
    "AVIF": lambda: saved(noise(7_000, 7_000, "RGBA"), "AVIF", speed=10),
    "BMP": lambda: saved(noise(9_000, 9_000, "RGB"), "BMP"),
    "TIFF, one strip": lambda: one_strip(8_000, 10_000),
    "TIFF, turned": lambda: saved(
        noise(9_500, 9_500, "CMYK"), "TIFF", compression="tiff_lzw", tiffinfo={274: 6}
    ),
}
MEASURE = """
import re, sys
from pathlib import Path
import pandas, animals10.fetching, animals10.sources  # what a worker of fetch has in memory, too
from animals10.images import decode
decode(Path(sys.argv[1]).read_bytes(), int(sys.argv[2]))
print(re.search("VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_the_largest_files_are_decoded_in_one_gibibyte(name: str, tmp_path: Path) -> None:
    if name == "AVIF" and not features.check("avif"):
        pytest.skip("Pillow without AVIF")
    (tmp_path / "file").write_bytes(LARGE[name]())
    for size in (64, 1024):
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, tmp_path / "file", str(size)],
            env={"PYTHONPATH": str(ROOT / "src")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        print(f"{name}, {size} pixels: {int(done.stdout) // 1024} MiB")
        assert int(done.stdout) < 2**20  # KiB


@pytest.mark.slow
def test_what_would_take_more_memory_is_refused() -> None:
    progressive = saved(
        noise(14_000, 14_000, "RGB"), "JPEG", quality=60, progressive=True, subsampling=0
    )
    webp = saved(noise(8_000, 8_000, "RGB"), "WEBP", method=0)
    for content in (progressive, webp, one_strip(10_000, 10_000)):
        with pytest.raises(ImageError, match=r"^too large: .* MiB of memory; 800 are allowed$"):
            decode(content, 64)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"optimize": True}])
def test_a_jpeg_that_lacks_only_its_end_mark_is_kept(options: dict[str, bool]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (61, 83, 3), dtype=np.uint8)
    content = saved(Image.fromarray(noise), "JPEG", **options)
    for lacking in (1, 2):
        pixels, notes = examine(content[:-lacking], 64)
        np.testing.assert_array_equal(pixels, decode(content, 64))
        assert notes == (END_NOTE,)
    for lacking in (6, 40, 400):
        with pytest.raises(ImageError, match="truncated file"):
            decode(content[:-lacking], 64)
