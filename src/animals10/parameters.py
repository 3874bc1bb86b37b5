"""The parameters of params.yaml: their types, their bounds, and what to say when one is wrong."""

import difflib
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import YAMLError

from animals10 import files
from animals10.errors import UserError

# A whole number will do, and what DVC's -S leaves as text; everything else must have its type.
Float = Annotated[float, Field(strict=False, allow_inf_nan=False)]
Fraction = Annotated[Float, Field(ge=0, lt=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Rate = Annotated[Float, Field(gt=0, le=1)]
Count = Annotated[int, Field(ge=1)]
ImageSize = Annotated[int, Field(ge=32, le=1024)]  # side in pixels
Acceleration = Literal["auto", "off"]
# Of keras.applications, and EfficientNet-Lite.
BACKBONES = (
    *("Xception", "VGG16", "VGG19", "ResNet50", "ResNet50V2", "ResNet101", "ResNet101V2"),
    *("ResNet152", "ResNet152V2", "InceptionV3", "InceptionResNetV2"),
    *(f"EfficientNetB{number}" for number in range(8)),
    *(f"EfficientNetV2B{number}" for number in range(4)),
    *("MobileNetV2", "MobileNetV3Small", "MobileNetV3Large", "ConvNeXtTiny"),
    *(f"EfficientNetLite{number}" for number in range(3)),
)
LITE = "EfficientNetLite"  # not of Keras, so without weights of Keras
HUB = "hub:"  # before the name of a preset of KerasHub, which has its own weights
# Of the side of images, in pixels; 32 for all others.
SMALLEST_IMAGE = {"Xception": 71, "InceptionV3": 75, "InceptionResNetV2": 75}
# That they were trained at; 224 for all others.
OWN_IMAGE = {
    **dict.fromkeys(("Xception", "InceptionV3", "InceptionResNetV2"), 299),
    **{
        f"EfficientNetB{i}": size for i, size in enumerate((224, 240, 260, 300, 380, 456, 528, 600))
    },
    **{f"EfficientNetV2B{i}": size for i, size in enumerate((224, 240, 260, 300))},
    **{f"EfficientNetLite{i}": size for i, size in enumerate((224, 240, 260))},
}
_SAMPLE_IMAGE = 128  # pixels; drawn animals have no more detail
# In words where pydantic's would not tell what to write.
_RULES = {
    "bool_type": "should be true or false",
    "model_type": "should be a block of keys",
    "string_pattern_mismatch": "should be 64 hexadecimal digits",  # of sha256, the one pattern
}


class Block(BaseModel):
    """A block of parameters: unknown keys are errors, values are fixed once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class LargestPixels(Block):
    """Pixels that a photo may have, by its format; with these bounds decoding takes below 1 GiB."""

    jpeg: Annotated[int, Field(ge=1, le=250_000_000)] = 250_000_000
    other: Annotated[int, Field(ge=1, le=100_000_000)] = 100_000_000


class Fetch(Block):
    """Where the photos come from."""

    source: Annotated[str, Field(min_length=1)]
    manifest: Annotated[str, Field(min_length=1)] | None
    images_per_class: Annotated[int, Field(ge=3, le=100_000)]
    seed: Seed
    sha256: Annotated[str, Field(pattern="^[0-9a-fA-F]{64}$")] | None
    smallest_side: Count
    largest_pixels: LargestPixels = LargestPixels()

    @model_validator(mode="after")
    def _no_password(self) -> "Fetch":
        if re.match(r"https?://[^/?#]*@", self.source, re.IGNORECASE):
            raise ValueError(
                "source holds a user or password, which DVC, git and MLflow would keep; write them "
                "into ~/.netrc (machine HOST login USER password PASSWORD), and give the bare URL"
            )
        return self

    @model_validator(mode="after")
    def _one_file(self) -> "Fetch":
        if self.sha256 and self.source in ("sample", "kaggle"):
            raise ValueError(
                f"sha256 is that of an archive; source = {self.source!r} is none: give null"
            )
        if self.manifest and self.source == "sample":
            raise ValueError("manifest is of photos; source = 'sample' needs none: give null")
        return self


class Split(Block):
    """Fractions of each class that go to validation and to test."""

    validation: Annotated[Fraction, Field(gt=0)]
    test: Annotated[Fraction, Field(gt=0)]
    pinned: Annotated[str, Field(min_length=1)]
    seed: Seed
    near_duplicates: Annotated[int, Field(ge=0, le=128)] | None
    decode: Literal["ahead", "on_the_fly"] = "ahead"

    @model_validator(mode="after")
    def _leave_training_images(self) -> "Split":
        if self.validation + self.test > 0.9:
            raise ValueError("validation + test must leave at least 0.1 for training")
        return self


class Backbone(Block):
    """The pre-trained network under the transfer models."""

    name: str
    weights: Annotated[str, Field(min_length=1)]
    image_size: ImageSize | None = None

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in BACKBONES and not re.match(f"{HUB}.", name):
            near = difflib.get_close_matches(name, BACKBONES, n=1, cutoff=0.6)
            hint = f"did you mean {near[0]}? " if near else ""
            raise ValueError(
                f"{name!r} is not allowed; {hint}known are {', '.join(BACKBONES)}; of KerasHub, "
                f"say {HUB}dinov2_small"
            )
        return name

    @property
    def is_hub(self) -> bool:
        """Whether it is a preset of KerasHub."""
        return self.name.startswith(HUB)

    @model_validator(mode="after")
    def _weights_of_the_name(self) -> "Backbone":
        is_lite = self.name.startswith(LITE)
        if self.is_hub and self.weights != "preset":
            raise ValueError(
                f"weights = {self.weights!r} is not allowed for {self.name}; give preset: its own"
            )
        if self.weights == "preset" and not self.is_hub:
            raise ValueError(
                f"weights = 'preset' are of names that begin with {HUB}, not of {self.name}; give "
                "imagenet, package, none, or the path of a file"
            )
        if self.weights == "package" and not is_lite:
            raise ValueError(
                f"weights = 'package' are of {LITE}0, 1 and 2, not of {self.name}; give imagenet, "
                "none, or the path of a file"
            )
        if self.weights == "imagenet" and is_lite:
            raise ValueError(
                f"weights = 'imagenet' are Keras's, which has none of {self.name}; give package, "
                "none, or the path of a file"
            )
        return self


class Augment(Block):
    """Bounds of the random transforms of training images."""

    rotation: Annotated[Float, Field(ge=0, le=180)]
    shift: Fraction
    zoom: Fraction
    shear: Annotated[Float, Field(ge=0, lt=90)]
    flip: bool

    def select(self, which: Literal["none", "flip", "all"]) -> "Augment | None":
        """Give the transforms of a choice: all, the flip alone, or None for none."""
        if which == "flip":
            return Augment(rotation=0, shift=0, zoom=0, shear=0, flip=self.flip)
        return self if which == "all" else None


class Embed(Block):
    """How the frozen backbone's features are computed."""

    augmented_copies: Annotated[int, Field(ge=0, le=100)]
    batch_size: Count


class Training(Block):
    """What every training stage has in common."""

    optimizer: Literal["adam", "adamw", "nadam", "rmsprop", "sgd"]
    lr: Rate
    schedule: Literal["constant", "cosine"]
    warmup: Fraction
    label_smoothing: Fraction
    epochs: Count
    batch_size: Count
    patience: Count
    class_weights: bool


class TrainCnn(Training):
    """The scratch CNN and its training."""

    filters: Annotated[list[Count], Field(min_length=1)]
    convolutions: Annotated[list[Count], Field(min_length=1)]
    pool_sizes: Annotated[list[Count], Field(min_length=1)]
    kernel_size: Annotated[int, Field(ge=1, le=15)]
    activation: Literal["relu", "elu", "gelu", "leaky_relu", "selu", "silu", "tanh"]
    batch_norm_momentum: Fraction
    dense: Count
    dropout: Annotated[list[Fraction], Field(min_length=2, max_length=2)]
    augment: Literal["none", "flip", "all"]
    precision: Literal["float32", "bfloat16"]

    @model_validator(mode="after")
    def _same_blocks(self) -> "TrainCnn":
        if not len(self.filters) == len(self.convolutions) == len(self.pool_sizes):
            raise ValueError(
                "filters, convolutions and pool_sizes must have the same length, one per block"
            )
        return self


class TrainFrozen(Training):
    """The head on the frozen backbone's features."""

    feature_length: Annotated[Float, Field(gt=0)] | None
    dense: Count
    dropout: Fraction


class Finetune(Training):
    """The rounds of training with the backbone unfrozen."""

    rounds: Count
    # A number becomes text: DVC's -S makes a number of it.
    unfreeze: Annotated[
        str, Field(min_length=1), BeforeValidator(lambda x: str(x) if type(x) is int else x)
    ]
    average_flips: bool


class Export(Block):
    """When a prediction is unsure, and whether there are further models."""

    accepted_accuracy: Annotated[Float, Field(gt=0, le=1)]
    unfamiliar: Fraction
    int8: bool
    litert: bool


class Robustness(Block):
    """How much is measured of robustness to corrupted photos."""

    full: bool


class Parameters(Block):
    """All of params.yaml."""

    seed: Seed
    image_size: ImageSize
    acceleration: Acceleration
    fetch: Fetch
    split: Split
    backbone: Backbone
    augment: Augment
    train_cnn: TrainCnn
    embed: Embed
    train_frozen: TrainFrozen
    finetune: Finetune
    export: Export
    robustness: Robustness

    @model_validator(mode="after")
    def _enough_pixels(self) -> "Parameters":
        smallest = math.prod(self.train_cnn.pool_sizes)
        if self.image_size < smallest:
            raise ValueError(
                f"image_size = {self.image_size} is too small for train_cnn.pool_sizes, "
                f"which need {smallest}"
            )
        needed = SMALLEST_IMAGE.get(self.backbone.name, 32)
        if self.backbone_size < needed:
            raise ValueError(
                f"backbone.image_size = {self.backbone_size} is too small for backbone.name = "
                f"{self.backbone.name}, which needs {needed}"
            )
        return self

    @model_validator(mode="after")
    def _blocks_of_a_preset(self) -> "Parameters":
        unfreeze = self.finetune.unfreeze
        counts = unfreeze.isdecimal() and int(unfreeze) > 0
        if self.backbone.is_hub and not counts and unfreeze != "all":
            raise ValueError(
                f"finetune.unfreeze = {unfreeze!r} is not allowed for backbone.name = "
                f"{self.backbone.name}; give the number of its last blocks to train, or all"
            )
        return self

    @property
    def backbone_size(self) -> int:
        """The side of the transfer models' images in pixels: what null means is decided here.

        Of a preset of KerasHub the most that null means; `hub.description` knows what it was
        trained at.
        """
        is_sample = self.fetch.source == "sample"
        own = _SAMPLE_IMAGE if is_sample else OWN_IMAGE.get(self.backbone.name, 224)
        return self.backbone.image_size or own


def load(path: Path = Path("params.yaml")) -> Parameters:
    """Read and check every parameter of a file.

    Raises:
        UserError: naming each wrong key, its value, what is allowed and the nearest known key.
    """
    try:
        values = files.parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing; run from the project's folder") from None
    except DuplicateKeyError as error:
        line = error.problem_mark.line + 1
        raise UserError(f"{path}: {error.problem} in line {line}; keep one of them") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise UserError(f"{path} must hold `key: value` lines; got {type(values).__name__}")
    try:
        return Parameters.model_validate(values)
    except ValidationError as error:
        explained = (_explain(detail) for detail in error.errors())
        raise UserError(f"{path}: " + "; ".join(explained)) from None


def _explain(error: ErrorDetails) -> str:
    key = ".".join(map(str, error["loc"])) or "parameters"
    if error["type"] == "extra_forbidden":
        return f"unknown key {key}; {_suggest(key)}"
    if error["type"] == "missing":
        return f"{key} is missing; add it"
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    rule = _RULES.get(error["type"], message)
    if error["type"] == "value_error":  # a rule on several values names them itself
        return rule if key == "parameters" else f"{key}: {rule}"
    return f"{key} = {error['input']!r} is not allowed: {rule}"


def _suggest(key: str) -> str:
    known = [other for other in _known_keys(Parameters) if not key.startswith(f"{other}.")]
    if nearest := difflib.get_close_matches(key, known, n=1):
        return f"did you mean {nearest[0]}?"
    block = key.rpartition(".")[0]
    beside = (other.rpartition(".") for other in known)
    return "allowed: " + ", ".join(name for of, _, name in beside if of == block)


def _known_keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield prefix + name
        inner: Any = field.annotation
        if isinstance(inner, type) and not get_args(inner) and issubclass(inner, BaseModel):
            yield from _known_keys(inner, f"{prefix}{name}.")
