"""Decode mutated image files: python tests/images/fuzz_images.py <files> <seed> (`make fuzz`).

Every file must be kept or rejected with a reason, within 5 s and 1 GiB of memory.
"""

import hashlib
import io
import re
import sys
import time
from collections import Counter
from pathlib import Path

import hypothesis
import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from animals10.data.near_duplicates import SIDE, perceptual_hashes
from animals10.images.decoding import ImageError, decode

LONGEST, LARGEST = 5.0, 2**30  # seconds, bytes
NUMBERS = [0, 1, 2, 127, 128, 254, 255]


def seeds() -> list[bytes]:
    """Return small files of every format, mode and kind of metadata."""
    noise = np.random.default_rng(0).integers(0, 256, (37, 29, 4), dtype=np.uint8)
    picture = Image.fromarray(noise)
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a photo"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    files = []
    for kind in ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"):
        for mode in ("1", "L", "P", "RGB", "RGBA", "CMYK", "I;16"):
            for options in ({}, {"exif": exif, "icc_profile": profile}, {"progressive": True},
                            {"compression": "tiff_lzw"}, {"lossless": True}):  # fmt: skip
                buffer = io.BytesIO()
                image = picture.convert("L").convert("I;16") if mode == "I;16" else (
                    picture.convert(mode)
                )  # fmt: skip
                try:
                    image.save(buffer, kind, **options)
                except (OSError, ValueError, KeyError):
                    continue  # a format without this mode
                files.append(buffer.getvalue())
    return sorted(set(files))


SEEDS = seeds()
place = st.floats(0, 1).map(lambda fraction: fraction**1.5)  # more often in the header
mutation = st.one_of(
    st.tuples(st.just("set"), place, st.sampled_from(NUMBERS) | st.integers(0, 255)),
    st.tuples(
        st.just("number"), place, st.sampled_from([0, 1, 2**15, 2**16 - 1, 2**31, 2**32 - 1])
    ),
    st.tuples(st.just("cut"), place, st.integers(1, 64)),
    st.tuples(st.just("repeat"), place, st.integers(1, 64)),
    st.tuples(st.just("end"), st.floats(0, 1), st.just(0)),
    st.tuples(st.just("splice"), place, st.integers(0, len(SEEDS) - 1)),
)


def mutate(content: bytes, mutations: list[tuple[str, float, int]]) -> bytes:
    """Apply the mutations one after the other."""
    for kind, fraction, value in mutations:
        at = int(fraction * len(content))
        head, tail = content[:at], content[at:]
        if kind == "set":
            content = head + bytes([value]) + tail[1:]
        elif kind == "number":
            content = head + value.to_bytes(4, "big" if at % 2 else "little") + tail[4:]
        elif kind == "cut":
            content = head + tail[value:]
        elif kind == "repeat":
            content = head + tail[:value] * 2 + tail[value:]
        elif kind == "end":
            content = head
        else:
            content = head + SEEDS[value][at:]
    return content


def run(count: int, first: int) -> tuple[Counter[str], float]:
    """Decode `count` different files, drawn from seeds beginning with `first`.

    Returns:
        How many had which end, and the longest time.
    """
    ends: Counter[str] = Counter()
    seen: set[bytes] = set()
    longest = 0.0

    def attempt(seed: bytes, mutations: list[tuple[str, float, int]]) -> None:
        nonlocal longest
        content = mutate(seed, mutations)
        digest = hashlib.sha256(content).digest()
        if digest in seen or len(seen) == count:
            return
        seen.add(digest)
        start = time.perf_counter()
        try:
            perceptual_hashes(decode(content, SIDE, smallest=24))
            ends["kept"] += 1
        except ImageError as error:
            ends[str(error).split(":")[0]] += 1
        longest = max(longest, time.perf_counter() - start)
        assert longest < LONGEST, f"{longest:.1f} s for {content[:64]!r}..."

    options = settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    files = given(st.sampled_from(SEEDS), st.lists(mutation, min_size=1, max_size=8))
    while len(seen) < count:
        hypothesis.seed(first)(options(files(attempt)))()
        first += 1
    return ends, longest


def peak_memory() -> int:
    """Return the bytes of this program's largest resident set.

    From /proc, since getrusage counts what the process held before it became this program.
    """
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    kibibytes = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert kibibytes, "Linux is needed"
    return int(kibibytes[1]) * 1024


def main() -> None:
    """Run, print what became of the files, and fail where memory went over its limit."""
    count, seed = int(sys.argv[1]), int(sys.argv[2])
    ends, longest = run(count, seed)
    memory = peak_memory()
    print(f"{sum(ends.values()):,} files, longest {longest:.2f} s, memory {memory / 2**20:.0f} MiB")
    for end, number in ends.most_common():
        print(f"{number:>8,} {end}")
    if memory > LARGEST:
        sys.exit(f"memory went over {LARGEST / 2**20:.0f} MiB")


if __name__ == "__main__":
    main()
