from pathlib import Path
from typing import Any

import pytest
import yaml

from animals10.errors import UserError
from animals10.parameters import Parameters, load


def write(path: Path, values: Any) -> Path:
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


def test_the_projects_own_file_is_valid(values: dict[str, Any], tmp_path: Path) -> None:
    params = load(write(tmp_path / "params.yaml", values))
    assert params == Parameters.model_validate(values)
    assert params.finetune.rounds == 1


def test_an_exponent_without_a_dot_is_a_number(values: dict[str, Any], tmp_path: Path) -> None:
    text = yaml.safe_dump(values).replace("lr: 0.0001", "lr: 1e-4")
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")
    assert load(path).finetune.lr == 1e-4


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("finetune.lr", -1, "finetune.lr = -1 is not allowed: should be greater than 0"),
        ("finetune.lr", "high", "finetune.lr = 'high' is not allowed"),
        ("finetune.lr", float("inf"), "finetune.lr = inf is not allowed"),
        ("seed", True, "seed = True is not allowed: should be a valid integer"),
        ("train_cnn.epochs", 2.5, "train_cnn.epochs = 2.5 is not allowed"),
        ("fetch", 3, "fetch = 3 is not allowed: should be a block of keys"),
        ("train_cnn.filters", [8], "must have the same length, one per block"),
        ("backbone.name", "EfficientNetB9", "is not allowed; did you mean EfficientNetB"),
        ("backbone.name", "dinov2_small", "of KerasHub, say hub:dinov2_small"),
        ("split.test", 0.8, "must leave at least 0.1 for training"),
        ("finetune.lrr", 1, "unknown key finetune.lrr; did you mean finetune.lr?"),
        ("sede", 1, "unknown key sede; did you mean seed?"),
        ("xyz", 1, "unknown key xyz; allowed: seed, image_size, acceleration, fetch, "),
        ("embed.xyz", 1, "unknown key embed.xyz; allowed: augmented_copies, batch_size"),
        ("augment.flip", "yes", "augment.flip = 'yes' is not allowed: should be true or false"),
        ("fetch.sha256", "abc", "fetch.sha256 = 'abc' is not allowed: should be 64 hexadecimal"),
        ("finetune.patience", 0, "finetune.patience = 0 is not allowed: should be greater than"),
        ("fetch.source", "https://me:p@ss@host/x.zip", "fetch: source holds a user or password"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_it(
    key: str, value: Any, message: str, values: dict[str, Any], tmp_path: Path
) -> None:
    block = values
    *folders, last = key.split(".")
    for folder in folders:
        block = block[folder]
    block[last] = value
    with pytest.raises(UserError) as caught:
        load(write(tmp_path / "params.yaml", values))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "p@ss" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "weights", "unfreeze", "message"),
    [
        ("hub:", "preset", "1", "'hub:' is not allowed"),
        (
            "hub:data/small",
            "package",
            "1",
            "weights = 'package' is not allowed for hub:data/small; ",
        ),
        ("MobileNetV2", "preset", "all", "weights = 'preset' are of names that begin with hub:"),
        ("hub:data/small", "preset", "block4", "give the number of its last blocks to train, or a"),
        ("hub:data/small", "preset", 0, "finetune.unfreeze = '0' is not allowed for backbone.name"),
    ],
)
def test_a_preset_has_its_own_weights_and_counts_its_blocks(
    name: str,
    weights: str,
    unfreeze: str | int,
    message: str,
    values: dict[str, Any],
    tmp_path: Path,
) -> None:
    values["backbone"] |= {"name": "hub:data/small", "weights": "preset"}
    values["finetune"]["unfreeze"] = 2  # as DVC's -S writes it
    assert load(write(tmp_path / "params.yaml", values)).finetune.unfreeze == "2"
    values["backbone"] |= {"name": name, "weights": weights}
    values["finetune"]["unfreeze"] = unfreeze
    with pytest.raises(UserError) as caught:
        load(write(tmp_path / "params.yaml", values))
    assert message in str(caught.value)


def test_a_key_given_twice_is_one_line(values: dict[str, Any], tmp_path: Path) -> None:
    path = write(tmp_path / "params.yaml", values)
    path.write_text(path.read_text() + "seed: 7\n")
    with pytest.raises(UserError, match='duplicate key "seed" .* in line [0-9]+; keep one of them'):
        load(path)


def test_pools_must_fit_the_image(values: dict[str, Any], tmp_path: Path) -> None:
    values["image_size"] = 128
    values["train_cnn"]["pool_sizes"] = [8] * len(values["train_cnn"]["filters"])
    with pytest.raises(UserError, match="image_size = 128 is too small for train_cnn.pool_sizes"):
        load(write(tmp_path / "params.yaml", values))


def test_the_backbone_must_fit_the_image(values: dict[str, Any], tmp_path: Path) -> None:
    values["backbone"] = {"name": "InceptionV3", "weights": "none", "image_size": 64}
    with pytest.raises(UserError, match=r"too small for backbone.name = InceptionV3.*needs 75"):
        load(write(tmp_path / "params.yaml", values))


@pytest.mark.parametrize(
    ("name", "weights", "message"),
    [
        ("VGG16", "package", "'package' are of EfficientNetLite0, 1 and 2, not of VGG16; give"),
        (
            "EfficientNetLite2",
            "imagenet",
            "'imagenet' are Keras's, which has none of EfficientNetL",
        ),
    ],
)
def test_weights_belong_to_their_backbones(
    name: str, weights: str, message: str, values: dict[str, Any], tmp_path: Path
) -> None:
    values["backbone"] = {"name": name, "weights": weights}
    with pytest.raises(UserError, match=message):
        load(write(tmp_path / "params.yaml", values))


def test_a_missing_key_is_named(values: dict[str, Any], tmp_path: Path) -> None:
    del values["finetune"]["lr"]
    with pytest.raises(UserError, match=r"finetune\.lr is missing"):
        load(write(tmp_path / "params.yaml", values))


@pytest.mark.parametrize("text", ["a: [", "- 1\n- 2\n", ""])
def test_what_is_no_mapping_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="params.yaml"):
        load(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is missing"):
        load(tmp_path / "params.yaml")


@pytest.mark.parametrize(
    ("source", "backbone", "side"),
    [
        ("sample", {}, 128),
        ("photos.zip", {}, 260),
        ("photos.zip", {"name": "EfficientNetLite0"}, 224),
        ("photos.zip", {"name": "InceptionV3", "weights": "none"}, 299),
        ("photos.zip", {"image_size": 160}, 160),
        ("sample", {"image_size": 224}, 224),
    ],
)
def test_the_transfer_models_have_their_own_size(
    source: str, backbone: dict[str, Any], side: int, values: dict[str, Any], tmp_path: Path
) -> None:
    values["fetch"]["source"] = source
    values["backbone"] |= backbone
    params = load(write(tmp_path / "params.yaml", values))
    assert (params.backbone_size, params.image_size) == (side, 128)
