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
from typing import Any, TypedDict, get_type_hints

from filelock import FileLock, Timeout
from pydantic import ConfigDict, ValidationError, create_model

from animals10 import files
from animals10.deployment import reference
from animals10.deployment.choosing import CHAMPION
from animals10.deployment.predictor import Predictor
from animals10.errors import UserError

CHAMPIONS = Path("models/champions")
MODEL, CARD, REFERENCE = "model.onnx", "model.md", "model.reference.npz"
VALIDATION = "validation.csv"  # sha256, label and prediction of each photo, for the next comparison
_ABOUT = "champion.json"
_UNFINISHED = CHAMPIONS / ".unfinished"  # names the version that is being promoted
_HIGHEST = CHAMPIONS / ".highest"  # the highest number that a version ever had
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


_fields: dict[str, Any] = {key: (kind, ...) for key, kind in get_type_hints(Champion).items()}
_Content = create_model("_Content", __config__=ConfigDict(strict=True), **_fields)


def folder(version: int) -> Path:
    """Return where a version is."""
    return CHAMPIONS / str(version)


def current() -> Champion | None:
    """Return the present champion, if there is one.

    Raises:
        UserError: its champion.json is missing or damaged.
    """
    there = CHAMPION.is_symlink() or (CHAMPION / _ABOUT).is_file()
    return _read(CHAMPION) if there else None


def known() -> Champion | None:
    """Return the present champion, if there is one whose champion.json can be read."""
    return _try_read(CHAMPION)[0]


def versions() -> dict[int, Champion]:
    """Return all that are or were champion, by version; not what a killed promotion left.

    Those whose champion.json is missing or damaged are left out: `damaged` names them.
    """
    found = [known(), *(about for about, _ in map(_try_read, _places()))]
    return dict(sorted((about["version"], about) for about in found if about))


def damaged() -> list[str]:
    """Return a line about each version that `versions` leaves out."""
    return [problem for _, problem in map(_try_read, _places()) if problem]


def _places() -> list[Path]:
    killed = {_text(_UNFINISHED)} - {_linked()}
    found = {place.name for place in CHAMPIONS.glob("[0-9]*") if place.is_dir()} - killed
    return [folder(number) for number in sorted(int(name) for name in found if name.isdecimal())]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace").strip() if path.is_file() else ""


def _linked() -> str:
    """Return the number of the version that is champion, even where its folder is gone, or ""."""
    return CHAMPION.readlink().name if CHAMPION.is_symlink() else ""


def _read(place: Path) -> Champion:
    path = place / _ABOUT
    try:
        about: Champion = json.loads(path.read_text(encoding="utf-8"))
        _Content.model_validate(about)
    except FileNotFoundError:
        raise UserError(f"{path} is missing; {_advice(place)}") from None
    except ValidationError as error:
        raise UserError(f"{path} is damaged ({_explain(error)}); {_advice(place)}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged ({error}); {_advice(place)}") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); {_advice(place)}") from None
    return about


def _explain(error: ValidationError) -> str:
    """Say what is wrong with the first of the values, and what is allowed."""
    first = error.errors()[0]
    if not first["loc"]:
        return f"it must be a JSON object, not {first['input']!r:.60}"
    given = "" if first["type"] == "missing" else f", not {first['input']!r:.60}"
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}{given}"


def _advice(place: Path) -> str:
    if place != CHAMPION:
        return f"restore it, or remove {place}"
    return (
        "restore it, or make another champion, which cannot be compared with this one: "
        "`python -m animals10 promote EXPERIMENT --force REASON`"
    )


def _try_read(place: Path) -> tuple[Champion | None, str]:
    """Return what champion.json says, or why it cannot be read."""
    try:
        return _read(place), ""
    except UserError as error:
        return None, str(error)


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
    version = _highest() + 1
    place = folder(version)
    files.write_bytes(_UNFINISHED, str(version).encode())
    champion = Champion(
        **origin,
        version=version,
        sha256=hashlib.sha256(contents[MODEL]).hexdigest(),
        promoted=datetime.now(UTC).isoformat(timespec="seconds"),
        previous=_previous(),
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


def _previous() -> int | None:
    """Return the number of the present champion, be it damaged."""
    if present := known():
        return present["version"]
    return int(_linked()) if _linked().isdecimal() else None


def _clear() -> None:
    """Remove what a promotion left that did not come to its end; remember the highest number."""
    unfinished = _text(_UNFINISHED)
    if unfinished and unfinished != _linked():
        shutil.rmtree(CHAMPIONS / unfinished, ignore_errors=True)
    if (highest := str(_highest())) != _text(_HIGHEST):
        files.write_bytes(_HIGHEST, highest.encode())
    _UNFINISHED.unlink(missing_ok=True)


def _highest() -> int:
    """Return the highest number that a version ever had, though its folder may be removed."""
    numbers = [_text(_HIGHEST), _linked(), *(place.name for place in CHAMPIONS.glob("[0-9]*"))]
    return max((int(number) for number in numbers if number.isdecimal()), default=0)


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
        if not folder(present["previous"]).is_dir():
            raise UserError(f"{folder(present['previous'])} is missing; restore or promote another")
        before = _read(folder(present["previous"]))
        _require_whole(folder(present["previous"]), before)
        _point(present["previous"])
    return before, present


def _require_whole(place: Path, about: Champion) -> None:
    model = place / MODEL
    if not model.is_file():
        raise UserError(f"{model} is missing; restore it or promote another")
    if (digest := files.sha256(model)) != about["sha256"]:
        raise UserError(
            f"{model} has sha256 {digest}, not {about['sha256']} as {place / _ABOUT} says; restore "
            "it or promote another"
        )
    reference.check(Predictor(model))


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
    yield f"previous:  {describe_previous(champion)}"
    for problem in damaged():
        yield f"skipped:   {problem}"


def describe_previous(champion: Champion) -> str:
    """Name the version to which a rollback would go, in a clause."""
    version = champion["previous"]
    if not version:
        return "none"
    before = versions().get(version)
    return label(before) if before else f"version {version}, which is missing or damaged"
