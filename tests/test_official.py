import hashlib

import pytest

from animals10 import official


def hashes(label: str, count: int) -> list[tuple[str, str]]:
    return [(label, hashlib.sha256(f"{label}{i}".encode()).hexdigest()) for i in range(count)]


COPY = hashes("cat", 30) + hashes("dog", 20)
DIGESTS = {
    label: official.digest(value for name, value in COPY if name == label)
    for label in ("cat", "dog")
}


def test_an_untouched_copy_differs_in_nothing_in_any_order() -> None:
    assert official.compare(COPY[::-1], DIGESTS) == []


@pytest.mark.parametrize(
    ("copy", "line"),
    [
        (COPY[3:], "cat: 27 files of 30; at least 3 of the official ones missing or changed, "
                   "at least 0 not official"),
        (COPY + hashes("dog", 22)[20:], "dog: 22 files of 20; at least 0 of the official ones "
                                        "missing or changed, at least 2 not official"),
        (COPY[:30], "dog: 0 files of 20; at least 20 of the official ones missing or changed, "
                    "at least 0 not official"),
        ([*COPY[1:], ("cat", "ab" * 32)], "cat: 30 files of 30; at least 1 of the official ones "
                                          "missing or changed, at least 1 not official"),
    ],
)  # fmt: skip
def test_what_is_missing_or_extra_is_counted(copy: list[tuple[str, str]], line: str) -> None:
    assert official.compare(copy, DIGESTS) == [line]


def test_the_committed_digests_are_of_all_of_animals10() -> None:
    digests = official.load()
    assert len(digests) == 10
    assert sum(digest["files"] for digest in digests.values()) == 26_179


def test_other_classes_are_not_compared() -> None:
    assert official.report(COPY) == ""
    copy = hashes("gatto", 3) + hashes("cane", 3)
    assert official.report(copy).startswith("Animals-10, but not Kaggle's own copy")
    assert official.report(copy + hashes("owl", 3)).startswith("Animals-10, but not Kaggle's own")
