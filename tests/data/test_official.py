import hashlib

import pytest

from animals10.data import official


def hashes(label: str, count: int) -> list[tuple[str, str]]:
    return [(label, hashlib.sha256(f"{label}{i}".encode()).hexdigest()) for i in range(count)]


COPY = hashes("cane", 30) + hashes("gatto", 20)


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    digests = {
        label: official.digest(value for name, value in COPY if name == label)
        for label in ("cane", "gatto")
    }
    monkeypatch.setattr(official, "OFFICIAL", digests)


def test_an_untouched_copy_is_recognized_in_any_order() -> None:
    assert official.report(COPY[::-1]) == "Animals-10: complete and untouched, 50 files"


@pytest.mark.parametrize(
    ("copy", "differing"),
    [
        (COPY[3:], "cane (27 files of 30, or others)"),
        (COPY + hashes("gatto", 22)[20:], "gatto (22 files of 20, or others)"),
        (COPY[:30], "gatto (0 files of 20, or others)"),
        ([*COPY[1:], ("cane", "ab" * 32)], "cane (30 files of 30, or others)"),
        ([*COPY[3:], *hashes("owl", 3)], "cane (27 files of 30, or others)"),
    ],
)
def test_classes_that_differ_are_named(copy: list[tuple[str, str]], differing: str) -> None:
    assert official.report(copy) == (
        f"Animals-10, but not Kaggle's own copy, by {differing}; it is used as it is"
    )


def test_other_classes_are_not_compared() -> None:
    assert official.report(hashes("cat", 3) + hashes("dog", 3)) == ""


def test_the_committed_digests_are_of_all_of_animals10(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert len(official.OFFICIAL) == 10
    assert sum(int(files) for files, _ in official.OFFICIAL.values()) == 26_179
