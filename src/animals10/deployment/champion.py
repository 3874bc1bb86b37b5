"""The champion on disk: `models/champion` is a link to one of `models/champions/<version>`.

One rename of the link makes another version champion, so that a reader sees the one or the other,
whole. Neither git nor DVC sees these folders. They are the truth; MLflow's registry follows.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

from filelock import FileLock, Timeout

from animals10 import files
from animals10.deployment import reference
from animals10.deployment.predictor import Predictor
from animals10.errors import UserError

CHAMPION, CHAMPIONS = Path("models/champion"), Path("models/champions")
MODEL, CARD, REFERENCE = "model.onnx", "model.md", "model.reference.npz"
VALIDATION = "validation.csv"  # sha256, label and prediction of each photo, for the next comparison
_ABOUT = "champion.json"
_UNFINISHED = CHAMPIONS / ".unfinished"  # names the version that is being promoted
_PATIENCE = 60  # seconds for which another promotion is waited for


class Origin(TypedDict):
    """Where a model comes from, and how good it is.

    `name` is cnn, frozen or finetuned. `scores` are the model's of metrics/evaluate.json: metrics
    by split, validation and test.
    """

    name: str
    experiment: str
    revision: str
    validation_accuracy: float
    scores: dict[str, dict[str, float]]


class Champion(Origin):
    """The content of champion.json; `sha256` is of model.onnx, `previous` the version before."""

    version: int
    sha256: str
    promoted: str
    previous: int | None
    reason: str


def folder(version: int) -> Path:
    """Return where a version is."""
    return CHAMPIONS / str(version)


def current() -> Champion | None:
    """Return the present champion, if there is one.

    Raises:
        UserError: its champion.json is damaged.
    """
    return _read(CHAMPION)


def versions() -> dict[int, Champion]:
    """Return all that are or were champion, by version; not what a killed promotion left."""
    present, unfinished = current(), _unfinished()
    found = [_read(place) for place in CHAMPIONS.glob("[0-9]*") if place.name != unfinished]
    known = {about["version"]: about for about in [present, *found] if about}
    return dict(sorted(known.items()))


def _unfinished() -> str:
    return _UNFINISHED.read_text(encoding="utf-8") if _UNFINISHED.is_file() else ""


def _read(place: Path) -> Champion | None:
    path = place / _ABOUT
    if not path.is_file():
        return None
    try:
        about: Champion = json.loads(path.read_text(encoding="utf-8"))
        if missing := Champion.__required_keys__ - about.keys():
            raise ValueError(f"without {', '.join(sorted(missing))}")
    except (ValueError, AttributeError) as error:
        raise UserError(
            f"{path} is damaged ({error}); restore it, or remove {place} and promote again"
        ) from None
    return about


@contextmanager
def lock() -> Iterator[None]:
    """Let one process at a time change the champion; another waits for a minute.

    Raises:
        UserError: it waited in vain.
    """
    CHAMPIONS.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(CHAMPIONS / ".lock", timeout=_PATIENCE):
            yield
    except Timeout:
        raise UserError("another promote or rollback is at work; wait for it") from None


def add(contents: Mapping[str, bytes], origin: Origin, reason: str) -> Champion:
    """Make a model champion, within `lock`; until the end, the old one is.

    Args:
        contents: by name: `MODEL`, `CARD`, `REFERENCE` and `VALIDATION`.
        origin: of the model.
        reason: why it becomes champion.

    Returns:
        What its champion.json says.

    Raises:
        UserError: the model does not reproduce its reference, or `models/champion` is no link.
    """
    _clear()
    present, version = current(), max(versions(), default=0) + 1
    place = folder(version)
    files.write_bytes(_UNFINISHED, str(version).encode())
    champion = Champion(
        **origin,
        version=version,
        sha256=hashlib.sha256(contents[MODEL]).hexdigest(),
        promoted=datetime.now(UTC).isoformat(timespec="seconds"),
        previous=present["version"] if present else None,
        reason=reason,
    )
    try:
        for name, content in contents.items():
            files.write_bytes(place / name, content)
        files.write_json(place / _ABOUT, champion)
        reference.check(Predictor(place / MODEL))
        _point(version)
    finally:
        _clear()
    return champion


def _clear() -> None:
    """Remove what a promotion left that did not come to its end."""
    present, unfinished = current(), _unfinished()
    if unfinished and not (present and str(present["version"]) == unfinished):
        shutil.rmtree(CHAMPIONS / unfinished, ignore_errors=True)
    _UNFINISHED.unlink(missing_ok=True)


def _point(version: int) -> None:
    if CHAMPION.exists() and not CHAMPION.is_symlink():
        raise UserError(f"{CHAMPION} is no link, as promote makes it; move it away")
    with files.replacing(CHAMPION) as temporary:
        temporary.unlink(missing_ok=True)  # a kill's
        temporary.symlink_to(Path(CHAMPIONS.name, str(version)))


def rollback() -> tuple[Champion, Champion]:
    """Make the champion's previous version champion again.

    Returns:
        The champion, and the one that it replaces.

    Raises:
        UserError: there is none, or its previous version is missing or damaged.
    """
    with lock():
        _clear()  # while what is champion is not what a kill left
        present = require()
        if not present["previous"]:
            raise UserError(f"version {present['version']} is the first champion: none is before")
        before = _read(folder(present["previous"]))
        if not before:
            raise UserError(f"{folder(present['previous'])} is missing; restore or promote another")
        reference.check(Predictor(folder(before["version"]) / MODEL))
        _point(before["version"])
    return before, present


def require() -> Champion:
    """Return the present champion.

    Raises:
        UserError: there is none.
    """
    if champion := current():
        return champion
    raise UserError("there is no champion; `python -m animals10 promote EXPERIMENT` makes one")


def label(champion: Champion) -> str:
    """Name a version, its model and where it comes from, in a clause."""
    return (
        f"version {champion['version']}, {champion['name']} of {champion['experiment']}, "
        f"validation accuracy {champion['validation_accuracy']:.3f}"
    )


def describe() -> Iterator[str]:
    """Yield lines on what is champion and where it comes from.

    Raises:
        UserError: there is no champion.
    """
    champion = require()
    yield f"champion:  {label(champion)}"
    yield f"revision:  {champion['revision']}"
    yield f"promoted:  {champion['promoted']}, {champion['reason']}"
    yield f"model:     {CHAMPION / MODEL}, sha256 {champion['sha256']}"
    before = versions().get(champion["previous"] or 0)
    yield f"previous:  {label(before) if before else 'none'}"
