"""Is this the Animals-10 that Kaggle gives out?"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

# By class, the number of its files, and the sha256 of their sorted sha256s.
OFFICIAL: dict[str, list[int | str]] = json.loads(
    Path(__file__).with_name("official.json").read_text(encoding="utf-8")
)


def digest(hashes: Iterable[str]) -> list[int | str]:
    """Summarize a class by the sha256 of each file, as 64 hexadecimal digits."""
    hashes = sorted(hashes)
    return [len(hashes), hashlib.sha256("".join(hashes).encode()).hexdigest()]


def report(photos: list[tuple[str, str]]) -> str:
    """Say in a line whether all files, as (class, sha256), are the whole, untouched Animals-10.

    The line is empty when most of their classes are not of Animals-10.
    """
    labels = {label for label, _ in photos}
    if len(labels & OFFICIAL.keys()) < len(labels) / 2:
        return ""
    found = {label: digest(sha for name, sha in photos if name == label) for label in OFFICIAL}
    differing = [
        f"{label} ({found[label][0]:,} files of {expected[0]:,}, or others)"
        for label, expected in OFFICIAL.items()
        if found[label] != expected
    ]
    if not differing:
        return f"Animals-10: complete and untouched, {len(photos):,} files"
    return f"Animals-10, but not Kaggle's own copy, by {', '.join(differing)}; it is used as it is"
