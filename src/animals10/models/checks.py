"""What any stage would refuse, checked before the first one, without importing Keras."""

import json
import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from animals10 import files
from animals10.data import inputs
from animals10.errors import UserError, quiet_import
from animals10.models import weights
from animals10.models.hub import description, origin
from animals10.parameters import SMALLEST_IMAGE, Parameters

_BACKENDS = ("tensorflow", "jax")  # those that are tested
# What Keras asserts of keras.json while it is imported.
_ALLOWED = {
    "floatx": ("float16", "float32", "float64"),
    "image_data_format": ("channels_last", "channels_first"),
}

_PRESET = files.STAGES / "fetch/preset.json"


def require(
    params: Parameters,
    recorded: Mapping[str, str] | None = None,
    pins: Mapping[str, str] | None = None,
) -> inputs.Found:
    """Refuse what a later stage could not begin with.

    Args:
        params: all of them.
        recorded: as `inputs.read_recorded` returns it.
        pins: by `backbone.name`, the commit or version of a hub that it means.

    Returns:
        As `inputs.require`.

    Raises:
        UserError: as `require_backend` and `inputs.require`; a preset of KerasHub is not
            supported or not whole; or `finetune.unfreeze` names no layer.
    """
    require_backend(params)
    recorded, pins, name = recorded or {}, pins or {}, params.backbone.name
    finders: inputs.Finders = {"backbone.weights": lambda: weights.find(params.backbone)}
    if params.backbone.is_hub:
        origin.require_installed(name)
        finders["backbone.name"] = lambda: origin.find(name, pins.get(name))
    found = inputs.require(params, recorded, finders)
    preset = found.get("backbone.name")
    if not _was_trained(params) or (isinstance(preset, Path) and _was_changed(name, preset)):
        _require_layers(params, preset)
    return found


def require_backend(params: Parameters) -> None:
    """Refuse what no training could begin with.

    Args:
        params: all of them.

    Raises:
        UserError: Keras's backend is unknown, missing, or lacks the precision; or its keras.json is
            wrong.
    """
    settings, path = _keras_json()
    for key, allowed in _ALLOWED.items():
        if settings.get(key, allowed[0]) not in allowed:
            raise UserError(
                f"{path}: {key} = {settings[key]!r} is not allowed; give {' or '.join(allowed)}"
            )
    if not isinstance(settings.get("epsilon", 1e-7), float):
        raise UserError(f"{path}: epsilon = {settings['epsilon']!r} is not allowed; give 1e-7")
    backend = os.environ.get("KERAS_BACKEND") or settings.get("backend", "tensorflow")
    if backend not in _BACKENDS:
        raise UserError(
            f"Keras's backend is {backend!r}, by KERAS_BACKEND or {path}; allowed: "
            f"{', '.join(_BACKENDS)}: set KERAS_BACKEND to one of them"
        )
    if not find_spec(backend):
        raise UserError(
            f"Keras's backend is {backend!r}, by KERAS_BACKEND or {path}, but not installed; "
            "install it, or set KERAS_BACKEND to another"
        )
    if params.train_cnn.precision == "bfloat16" and backend != "tensorflow":
        raise UserError(
            f"train_cnn.precision = 'bfloat16' needs TensorFlow; Keras's backend is {backend!r}: "
            "give float32"
        )


def _keras_json() -> tuple[dict[str, Any], Path]:
    folder = os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")
    path = Path(folder) / "keras.json"
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # as Keras does
        return {}, path
    return settings if isinstance(settings, dict) else {}, path


def _require_layers(params: Parameters, preset: Path | str | None) -> None:
    """Unfreeze a backbone without weights; a preset's is None where it is not here any more."""
    unfreeze, name = params.finetune.unfreeze, params.backbone.name
    if params.backbone.is_hub:
        if preset is None:
            return
        config, converter, _ = paths = origin.collect(name, preset)
        described = description.read(config, converter)
        side = description.image_size(described, params.backbone.image_size, params.backbone_size)
    elif unfreeze == "all":
        return
    with quiet_import():
        from animals10.models import backbones  # Keras takes seconds to import
        from animals10.models.hub import network

    if params.backbone.is_hub:
        backbone = network.load(paths[0].parent, side)
    else:
        backbone = backbones.build(name, SMALLEST_IMAGE.get(name, 32))
    backbones.unfreeze(backbone, unfreeze)


def _was_changed(name: str, preset: Path) -> bool:
    """Whether a preset's folder has other files than fetch found there."""
    then = inputs.read_json(_PRESET).get("sha256")
    return then != {path.name: files.sha256(path) for path in origin.collect(name, preset)}


def _was_trained(params: Parameters) -> bool:
    """Whether dvc.lock says that this was done before."""
    stages = files.own_lock()["stages"]
    then = {
        stage: entry.get("params", {}).get("params.yaml", {}) for stage, entry in stages.items()
    }
    backbone = then.get("fetch", {}).get("backbone")
    tuned = then.get("finetune", {}).get("finetune", {})
    return (backbone, str(tuned.get("unfreeze"))) == (
        params.backbone.model_dump(), params.finetune.unfreeze,
    )  # fmt: skip
