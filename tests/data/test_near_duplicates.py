import hashlib
import io
import tracemalloc
from collections.abc import Callable
from typing import Any

import imagehash
import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw, ImageEnhance

import animals10_sample
from animals10.data.near_duplicates import SIDE, Grouped, add_groups, perceptual_hashes
from animals10.data.splitting import assign
from animals10.images.decoding import decode

NONE = pd.DataFrame(columns=["path", "split", "sha256", "group"], dtype=str)


def scene(seed: int, name: str = "cane") -> Image.Image:
    return Image.fromarray(animals10_sample.draw(name, np.random.default_rng(seed)))


def encoded(image: Image.Image, kind: str = "JPEG", quality: int = 90) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, quality=quality)
    return buffer.getvalue()


def grouped(files: list[bytes], labels: str = "") -> list[str]:
    photos = table(files)
    photos["label"] = list(labels) or ["a"] * len(files)
    return add_groups(photos, NONE, 56).photos["group"].tolist()


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


def test_perceptual_hashes_are_what_imagehash_writes() -> None:
    for number in range(5):
        image = np.asarray(scene(number).resize((SIDE, SIDE)))
        mirrored = np.ascontiguousarray(image[:, ::-1])
        expected = (str(imagehash.phash(Image.fromarray(i), 16)) for i in (image, mirrored))
        assert perceptual_hashes(image) == tuple(expected)


def test_different_pictures_are_in_different_groups() -> None:
    names = [animals10_sample.CLASSES[seed % 10] for seed in range(60)]
    groups = grouped([encoded(scene(seed, name)) for seed, name in enumerate(names)])
    assert len(set(groups)) == 60


def test_groups_are_named_by_the_photo_of_the_smallest_sha256_whatever_the_order() -> None:
    files = [encoded(scene(1)), encoded(scene(1), quality=40), encoded(scene(2))]
    groups = grouped(files)
    first = min(files[:2], key=lambda file: hashlib.sha256(file).hexdigest())
    looks = [perceptual_hashes(decode(file, SIDE))[0] for file in (first, files[2])]
    assert groups == [looks[0], looks[0], looks[1]]
    assert grouped(files[::-1]) == groups[::-1]


@pytest.mark.parametrize(("count", "spread"), [(1500, 20), (3000, 0)])
def test_many_alike_take_little_memory(count: int, spread: float) -> None:
    photos = made(near(count, spread), ["a"] * count)
    if not spread:
        photos["sha256"] = photos["sha256"][0]
    tracemalloc.start()
    groups = add_groups(photos, NONE, 32).photos["group"].nunique()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (groups == 1) == (not spread)
    assert most < 200 * 2**20


def decided(photos: pd.DataFrame, pinned: pd.DataFrame, bits: int | None, seed: int) -> Any:
    grouped = add_groups(photos.assign(split=""), pinned, bits)
    return assign(grouped.photos, grouped.pinned, 0.2, 0.2, seed)


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
    looks = [perceptual_hashes(decode(encoded(scene(seed)), SIDE))[0] for seed in (100, 101)]
    pinned = pd.concat([gone.assign(group=name) for name in looks])
    photos = table([encoded(scene(seed)) for seed in range(100, 140)])
    for seed in range(6):
        assert decided(photos, pinned, 56, seed)["split"].tolist()[:2] == ["test", "test"]


def test_without_a_threshold_only_identical_files_are_grouped() -> None:
    files = [encoded(scene(1)), encoded(scene(1), quality=40), encoded(scene(1))]
    photos = table(files)
    assert add_groups(photos, NONE, None).photos["group"].tolist() == photos["sha256"].tolist()


def test_without_a_threshold_identical_files_follow_an_earlier_split() -> None:
    before = table([encoded(scene(seed)) for seed in range(40)])
    first = decided(before, NONE, None, seed=1)
    second = decided(before[5:], first, None, seed=2)
    assert second["split"].tolist() == first["split"].tolist()[5:]


@pytest.mark.parametrize("threshold", [None, 0])
def test_hashes_that_end_in_zeros_are_told_apart(threshold: int | None) -> None:
    sha256 = ["0" * 64, "ab" + "0" * 62, "ab" + "0" * 61 + "1", "ab01" + "0" * 60]
    photos = pd.DataFrame({column: sha256 for column in ("sha256", "phash", "mirrored")})
    photos["label"] = "a"
    assert add_groups(photos, NONE, threshold).photos["group"].tolist() == sha256


