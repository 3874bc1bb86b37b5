"""Is this the Animals-10 that Kaggle gives out? Told from digests of its 26,179 files."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TypedDict

DIGESTS = Path(__file__).with_name("official.json")


class Digest(TypedDict):
    """What is known of one class.

    `sha256` is the digest of its files' sorted digests. `first_bytes` counts the files by the
    first byte of their sha256, two hexadecimal digits for each count: enough to say how many files
    are missing and how many are not of the set, without listing them.
    """

    files: int
    sha256: str
    first_bytes: str


def digest(hashes: Iterable[str]) -> Digest:
    """Summarize a class.

    Args:
        hashes: sha256 of each file, as 64 hexadecimal digits.

    Returns:
        Its digest.
    """
    hashes = sorted(hashes)
    counts = Counter(int(value[:2], 16) for value in hashes)
    return {
        "files": len(hashes),
        "sha256": hashlib.sha256("".join(hashes).encode()).hexdigest(),
        "first_bytes": bytes(min(counts[byte], 255) for byte in range(256)).hex(),
    }


def compare(photos: Iterable[tuple[str, str]], official: dict[str, Digest]) -> list[str]:
    """Say how a copy of the data set differs from the official one.

    Args:
        photos: (class, sha256) of each file of the copy; its classes are official ones.
        official: the digest of each class.

    Returns:
        A line for each class that differs; none when the copy is complete and untouched.
    """
    hashes: dict[str, list[str]] = {label: [] for label in official}
    for label, value in photos:
        hashes[label].append(value)
    pairs = {label: (official[label], digest(found)) for label, found in hashes.items()}
    return [
        _explain(label, expected, found)
        for label, (expected, found) in pairs.items()
        if expected["sha256"] != found["sha256"]
    ]


def _explain(label: str, expected: Digest, found: Digest) -> str:
    there, here = (bytes.fromhex(which["first_bytes"]) for which in (expected, found))
    surplus = [a - b for a, b in zip(here, there, strict=True)]
    missing = sum(-number for number in surplus if number < 0)
    extra = sum(number for number in surplus if number > 0)
    return (
        f"{label}: {found['files']:,} files of {expected['files']:,}; at least {missing:,} of the "
        f"official ones missing or changed, at least {extra:,} not official"
    )


def load() -> dict[str, Digest]:
    """Return the digests of Animals-10's classes."""
    return json.loads(DIGESTS.read_text(encoding="utf-8"))


def report(photos: list[tuple[str, str]]) -> str:
    """Say in a line or more whether photos are the whole, untouched Animals-10.

    Args:
        photos: (class, sha256) of each file.

    Returns:
        The text; empty when most of their classes are not of Animals-10.
    """
    official = load()
    labels = {label for label, _ in photos}
    if len(labels & set(official)) < len(labels) / 2:
        return ""
    differing = compare([photo for photo in photos if photo[0] in official], official)
    if not differing:
        return f"Animals-10: complete and untouched, {len(photos):,} files"
    return "\n  ".join(
        ["Animals-10, but not Kaggle's own copy; it is used all the same:", *differing]
    )
