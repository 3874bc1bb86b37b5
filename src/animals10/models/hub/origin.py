"""Where a preset of KerasHub comes from: a folder, Hugging Face, Kaggle, or KerasHub's own list.

A name on a hub may mean other files tomorrow. So it is pinned: to a commit of Hugging Face, or to a
version of Kaggle. The hubs' clients keep a copy on this machine.
"""

import difflib
import re
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from animals10 import files
from animals10.errors import UserError, quiet_import
from animals10.parameters import HUB

CONFIG, CONVERTER, WEIGHTS = "config.json", "image_converter.json", "model.weights.h5"
FILES = (CONFIG, CONVERTER, WEIGHTS)  # of a preset that decide a backbone; others are left
_HUGGING_FACE = re.compile(r"hf://(?P<repository>[^/@]+/[^/@]+)(?:@(?P<revision>[^@]+))?")
_KAGGLE = re.compile(r"kaggle://(?P<model>[^/]+/[^/]+/[^/]+/[^/]+)(?:/(?P<version>\d+))?")
_FORMS = (
    "give a folder, hf://OWNER/NAME, hf://OWNER/NAME@REVISION, kaggle://OWNER/MODEL/keras/VARIANT "
    "or one of KerasHub's own names"
)
Result = TypeVar("Result")


def find(name: str, pinned: str | None = None) -> Path | str:
    """Find a preset.

    Args:
        name: `backbone.name`, which begins with `hub:`.
        pinned: what it was pinned to before, which it stays.

    Returns:
        The folder on this machine; or the hub's name of it, with commit or version.

    Raises:
        UserError: KerasHub is not installed, there is no such preset, or the hub does not respond.
    """
    require_installed(name)
    preset = name.removeprefix(HUB)
    if "://" not in preset:
        folder = files.locate(preset)
        if folder.is_dir():
            return folder
    # What was read of a folder is a digest.
    return pinned if pinned and "://" in pinned else _pin(name, preset)


def require_installed(name: str) -> None:
    """Refuse a preset where KerasHub is not installed.

    Raises:
        UserError: it is not.
    """
    if not find_spec("keras_hub"):
        raise UserError(
            f"backbone.name = {name!r} needs KerasHub, which is not installed; run "
            "`make setup HUB=1`"
        )


def locate(name: str, origin: Path | str, file: str) -> Path:
    """Return the path of a preset's file, downloaded unless this machine has it already.

    Args:
        name: `backbone.name`.
        origin: as `find` returns it.
        file: one of `FILES`.

    Raises:
        UserError: it has no such file, or one outside its folder; or the hub does not respond.
    """
    if isinstance(origin, Path):
        path = origin / file
        if not path.is_file():
            raise UserError(f"backbone.name = {name!r}: {path} is missing; give a whole preset")
        if not path.resolve().is_relative_to(origin.resolve()):
            raise UserError(f"backbone.name = {name!r}: {path} leads out of its folder; copy it")
        return path
    if match := _HUGGING_FACE.fullmatch(origin):
        return _download(name, partial(_from_hugging_face, match, file))
    if match := _KAGGLE.fullmatch(origin):
        return _download(name, partial(_from_kaggle, match[0], file))
    raise UserError(f"backbone.name = {name!r} is no preset; {_FORMS}")


def collect(name: str, origin: Path | str) -> list[Path]:
    """Return the paths of `FILES`, in one folder.

    Args:
        name: `backbone.name`.
        origin: as `find` returns it.

    Raises:
        UserError: as `locate`.
    """
    return [locate(name, origin, file) for file in FILES]


def _pin(name: str, preset: str) -> str:
    """Name a hub's preset by commit or version."""
    if match := _HUGGING_FACE.fullmatch(preset):
        commit = _download(name, partial(_commit, match))
        return f"hf://{match['repository']}@{commit}"
    if match := _KAGGLE.fullmatch(preset):
        version = match["version"] or _download(name, partial(_version, match[0]))
        return f"kaggle://{match['model']}/{version}"
    if "://" in preset:
        raise UserError(f"backbone.name = {name!r} is of no hub that is known; {_FORMS}")
    if "/" in preset or files.locate(preset).exists():
        raise UserError(f"backbone.name = {name!r} is no folder; {_FORMS}")
    return _built_in(name, preset)


def _built_in(name: str, preset: str) -> str:
    with quiet_import():
        from keras_hub.models import Backbone  # it takes seconds

    known = Backbone.presets
    if preset not in known:
        near = difflib.get_close_matches(preset, known, n=1, cutoff=0.6)
        hint = f"did you mean {HUB}{near[0]}? " if near else ""
        raise UserError(
            f"backbone.name = {name!r} is no folder, and KerasHub has no preset of that name; "
            f"{hint}{_FORMS}"
        )
    return _pin(name, known[preset]["kaggle_handle"])


def _commit(match: re.Match[str]) -> str:
    from huggingface_hub import HfApi

    return str(HfApi().model_info(match["repository"], revision=match["revision"]).sha)


def _from_hugging_face(match: re.Match[str], file: str) -> Path:
    from huggingface_hub import HfApi

    return Path(HfApi().hf_hub_download(match["repository"], file, revision=match["revision"]))


def _version(handle: str) -> str:
    """Return the newest version of a model of Kaggle, which the path of its files ends with."""
    return _from_kaggle(handle, CONFIG).parent.name


def _from_kaggle(handle: str, file: str) -> Path:
    import kagglehub

    return Path(kagglehub.model_download(handle.removeprefix("kaggle://"), file))


def _download(name: str, action: Callable[[], Result]) -> Result:
    try:
        return action()
    except Exception as error:  # of two clients, which raise many kinds
        raise UserError(
            f"backbone.name = {name!r} cannot be downloaded: {' '.join(str(error).split())[:200]}; "
            "check the name, the network, and whether the hub wants you to log in and accept a "
            "licence, or give the path of a folder"
        ) from None
