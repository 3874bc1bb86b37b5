import hashlib
import io
import tracemalloc
from collections.abc import Callable

import imagehash
import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageEnhance

from animals10 import drawing
from animals10.images import decode
from animals10.similarity import SIDE, Hashes, add_groups, bits, digits, fingerprint, group
from animals10.splitting import assign, named


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


def test_copies_of_a_pinned_photo_that_is_gone_follow_it() -> None:
    before = table([encoded(scene(seed)) for seed in range(40)])
    none = pd.DataFrame(columns=["path", "split", "sha256", "group"])
    photos, pinned, names = add_groups(before, hashes(before), none, 56)
    first = pd.concat(named(assign(photos, pinned, names, 0.2, 0.2, seed=1), names))
    again = table([encoded(scene(seed), quality=50) for seed in range(40)])
    photos, pinned, names = add_groups(again, hashes(again), first, 56)
    second = assign(photos, pinned, names, 0.2, 0.2, seed=2)
    assert set(first["sha256"]).isdisjoint(second["sha256"])
    assert second["split"].tolist() == first["split"].tolist()


def test_without_a_threshold_only_identical_files_are_grouped() -> None:
    files = [encoded(scene(1)), encoded(scene(1), quality=40), encoded(scene(1))]
    photos = table(files)
    photos, _, names = add_groups(photos, hashes(photos), photos[:0].assign(group=""), None)
    assert digits(names[photos["group"]]) == photos["sha256"].tolist()


def test_without_a_threshold_identical_files_follow_an_earlier_split() -> None:
    before = table([encoded(scene(seed)) for seed in range(40)])
    none = pd.DataFrame(columns=["path", "split", "sha256", "group"])
    photos, pinned, names = add_groups(before, hashes(before), none, None)
    first = pd.concat(named(assign(photos, pinned, names, 0.2, 0.2, seed=1), names))
    again = before[5:]  # five are gone
    photos, pinned, names = add_groups(again, hashes(again), first, None)
    second = assign(photos, pinned, names, 0.2, 0.2, seed=2)
    assert second["split"].tolist() == first["split"].tolist()[5:]


def table(files: list[bytes]) -> pd.DataFrame:
    rows = [
        (f"{index % 2}/{index:02d}.jpg", str(index % 2), hashlib.sha256(file).hexdigest(),
         *fingerprint(decode(file, SIDE)))
        for index, file in enumerate(files)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["path", "label", "sha256", "phash", "mirrored"])