def table(files: list[bytes]) -> pd.DataFrame:
    rows = [
        (f"{index % 2}/{index:02d}.jpg", str(index % 2), hashlib.sha256(file).hexdigest(),
         *perceptual_hashes(decode(file, SIDE)))
        for index, file in enumerate(files)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["path", "label", "sha256", "phash", "mirrored"])


Drawing = Callable[[np.random.Generator, str], Image.Image]


def arrow(rng: np.random.Generator, label: str) -> Image.Image:
    """Draw an arrow; those of class b are mirror images of those of class a."""
    light, dark = (tuple(rng.integers(low, low + 70, 3).tolist()) for low in (180, 0))
    image = Image.new("RGB", (64, 64), light)
    x, y = rng.integers(28, 37, 2).tolist()
    corners = ((24, 0), (0, -20), (0, -8), (-22, -8), (-22, 8), (0, 8), (0, 20))
    side = 1 if label == "a" else -1
    ImageDraw.Draw(image).polygon([(x + side * dx, y + dy) for dx, dy in corners], fill=dark)
    return image


def plot(rng: np.random.Generator, label: str) -> Image.Image:
    """Draw a curve on noise in a frame that is the same in all plots."""
    pixels = rng.integers(40, 100, (40, 60), dtype=np.uint8)
    heights = (4 if label == "a" else 20) + 6 * np.sin(np.arange(60) / 7 + rng.uniform(0, 6))
    pixels[heights.astype(int) % 40, np.arange(60)] = 255
    image = Image.new("L", (340, 260), 255)
    image.paste(Image.fromarray(pixels).resize((280, 200)), (45, 20))
    ImageDraw.Draw(image).rectangle((45, 20, 325, 220), outline=0)
    return image


def blank(rng: np.random.Generator, _: str) -> Image.Image:
    """Draw one colour, which leaves nothing for a perceptual hash."""
    return Image.new("RGB", (64, 64), tuple(rng.integers(0, 256, 3).tolist()))


def drawn(draw: Drawing, count: int, seed: int = 0) -> pd.DataFrame:
    """Draw so many files of each of two classes."""
    rng = np.random.default_rng(seed)
    photos = table([encoded(draw(rng, "ab"[i % 2]), "PNG") for i in range(2 * count)])
    return photos.assign(label=["ab"[i % 2] for i in range(2 * count)])


def near(count: int, bits_apart: float, seed: int = 0) -> np.ndarray:
    """Make hashes of which each differs from one by so many bits on average."""
    rng = np.random.default_rng(seed)
    one = rng.integers(0, 256, 32, dtype=np.uint8)
    return one ^ np.packbits(rng.random((count, 256)) < bits_apart / 256, axis=1)


def made(hashes: np.ndarray, labels: list[str]) -> pd.DataFrame:
    """Make a table of photos from hashes."""
    texts = [row.tobytes().hex() for row in hashes]
    rows = [(f"{i:05d}.jpg", label, hashlib.sha256(b"%d" % i).hexdigest(), text, text)
            for i, (label, text) in enumerate(zip(labels, texts, strict=True))]  # fmt: skip
    return pd.DataFrame(rows, columns=["path", "label", "sha256", "phash", "mirrored"])


def assert_split_well(photos: pd.DataFrame) -> Grouped:
    """Check each class's fractions, and that only identical files bring classes together."""
    grouped = add_groups(photos.assign(split=""), NONE, 56)
    splits = assign(grouped.photos, NONE, 0.15, 0.15, seed=42)
    for _, members in splits.groupby("label"):
        fractions = members["split"].value_counts(normalize=True)
        wanted = {"train": 0.7, "validation": 0.15, "test": 0.15}
        assert all(abs(fractions[split] - wanted[split]) <= 0.0501 for split in wanted)
    of_group = splits.groupby("group")
    assert ((of_group["label"].nunique() == 1) | (of_group["sha256"].nunique() == 1)).all()
    return grouped


