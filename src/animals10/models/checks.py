"""What any stage would refuse, checked before the first one, without importing Keras."""

import json
import os
from collections.abc import Collection
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from animals10 import files
from animals10.data import inputs
from animals10.errors import UserError, quiet_import
from animals10.models import weights
from animals10.parameters import SMALLEST_IMAGE, Parameters

_BACKENDS = ("tensorflow", "jax")  # of which tests are
# What Keras asserts of keras.json while it is imported.
_ALLOWED = {
    "floatx": ("float16", "float32", "float64"),
    "image_data_format": ("channels_last", "channels_first"),
}


def require(params: Parameters, recorded: Collection[str] = ()) -> dict[str, Path]:
    """Refuse what a later stage could not begin with.

    Args:
        params: all of them.
        recorded: as `inputs.require` takes it.

    Returns:
        As `inputs.require`.

    Raises:
        UserError: as `require_backend` and `inputs.require`.
    """
    require_backend(params)
    weights_of = {"backbone.weights": lambda: weights.find(params.backbone)}
    return inputs.require(params, recorded, weights_of)


def require_backend(params: Parameters) -> None:
    """Refuse what no training could begin with.

    Args:
        params: all of them.

    Raises:
        UserError: Keras's backend is unknown, missing, or lacks the precision; its keras.json is
            wrong; or `finetune.unfreeze` names no layer.
    """
    settings, path = _keras_json()
    for key, allowed in _ALLOWED.items():
        if settings.get(key, allowed[0]) not in allowed:
            raise UserError(
                f"{path}: {key} = {settings[key]!r} is not allowed; give {' or '.join(allowed)}"
            )
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
    _require_layers(params)


def _keras_json() -> tuple[dict[str, Any], Path]:
    folder = os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")
    path = Path(folder) / "keras.json"
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # as Keras does
        return {}, path
    return settings if isinstance(settings, dict) else {}, path


def _require_layers(params: Parameters) -> None:
    """Unfreeze a backbone without weights, unless dvc.lock says that it was done before."""
    unfreeze, name = params.finetune.unfreeze, params.backbone.name
    if unfreeze == "all" or _was_trained(unfreeze, name):
        return
    with quiet_import():
        from animals10.models import backbones  # Keras takes seconds to import

    backbone = backbones.build(name, SMALLEST_IMAGE.get(name, 32))
    backbones.unfreeze(backbone, unfreeze)


def _was_trained(unfreeze: str, name: str) -> bool:
    stages = files.own_lock()["stages"]
    then = {
        stage: entry.get("params", {}).get("params.yaml", {}) for stage, entry in stages.items()
    }
    tuned = then.get("finetune", {}).get("finetune", {})
    return (then.get("embed", {}).get("backbone.name"), tuned.get("unfreeze")) == (name, unfreeze)
