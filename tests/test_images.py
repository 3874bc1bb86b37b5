import io

import numpy as np
import pytest
from conftest import picture
from PIL import Image

from animals10.images import decode, fault


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
def test_every_usual_format_is_accepted(kind: str) -> None:
    assert fault(picture(1, kind=kind)) is None


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1"])
def test_every_usual_mode_becomes_rgb(mode: str) -> None:
    buffer = io.BytesIO()
    Image.new(mode, (40, 40)).save(buffer, "TIFF")
    assert fault(buffer.getvalue()) is None
    assert decode(buffer.getvalue(), 8).shape == (8, 8, 3)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"<html>404</html>", "not an image"),
        (picture(1, (400, 400))[:-800], "damaged image"),
    ],
)
def test_what_is_no_image_has_a_reason(content: bytes, reason: str) -> None:
    assert str(fault(content)).startswith(reason)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_metadata_is_a_reason_and_no_crash() -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    buffer = io.BytesIO()
    Image.new("RGB", (40, 40)).save(buffer, "JPEG", exif=exif)
    content = buffer.getvalue()
    for position in range(20, 60):  # over the whole of the EXIF block
        for value in (0, 2, 7, 255):
            mutated = content[:position] + bytes([value]) + content[position + 1 :]
            reason = fault(mutated)
            assert reason is None or reason.startswith(("damaged image", "not an image"))


def test_a_decompression_bomb_is_refused_before_it_is_decoded() -> None:
    buffer = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(buffer, "PNG")
    assert len(buffer.getvalue()) < 100_000
    assert fault(buffer.getvalue()) == "decompression bomb"
