import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from images.image_bytes import (
    BLACK,
    IGNORED,
    chunk,
    palette,
    saved,
)
from PIL import Image, features

from animals10.images.decoding import (
    LARGEST_JPEG,
    LARGEST_OTHER,
    ImageError,
    decode,
    examine,
)
from animals10.parameters import LargestPixels

pytestmark = IGNORED


def header(kind: str, width: int, height: int) -> bytes:
    """A file that begins like an image of that size."""
    small = saved(Image.new("RGB", (7, 9)), kind)
    if kind == "PNG":
        start = chunk(b"IHDR", struct.pack(">II", width, height) + small[24:29])
        return small[:8] + start + small[33:]
    form = {"JPEG": ">HH", "GIF": "<HH", "BMP": "<ii", "TIFF": "<HHIIHHII"}[kind]

    def packed(wide: int, high: int) -> bytes:
        values = {"JPEG": (high, wide), "TIFF": (256, 4, 1, wide, 257, 4, 1, high)}
        return struct.pack(form, *values.get(kind, (wide, high)))

    assert packed(7, 9) in small
    return small.replace(packed(7, 9), packed(width, height))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize(
    ("size", "reason"),
    [((16_000, 15_626), "16000 x 15626"), ((65_000, 60_000), "3900000000")],
)
def test_a_file_with_too_many_pixels_is_refused_before_it_is_decoded(
    kind: str, size: tuple[int, int], reason: str
) -> None:
    largest = {"JPEG": LARGEST_JPEG}.get(kind, LARGEST_OTHER)
    allowed = f"{LARGEST_JPEG if reason.isdigit() else largest:,}"  # before its format is known
    with pytest.raises(ImageError, match=f"^too large: {reason} pixels; {allowed} are allowed$"):
        decode(header(kind, *size), 8)


def test_a_small_file_of_many_pixels_is_refused() -> None:
    content = saved(Image.new("1", (20_000, 20_000)), "PNG")
    assert len(content) < 100_000
    with pytest.raises(
        ImageError, match="^too large: 20000 x 20000 pixels; 100,000,000 are allowed$"
    ):
        decode(content, 8)


def test_a_side_of_millions_of_pixels_is_refused() -> None:
    with pytest.raises(
        ImageError, match="^too large: 1 x 9000000 pixels; a side may have 1,000,000$"
    ):
        decode(header("PNG", 1, 9_000_000), 8)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_each_format_has_its_own_limit(kind: str) -> None:
    content = saved(BLACK, kind)
    limit = {"JPEG": "largest_jpeg", "PNG": "largest_other"}[kind]
    other = {"JPEG": "largest_other", "PNG": "largest_jpeg"}[kind]
    assert examine(content, 8, **{limit: 1600, other: 1})[0].shape == (8, 8, 3)
    with pytest.raises(ImageError, match="^too large: 40 x 40 pixels; 1,599 are allowed$"):
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
@pytest.mark.parametrize("size", [(60_000, 50), (50, 60_000), (8_000, 6_300)])
def test_large_pictures_keep_their_shades(mode: str, size: tuple[int, int]) -> None:
    picture = ramp(3_000, 50)
    stored = picture.convert("I").point(lambda value: value * 257) if mode == "I;16" else picture
    content = saved(stored.convert(mode).resize(size), "PNG", compress_level=1)
    image = decode(content, 1024)[512].astype(int)
    expected = np.linspace(0, 255, 1024)[:, None]
    if mode != "1":  # a screen of black and white dots
        assert np.abs(image - expected).max() <= 6
    assert np.abs(image.mean(0) - 127.5).max() <= 8


def test_transparency_of_a_large_picture_becomes_white() -> None:
    image = palette().resize((60_000, 50))
    image.paste(0, (0, 0, 30_000, 50))
    pixels = decode(saved(image, "PNG", transparency=0), 1024)
    np.testing.assert_array_equal(pixels[:, :500], 255)
    np.testing.assert_array_equal(pixels[:, 524:], np.broadcast_to([10, 200, 30], (1024, 500, 3)))


def noise(width: int, height: int, mode: str) -> Image.Image:
    few = np.random.default_rng(0).integers(0, 256, (64, 64, 4), dtype=np.uint8)
    return Image.fromarray(few).resize((width, height), Image.Resampling.NEAREST).convert(mode)


def one_strip(width: int, height: int) -> bytes:
    """A TIFF of three colours of 16 bits in one strip."""
    strip = zlib.compress(bytes(6 * width * height), 1)
    tags = {256: width, 257: height, 258: 8, 259: 8, 262: 2, 273: 14, 277: 3, 278: height,
            279: len(strip)}  # fmt: skip
    entries = [
        struct.pack("<HHII", tag, 3 if tag == 258 else 4, 3 if tag == 258 else 1, value)
        for tag, value in tags.items()
    ]
    head = b"II*\0" + struct.pack("<IHHH", 14 + len(strip), 16, 16, 16) + strip
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
    "AVIF": lambda: saved(noise(5_800, 5_900, "RGBA"), "AVIF", speed=10),
    "BMP": lambda: saved(noise(9_000, 9_000, "RGB"), "BMP"),
    "TIFF, one strip": lambda: one_strip(8_000, 10_000),
    "TIFF, turned": lambda: saved(
        noise(8_700, 9_000, "CMYK"), "TIFF", compression="tiff_lzw", tiffinfo={274: 6}
    ),
}
MEASURE = """
import re, sys
from pathlib import Path
import animals10.data.scanning, animals10.data.sources  # what a worker of fetch has, too
from animals10.images.decoding import decode
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
