"""What a preset says: which network, for what images, and how their pixels are scaled.

A preset is data that strangers made. Its class is looked up here, by name, and its arguments may be
numbers and words alone, so that reading it runs nothing that it names.
"""

import json
import math
import re
from pathlib import Path
from typing import Any, NamedTuple

from animals10.errors import UserError

_TRAINED_AT = 224  # pixels, where a preset does not say; no preset is taken larger unasked


class Family(NamedTuple):
    """What networks of a class have in common."""

    size_key: str = "image_shape"  # of the argument that has the shape of images
    fixed_size: bool = False  # whether they take images of no other size than the preset's


FAMILIES = {
    "DINOV2Backbone": Family(),
    "DINOV3Backbone": Family(),
    "ViTBackbone": Family(fixed_size=True),
    "EfficientNetBackbone": Family(size_key="input_shape"),
    "ResNetBackbone": Family(),
}


class Description(NamedTuple):
    """A preset's network and preprocessing.

    `values` are the arguments of the class `name` of KerasHub; `scale` and `offset` make of pixels
    of 0..255 what the network takes, a number or three; `own_size` is the side in pixels of the
    images that it was trained at.
    """

    name: str
    values: dict[str, Any]
    scale: float | list[float]
    offset: float | list[float]
    own_size: int


def read(config: Path, converter: Path) -> Description:
    """Read a preset's config.json and image_converter.json.

    Raises:
        UserError: they are none, or name what is not supported.
    """
    written = _read_json(config)
    name = str(written.get("registered_name", "")).removeprefix("keras_hub>")
    if name not in FAMILIES or not isinstance(written.get("config"), dict):
        raise UserError(
            f"{config} names {_named(written)}, which is not supported; give a preset of "
            f"{', '.join(FAMILIES)}"
        )
    values = {key: value for key, value in written["config"].items() if key != "dtype"}
    if bad := [key for key, value in values.items() if not _is_plain(value)]:
        raise UserError(
            f"{config} is not supported: its {bad[0]} is an object, where numbers and words are "
            "allowed; give a preset as KerasHub saves it"
        )
    if values.get("use_class_token") is False:  # of ViT, whose other tokens say nothing of all
        raise UserError(
            f"{config} is not supported: its network has no class token; give another preset"
        )
    scale, offset, size = _preprocessing(converter)
    return Description(name, values, scale, offset, _side(values, name) or size or _TRAINED_AT)


def _named(written: dict[str, Any]) -> str:
    for key, library in (("model_type", "transformers"), ("architecture", "timm")):
        if "registered_name" not in written and key in written:
            return f"{written[key]!r} of the library {library}"
    return repr(written.get("registered_name"))


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str)


def _side(values: dict[str, Any], name: str) -> int | None:
    shape = values.get(FAMILIES[name].size_key)
    side = shape[0] if isinstance(shape, list) and shape else None
    return side if isinstance(side, int) else None


def _preprocessing(path: Path) -> tuple[Any, Any, int | None]:
    """Return scale, offset, and the side of images, if it is known."""
    written = _read_json(path)
    values, name = written.get("config"), str(written.get("registered_name"))
    if not isinstance(values, dict) or not re.fullmatch(r"keras_hub>\w*ImageConverter", name):
        raise UserError(
            f"{path} names {name!r}, which is no image converter of KerasHub; give a preset as "
            "KerasHub saves it"
        )
    scale, offset, size = (values.get(key) for key in ("scale", "offset", "image_size"))
    try:
        if "variance" in values:  # as presets of 2024 have it
            deviations = [math.sqrt(each) for each in values["variance"]]
            offset = [-mean / each for mean, each in zip(values["mean"], deviations, strict=True)]
            scale = [float(scale or 1) / each for each in deviations]
        size = int(size[0]) if size else None
        return _numbers(scale, 1.0), _numbers(offset, 0.0), size
    except (KeyError, TypeError, ValueError, ArithmeticError):
        raise UserError(
            f"{path} does not say how pixels are scaled: its scale and offset must be a number, or "
            "one for each of three channels; give a preset as KerasHub saves it"
        ) from None


def _numbers(value: Any, default: float) -> float | list[float]:
    if isinstance(value, list):
        red, green, blue = value
        return [_finite(red), _finite(green), _finite(blue)]
    return default if value is None else _finite(value)


def _finite(value: Any) -> float:
    if not math.isfinite(number := float(value)):
        raise ValueError(number)
    return number


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        content = None
    if not isinstance(content, dict):
        raise UserError(f"{path} is no JSON object; give a preset as KerasHub saves it")
    return content


def image_size(preset: Description, wanted: int | None, most: int) -> int:
    """Decide the side of a preset's images in pixels.

    Args:
        preset: as `read` returns it.
        wanted: `backbone.image_size`; None for the preset's own, but no more than `most`.
        most: pixels; `Parameters.backbone_size`.

    Raises:
        UserError: its network takes no images of this size.
    """
    if FAMILIES[preset.name].fixed_size:
        return _fixed_size(preset.own_size, wanted)
    patch = preset.values.get("patch_size", 1)
    if not isinstance(patch, int) or patch < 1:
        raise UserError(
            f"patch_size = {patch!r} in the preset of backbone.name is not allowed; give a preset "
            "as KerasHub saves it"
        )
    fitting = (wanted or min(preset.own_size, most)) // patch * patch
    if wanted not in (None, fitting):
        raise UserError(
            f"backbone.image_size = {wanted} is not a multiple of {patch}, the preset's patch; "
            f"give {fitting} or {fitting + patch}"
        )
    return fitting


def _fixed_size(own: int, wanted: int | None) -> int:
    if own > _TRAINED_AT and not wanted:
        raise UserError(
            f"the preset of backbone.name takes images of {own} pixels alone, which take "
            f"{(own / _TRAINED_AT) ** 2:.1f} times as long as {_TRAINED_AT}; give "
            f"backbone.image_size = {own}, or another preset"
        )
    if wanted not in (None, own):
        raise UserError(
            f"backbone.image_size = {wanted} is not allowed: the preset of backbone.name takes "
            f"images of {own} pixels alone; give {own} or null"
        )
    return own