@pytest.mark.parametrize("count", [40, 100])
@pytest.mark.parametrize("draw", [arrow, plot, blank])
def test_look_alikes_are_divided(draw: Drawing, count: int) -> None:
    assert assert_split_well(drawn(draw, count)).divided > 0


def test_thousands_of_look_alikes_are_divided() -> None:
    hashes = np.concatenate([near(250, 20, seed) for seed in range(10)])
    labels = [str(i // 250) for i in range(2500)]
    assert assert_split_well(made(hashes, labels)).divided == 10
    assert assert_split_well(made(near(2500, 20), labels)).divided == 10  # one of each class


def others(count: int) -> np.ndarray:
    return np.random.default_rng(9).integers(0, 256, (count, 32), dtype=np.uint8)


@pytest.mark.parametrize(("copies", "apart"), [(15, 20), (30, 3)])
def test_many_copies_stay_together(copies: int, apart: int) -> None:
    photos = made(np.concatenate([near(copies, apart), others(200 - copies)]), ["a", "b"] * 100)
    photos["label"] = ["a"] * 100 + ["b"] * 100
    groups = add_groups(photos, NONE, 56)
    assert groups.photos["group"].value_counts().tolist()[:2] == [copies, 1]
    assert groups.divided == 0


@pytest.mark.parametrize("draw", [blank, plot, scene])
def test_identical_files_stay_together_whatever_their_number(draw: Any) -> None:
    rng = np.random.default_rng(0)
    pictures = [encoded(scene(i) if draw is scene else draw(rng, "a"), "PNG") for i in range(60)]
    photos = table([*pictures, *[encoded(scene(500))] * 60])
    photos["label"] = ["b"] * 20 + ["a"] * 100
    groups = add_groups(photos, NONE, 56).photos["group"]
    assert groups.nunique() > 20
    assert groups.value_counts().iloc[0] == 60
    assert groups[60:].nunique() == 1


def test_mirror_images_count_within_a_class_only() -> None:
    mirrored = scene(1).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    files = [encoded(scene(1)), encoded(mirrored), encoded(scene(2))]
    assert len(set(grouped(files, "aab"))) == 2
    assert len(set(grouped(files, "abb"))) == 3


def test_copies_in_two_classes_are_found_if_they_are_close() -> None:
    files = [encoded(scene(1)), encoded(scene(1), quality=70), encoded(scene(2))]
    assert len(set(grouped(files, "abb"))) == 2
    photos = made(np.concatenate([near(2, 20), others(20)]), ["a", "b"] * 11)
    assert add_groups(photos, NONE, 56).photos["group"].nunique() == 22


@pytest.mark.parametrize("draw", [arrow, plot, blank])
@pytest.mark.parametrize("known", [["path", "split", "sha256", "group"], None])
def test_look_alikes_join_a_pinned_split(draw: Drawing, known: list[str] | None) -> None:
    before = drawn(draw, 40)
    first = decided(before, NONE, 56, seed=1)
    photos = pd.concat([before[10:], drawn(draw, 20, seed=7)])
    pinned = first if known is None else first[known]
    second = decided(photos, pinned, 56, seed=2)
    assert second["split"].tolist()[:70] == first["split"].tolist()[10:]
    fractions = second["split"].value_counts(normalize=True)
    assert all(abs(fractions[split] - 0.2) < 0.1 for split in ("validation", "test"))


def test_the_order_of_look_alikes_does_not_matter() -> None:
    photos = drawn(blank, 40)
    once = decided(photos, NONE, 56, seed=1)
    again = decided(photos.sample(frac=1, random_state=3), NONE, 56, seed=1)
    assert again.sort_index().equals(once.sort_index())


@pytest.mark.parametrize("threshold", [None, 56])
def test_groups_that_are_given_stay_together(threshold: int | None) -> None:
    photos = drawn(plot, 40).assign(given_group=["one", "", "one", "two", ""] * 16)
    # An identical file, so that the second group joins the first.
    photos.loc[5, ["sha256", "phash", "mirrored"]] = photos.loc[3]
    groups = add_groups(photos, NONE, threshold).photos.groupby("given_group")
    assert groups["group"].nunique()[["one", "two"]].tolist() == [1, 1]
    assert groups["group"].first()["one"] == groups["group"].first()["two"]
    assert groups["group"].nunique()[""] > 10
