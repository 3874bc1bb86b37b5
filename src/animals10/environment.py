"""What Keras will find on this machine, told without the seconds that importing it takes."""

import json
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from animals10 import pipeline
from animals10.errors import UserError
from animals10.parameters import SMALLEST_IMAGE, Parameters

_BACKENDS = ("tensorflow", "jax")  # of which tests are
# What Keras asserts of keras.json while it is imported.
_ALLOWED = {
    "floatx": ("float16", "float32", "float64"),
    "image_data_format": ("channels_last", "channels_first"),
}


def require(params: Parameters) -> None:
    """Refuse what no training could begin with.

    Args:
        params: all of them.

    Raises:
        UserError: Keras's backend is unknown, missing, or lacks the precision; its keras.json is
            wrong; or `finetune.unfreeze` names no layer.
    """
    settings, place = _keras_json()
    for key, allowed in _ALLOWED.items():
        if settings.get(key, allowed[0]) not in allowed:
            raise UserError(
                f"{place}: {key} = {settings[key]!r} is not allowed; give {' or '.join(allowed)}"
            )
    backend = os.environ.get("KERAS_BACKEND") or settings.get("backend", "tensorflow")
    if backend not in _BACKENDS:
        raise UserError(
            f"Keras's backend is {backend!r}, by KERAS_BACKEND or {place}; allowed: "
            f"{', '.join(_BACKENDS)}: set KERAS_BACKEND to one of them"
        )
    if not find_spec(backend):
        raise UserError(
            f"Keras's backend is {backend!r}, by KERAS_BACKEND or {place}, but not installed; "
            "install it, or set KERAS_BACKEND to another"
        )
    if params.train_cnn.precision == "bfloat16" and backend != "tensorflow":
        raise UserError(
            f"train_cnn.precision = 'bfloat16' needs TensorFlow; Keras's backend is {backend!r}: "
            "give float32"
        )
    _require_layers(params)


def _keras_json() -> tuple[dict[str, Any], Path]:
    folder = os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")  # noqa: PTH111
    place = Path(folder) / "keras.json"
    try:
        settings = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # as Keras does
        return {}, place
    return settings if isinstance(settings, dict) else {}, place


def _require_layers(params: Parameters) -> None:
    """Unfreeze a backbone without weights, unless dvc.lock says that it was done before."""
    known = {"unfreeze": params.finetune.unfreeze, "views": params.finetune.views}
    name = params.backbone.name
    if known == {"unfreeze": "all", "views": None} or _was_trained(known, name):
        return
    from animals10 import backbones  # Keras takes seconds to import

    backbone = backbones.build(name, SMALLEST_IMAGE.get(name, 32))
    backbones.unfreeze(backbone, params.finetune.unfreeze)
    if params.finetune.views is not None:
        backbones.cut(backbone)


def _was_trained(known: dict[str, Any], name: str) -> bool:
    stages = pipeline.own_lock()["stages"]
    then = {
        stage: entry.get("params", {}).get("params.yaml", {}) for stage, entry in stages.items()
    }
    tuned = then.get("finetune", {}).get("finetune", {})
    embedded = then.get("embed", {}).get("backbone.name")
    return embedded == name and {key: tuned.get(key) for key in known} == known
