import hashlib
import io
import tracemalloc
from collections.abc import Callable
from typing import Any

import imagehash
import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageEnhance

from animals10 import drawing
from animals10.images import decode
from animals10.similarity import SIDE, Hashes, add_groups, bits, digits, fingerprint, group
from animals10.splitting import assign, named

NONE = pd.DataFrame(columns=["path", "split", "sha256", "group"], dtype=str)


def scene(seed: int, name: str = "cane") -> Image.Image:
    return Image.fromarray(drawing.draw(name, np.random.default_rng(seed)))


def encoded(image: Image.Image, kind: str = "JPEG", quality: int = 90) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, quality=quality)
    return buffer.getvalue()


def grouped(files: list[bytes]) -> list[str]:
    numbers, names = group(hashes(table(files)), 56)
    return digits(names[numbers])


def hashes(photos: pd.DataFrame) -> Hashes:
    return Hashes(*(bits(photos[column]) for column in ("sha256", "phash", "mirrored")))


@pytest.mark.parametrize(
    "alter",
    [
        lambda image: encoded(image),
        lambda image: encoded(image, quality=30),
        lambda image: encoded(image, "PNG"),
        lambda image: encoded(image.resize((90, 90))),
        lambda image: encoded(image.resize((400, 300))),
        lambda image: encoded(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
        lambda image: encoded(ImageEnhance.Brightness(image).enhance(1.2)),
        lambda image: encoded(image.convert("L")),
    ],
    ids=["same", "re-encoded", "png", "smaller", "larger", "mirrored", "brighter", "grey"],
)
def test_altered_copies_are_in_one_group(alter: Callable[[Image.Image], bytes]) -> None:
    originals = [encoded(scene(seed)) for seed in range(4)]
    groups = grouped([*originals, alter(scene(2))])
    assert groups[4] == groups[2]
    assert len(set(groups)) == 4


def test_a_fingerprint_is_what_imagehash_writes() -> None:
    for number in range(5):
        image = np.asarray(scene(number).resize((SIDE, SIDE)))
        mirrored = np.ascontiguousarray(image[:, ::-1])
        expected = (str(imagehash.phash(Image.fromarray(i), 16)) for i in (image, mirrored))
        assert fingerprint(image) == tuple(expected)


def test_different_pictures_are_in_different_groups() -> None:
    names = [drawing.CLASSES[seed % 10] for seed in range(60)]
    groups = grouped([encoded(scene(seed, name)) for seed, name in enumerate(names)])
    assert len(set(groups)) == 60


def test_groups_are_named_by_the_look_of_their_smallest_hash_whatever_the_order() -> None:
    files = [encoded(scene(1)), encoded(scene(1), quality=40), encoded(scene(2))]
    groups = grouped(files)
    first = min(files[:2], key=lambda file: hashlib.sha256(file).hexdigest())
    looks = [fingerprint(decode(file, SIDE))[0] for file in (first, files[2])]
    assert groups == [looks[0], looks[0], looks[1]]
    assert grouped(files[::-1]) == groups[::-1]


def test_many_alike_take_little_memory() -> None:
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, 32, dtype=np.uint8) & 1 for _ in range(1500)]  # near each other
    looks, sha256 = np.stack(noise), bits(pd.Series([f"{i:064x}" for i in range(1500)]))
    tracemalloc.start()
    numbers, names = group(Hashes(sha256, looks, looks), 56)
    assert (len(names), set(numbers)) == (1, {0})
    assert tracemalloc.get_traced_memory()[1] < 200 * 2**20
    tracemalloc.stop()


def test_identical_files_take_little_memory() -> None:
    same = np.zeros((3000, 32), np.uint8)
    tracemalloc.start()
    numbers, names = group(Hashes(same, same, same), 56)
    assert (len(names), set(numbers)) == (1, {0})
    assert tracemalloc.get_traced_memory()[1] < 10 * 2**20
    tracemalloc.stop()


def decided(photos: pd.DataFrame, pinned: pd.DataFrame, bits: int | None, seed: int) -> Any:
    grouped = add_groups(photos, hashes(photos), pinned, bits)
    return pd.concat(named(assign(*grouped, 0.2, 0.2, seed), grouped[-1], rows=7))


def test_copies_of_pinned_photos_follow_them_be_they_here_or_gone() -> None:
    before = [encoded(scene(seed)) for seed in range(40)]
    first = decided(table(before), NONE, 56, seed=1)
    copies = [encoded(scene(seed), quality=50) for seed in range(40)]
    again, pinned = table([*before[::2], *copies]), first.sample(frac=1, random_state=3)
    second = decided(again, pinned, 56, seed=2)
    splits = first["split"].tolist()
    assert second["split"].tolist() == [*splits[::2], *splits]


def test_a_photo_that_is_gone_and_had_two_groups_is_followed_by_copies_of_both() -> None:
    first = decided(table([encoded(scene(seed)) for seed in range(40)]), NONE, 56, seed=1)
    gone = first[first["split"] == "test"][:1]
    looks = [fingerprint(decode(encoded(scene(seed)), SIDE))[0] for seed in (100, 101)]
    pinned = pd.concat([gone.assign(group=name) for name in looks])
    photos = table([encoded(scene(seed)) for seed in range(100, 140)])
    for seed in range(6):
        assert decided(photos, pinned, 56, seed)["split"].tolist()[:2] == ["test", "test"]


def test_without_a_threshold_only_identical_files_are_grouped() -> None:
    files = [encoded(scene(1)), encoded(scene(1), quality=40), encoded(scene(1))]
    photos = table(files)
    photos, _, names = add_groups(photos, hashes(photos), NONE, None)
    assert digits(names[photos["group"]]) == photos["sha256"].tolist()


def test_without_a_threshold_identical_files_follow_an_earlier_split() -> None:
    before = table([encoded(scene(seed)) for seed in range(40)])
    first = decided(before, NONE, None, seed=1)
    second = decided(before[5:], first, None, seed=2)
    assert second["split"].tolist() == first["split"].tolist()[5:]


@pytest.mark.parametrize("threshold", [None, 0])
def test_hashes_that_end_in_zeros_are_told_apart(threshold: int | None) -> None:
    sha256 = ["0" * 64, "ab" + "0" * 62, "ab" + "0" * 61 + "1", "ab01" + "0" * 60]
    photos = pd.DataFrame({column: sha256 for column in ("sha256", "phash", "mirrored")})
    photos, _, names = add_groups(photos, hashes(photos), NONE, threshold)
    assert digits(names[photos["group"]]) == sha256


def table(files: list[bytes]) -> pd.DataFrame:
    rows = [
        (f"{index % 2}/{index:02d}.jpg", str(index % 2), hashlib.sha256(file).hexdigest(),
         *fingerprint(decode(file, SIDE)))
        for index, file in enumerate(files)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["path", "label", "sha256", "phash", "mirrored"])
