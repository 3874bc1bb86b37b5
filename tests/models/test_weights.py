"""Which weights a parameter names, and what reaches the pipeline."""

from pathlib import Path

import pytest

from animals10.errors import UserError
from animals10.models import backbones, weights
from animals10.parameters import Backbone


def backbone(given: str) -> Backbone:
    return Backbone(name="EfficientNetB0", weights=given)


def test_none_gives_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights/old.weights.h5").touch()
    weights.provide(backbone("none"), tmp_path / "weights")
    assert list((tmp_path / "weights").iterdir()) == []
    assert weights.provided(tmp_path / "weights") is None


@pytest.mark.parametrize(
    ("given", "kept"),
    [("mine.weights.h5", "backbone.weights.h5"), ("mine.h5", "backbone.h5")],
)
def test_a_file_is_copied_under_the_suffix_keras_knows(
    given: str, kept: str, tmp_path: Path
) -> None:
    network, path = backbones.build("MobileNetV3Small", 32), tmp_path / given
    network.save_weights(path) if kept == "backbone.weights.h5" else network.save(path)
    chosen = Backbone(name="MobileNetV3Small", weights=str(path))
    weights.provide(chosen, tmp_path / "weights")
    file = weights.provided(tmp_path / "weights")
    assert file == tmp_path / "weights" / kept
    assert file.read_bytes() == path.read_bytes()


def test_a_file_of_another_backbone_is_one_line_and_leaves_the_old(tmp_path: Path) -> None:
    path = tmp_path / "small.weights.h5"
    backbones.build("MobileNetV3Small", 32).save_weights(path)
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights/old.weights.h5").touch()
    with pytest.raises(UserError, match=r"small.weights.h5 cannot be loaded into Eff") as caught:
        weights.provide(backbone(str(path)), tmp_path / "weights")
    assert "\n" not in str(caught.value)
    assert (tmp_path / "weights/old.weights.h5").exists()


def test_no_such_file_is_one_line() -> None:
    with pytest.raises(UserError, match=r"weights = 'packege' is not a file; give package, image"):
        weights.find(backbone("packege"))
