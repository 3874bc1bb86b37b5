import contextlib
import io

import numpy as np
import pytest
from conftest import picture
from PIL import Image, ImageCms

from animals10.images import ImageError, decode


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


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF"])
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


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
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


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
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


def saved(image: Image.Image, kind: str, **options: bytes) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


BLACK = Image.new("RGB", (40, 40))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"<html>404</html>", "not an image"),
        (picture(1, (400, 400))[:-800], "damaged image"),
        (picture(1, (400, 20)), "too small: 400 x 20 pixels"),
        (saved(BLACK, "PNG", icc_profile=b"no profile"), "unreadable metadata"),
        (saved(BLACK, "JPEG", exif=b"Exif\0\0no metadata"), "unreadable metadata"),
        (saved(Image.new("F", (40, 40)), "TIFF"), "unsupported pixels"),
        (saved(Image.new("I", (40, 40), 70_000), "TIFF"), "unsupported pixels"),
    ],
)
def test_what_is_no_image_has_a_reason(content: bytes, reason: str) -> None:
    with pytest.raises(ImageError, match=f"^{reason}"):
        decode(content, 8, smallest=24)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_metadata_is_a_reason_and_no_crash() -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    content = saved(Image.new("RGB", (40, 40)), "JPEG", exif=exif.tobytes())
    for position in range(20, 60):  # over the whole of the EXIF block
        for value in (0, 2, 7, 255):
            mutated = content[:position] + bytes([value]) + content[position + 1 :]
            with contextlib.suppress(ImageError):
                assert decode(mutated, 8).shape == (8, 8, 3)


def test_a_decompression_bomb_is_refused_before_it_is_decoded() -> None:
    content = saved(Image.new("1", (20_000, 20_000)), "PNG")
    assert len(content) < 100_000
    with pytest.raises(ImageError, match="decompression bomb"):
        decode(content, 8)
