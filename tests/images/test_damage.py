import re
import struct
import zlib

import numpy as np
import pytest
from conftest import picture
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
    saved,
)
from PIL import Image, ImageCms

from animals10.images.damage import END_NOTE, METADATA_NOTE
from animals10.images.decoding import (
    EXIF_NOTE,
    PROFILE_NOTE,
    ImageError,
    decode,
    examine,
)

pytestmark = IGNORED


def ifd(*entries: tuple[int, int, int, bytes]) -> bytes:
    """An EXIF block of entries (tag, type, count, 4 bytes)."""
    packed = b"".join(struct.pack("<HHI", *entry[:3]) + entry[3] for entry in entries)
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + packed + bytes(4)


def segment(content: bytes, marker: int, payload: bytes) -> bytes:
    """Put a segment into a JPEG file."""
    header = struct.pack(">BBH", 0xFF, marker, len(payload) + 2)
    return content[:2] + header + payload + content[2:]


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


@needs_avif
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
        (picture(1, (400, 20)), "too small: 400 x 20 pixels; a side needs 24"),
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
        (saved(BLACK, "ICO"), "unsupported format: ICO"),
        (saved(BLACK, "TGA"), "unsupported format: TGA"),
        (saved(BLACK, "TGA", compression="tga_rle"), "unsupported format: TGA"),
        (saved(BLACK.convert("P"), "TGA"), "unsupported format: TGA"),
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
