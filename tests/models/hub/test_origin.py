"""Where a preset comes from, what it is pinned to, and what is refused of it."""

import json
import runpy
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT
from data import kaggle_server
from huggingface_hub import constants
from models.hub import hugging_face, presets
from models.hub.hugging_face import Server

from animals10 import files
from animals10.data import inputs
from animals10.errors import UserError
from animals10.models import checks, weights
from animals10.models.hub import description, origin
from animals10.models.hub.origin import CONFIG, CONVERTER, FILES, WEIGHTS
from animals10.parameters import Backbone, Parameters

pytest.importorskip("keras_hub", reason="needs KerasHub: make setup HUB=1")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("preset")
    presets.save("DINOV2", folder)
    return folder


@pytest.fixture
def preset(saved: Path, tmp_path: Path) -> Path:
    """Copy a preset, to be changed."""
    return Path(shutil.copytree(saved, tmp_path / "preset"))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    (folder / "pinned").mkdir(parents=True)
    for name in ("dvc.yaml", "pinned/none.csv"):
        shutil.copy(ROOT / name, folder / name)
    monkeypatch.chdir(folder)
    return folder


def given(values: dict[str, Any], name: str, unfreeze: str = "1", **backbone: Any) -> Parameters:
    values["backbone"] |= {"name": f"hub:{name}", "weights": "preset", **backbone}
    values["finetune"]["unfreeze"] = unfreeze
    return Parameters.model_validate(values)


@pytest.mark.usefixtures("project")
def test_a_folder_is_checked_before_any_work_and_read_again_when_it_changes(
    values: dict[str, Any], preset: Path
) -> None:
    found = checks.require(given(values, str(preset)))
    assert found["backbone.name"] == preset
    with pytest.raises(UserError, match=r"unfreeze = '4' is not allowed: the backbone has 3 bl"):
        checks.require(given(values, str(preset), unfreeze="4"))
    with pytest.raises(UserError, match=r"60 is not a multiple of 14, .* patch; give 56 or 70"):
        checks.require(given(values, str(preset), image_size=60))


@pytest.mark.usefixtures("project")
def test_damaged_weights_are_refused_before_any_work(values: dict[str, Any], preset: Path) -> None:
    path = preset / WEIGHTS
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=f"{WEIGHTS} cannot be loaded into DINOV2Backbone: .* give"):
        checks.require(given(values, str(preset)))
    path.unlink()
    with pytest.raises(UserError, match=f"{WEIGHTS} is missing; give a whole preset"):
        checks.require(given(values, str(preset)))


@pytest.mark.usefixtures("project")
def test_a_folder_that_changes_after_training_is_checked_again(
    values: dict[str, Any], preset: Path
) -> None:
    params = given(values, str(preset))
    files.write_json(
        files.STAGES / "fetch/preset.json", weights.provide(params.backbone, Path("weights"))
    )
    trained = {
        "fetch": {"backbone": params.backbone.model_dump()},
        "finetune": {"finetune": params.finetune.model_dump()},
    }
    stages = {name: {"cmd": "", "params": {"params.yaml": then}} for name, then in trained.items()}
    Path("dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))
    checks.require(params)
    (preset / WEIGHTS).write_bytes(b"")
    with pytest.raises(UserError, match="cannot be loaded into DINOV2Backbone"):
        checks.require(params)


OBJECT = {"module": "os", "class_name": "system", "config": {"command": "touch ran"}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"registered_name": "keras_hub>BertBackbone"}, "names 'keras_hub>BertBackbone', which is"),
        ({"registered_name": "evil>Backbone"}, "names 'evil>Backbone', which is not supported"),
        ({"registered_name": "Functional"}, "names 'Functional', which is not supported; give a"),
        ({"registered_name": None, "model_type": "vit"}, "names 'vit' of the library transformers"),
        ({"config": {"name": OBJECT}}, "its name is an object, where numbers and words"),
        ({"config": [1]}, "which is not supported"),
        ({"config": {"patch_size": "14"}}, "patch_size = '14' in the preset of .* is not allowed"),
        (
            {"config": {"patch_size": 14, "num_layers": -1, "nonsense": 2}},
            "cannot build the preset",
        ),
        ({"config": {"use_class_token": False}}, "its network has no class token; give another"),
    ],
)
@pytest.mark.usefixtures("project")
def test_what_is_no_preset_of_a_supported_family_is_one_line_and_nothing_runs(
    changes: dict[str, Any], message: str, values: dict[str, Any], preset: Path
) -> None:
    presets.edit(preset / CONFIG, **changes)
    with pytest.raises(UserError, match=message) as caught:
        checks.require(given(values, str(preset)))
    assert "\n" not in str(caught.value)
    assert not Path("ran").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"registered_name": None}, "names 'None', which is no image converter of KerasHub; give"),
        ({"registered_name": "keras_hub>BertTokenizer"}, "names 'keras_hub>BertTokenizer', which"),
        ({"config": None}, "is no image converter of KerasHub"),
        ({"config": {"scale": float("nan")}}, "does not say how pixels are scaled"),
        ({"config": {"offset": [0, 0, float("inf")]}}, "does not say how pixels are scaled"),
    ],
)
def test_what_is_no_image_converter_is_one_line(
    changes: dict[str, Any], message: str, preset: Path
) -> None:
    presets.edit(preset / CONVERTER, **changes)
    with pytest.raises(UserError, match=message):
        description.read(preset / CONFIG, preset / CONVERTER)


@pytest.mark.parametrize("file", [CONFIG, CONVERTER])
@pytest.mark.usefixtures("project")
def test_a_preset_that_is_not_whole_is_one_line(
    file: str, values: dict[str, Any], preset: Path
) -> None:
    path = preset / file
    path.write_text("{cut off")
    with pytest.raises(UserError, match=f"{file} is no JSON object"):
        checks.require(given(values, str(preset)))
    path.unlink()
    with pytest.raises(UserError, match=f"{file} is missing; give a whole preset"):
        checks.require(given(values, str(preset)))
    path.symlink_to("/etc/hostname")
    with pytest.raises(UserError, match="leads out of its folder"):
        checks.require(given(values, str(preset)))


def test_scales_of_older_presets_are_read(preset: Path) -> None:
    converter = json.loads((preset / CONVERTER).read_text())["config"]
    old = {"scale": 1 / 255, "mean": [0.485, 0.456, 0.406], "variance": [0.0524, 0.0502, 0.0506]}
    presets.edit(preset / CONVERTER, config=old)
    described = description.read(preset / CONFIG, preset / CONVERTER)
    assert described.scale == pytest.approx(converter["scale"], rel=0.01)
    assert described.offset == pytest.approx(converter["offset"], rel=0.01)
    presets.edit(preset / CONVERTER, config={"scale": [1, 2]})
    with pytest.raises(UserError, match="does not say how pixels are scaled"):
        description.read(preset / CONFIG, preset / CONVERTER)


@pytest.mark.parametrize(
    ("values", "own", "wanted", "most", "side"),
    [
        ({"patch_size": 14}, 518, None, 224, 224),
        ({"patch_size": 14}, 518, None, 128, 126),
        ({"patch_size": 14}, 518, 518, 518, 518),
        ({"patch_size": 14}, 70, None, 224, 70),
    ],
)
def test_no_more_pixels_than_asked_for_in_whole_patches(
    values: dict[str, Any], own: int, wanted: int | None, most: int, side: int
) -> None:
    described = description.Description("DINOV2Backbone", values, 1.0, 0.0, own)
    assert description.image_size(described, wanted, most) == side


def test_a_network_of_one_size_takes_no_other_and_no_larger_one_unasked() -> None:
    large = description.Description("ViTBackbone", {"patch_size": 16}, 1.0, 0.0, 384)
    assert description.image_size(large, 384, 384) == 384
    with pytest.raises(UserError, match=r"2.9 times as long as 224; give backbone.image_size = 38"):
        description.image_size(large, None, 224)
    with pytest.raises(UserError, match="images of 384 pixels alone; give 384 or null"):
        description.image_size(large, 224, 224)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dinov2_smal", "no folder, and KerasHub has no .* did you mean hub:dinov2_small?"),
        ("my/preset", "'hub:my/preset' is no folder; give a folder, hf://OWNER/NAME"),
        ("dvc.yaml", "'hub:dvc.yaml' is no folder; give a folder, hf://OWNER/NAME"),
        ("something else", "no preset of that name; give a folder, hf://OWNER/NAME"),
        ("s3://x/y", "is of no hub that is known; give a folder, hf://OWNER/NAME"),
        ("hf://only-one-part", "is of no hub that is known"),
    ],
)
@pytest.mark.usefixtures("project")
def test_a_name_that_is_none_is_one_line(name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        origin.find(f"hub:{name}")


def test_the_files_are_kept_by_their_content(preset: Path, tmp_path: Path) -> None:
    backbone = Backbone(name=f"hub:{preset}", weights="preset")
    about = weights.provide(backbone, tmp_path / "weights")
    assert about["preset"] == "preset"  # without the folders above it
    assert about["network"] == "DINOV2Backbone"
    kept = weights.provided(tmp_path / "weights")
    assert kept
    assert {path.name for path in kept.iterdir()} == set(FILES) == set(about["sha256"])
    described = weights.describe(backbone, tmp_path / "weights", 224)
    assert described == {"image_size": 70, "name": "preset"}


@pytest.fixture(scope="module")
def server(saved: Path) -> Iterator[Server]:
    with hugging_face.serve() as server:
        server.commits = {"a" * 40: saved, "b" * 40: saved}
        server.main = "a" * 40
        yield server


@pytest.fixture
def hub(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Let Hugging Face's client, which reads its environment once, ask the server."""
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, server.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    server.main = "a" * 40
    return server


def fetch(params: Parameters) -> Any:
    """Run the stage check, and what fetch does with a preset; return where it comes from."""
    Path("params.yaml").write_text(yaml.safe_dump(params.model_dump()))
    runpy.run_path(str(ROOT / "stages/check.py"))["main"]()
    return weights.provide(params.backbone, Path("weights"), inputs.read_pin())["preset"]


@pytest.mark.usefixtures("project")
def test_a_moving_name_is_pinned_and_a_second_run_needs_no_network(
    values: dict[str, Any], hub: Server
) -> None:
    params = given(values, "hf://owner/small")
    first = f"hf://owner/small@{'a' * 40}"
    assert fetch(params) == first
    locked = {"fetch": values["fetch"], "backbone": params.backbone.model_dump()}
    stages = {"fetch": {"cmd": "", "params": {"params.yaml": locked}}}
    Path("dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))
    hub.main = "b" * 40
    asked = hub.requests
    assert fetch(params) == first
    assert hub.requests == asked
    assert fetch(given(values, "hf://owner/small@main")) == f"hf://owner/small@{'b' * 40}"
    asked = hub.requests
    assert fetch(params) == first  # though another name was used in between
    assert hub.requests == asked


@pytest.mark.usefixtures("project", "hub")
def test_what_a_hub_does_not_know_is_one_line(values: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="'hub:hf://owner/other' cannot be downloaded: ") as caught:
        checks.require(given(values, "hf://owner/other"))
    assert str(caught.value).endswith("or give the path of a folder")
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("project", "hub")
def test_a_hub_that_does_not_respond_is_one_line(
    values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UserError, match="cannot be downloaded: .* check the name, the network"):
        checks.require(given(values, "hf://owner/small"))


class Kaggle(kaggle_server.Handler):
    """Answers what kagglehub asks to download a model's files without an account."""

    folder = Path()

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.endswith("/GetModelInstance"):
            self.reply(json.dumps({"versionNumber": 3}).encode(), "application/json")
        else:
            assert asked["versionNumber"] == 3
            self.reply((self.folder / asked["path"]).read_bytes(), "application/octet-stream")


@pytest.mark.usefixtures("project")
def test_a_name_on_kaggle_is_pinned_to_its_version(
    values: dict[str, Any], saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Kaggle.folder = saved
    with kaggle_server.serve(Kaggle, tmp_path / "cache", monkeypatch):
        assert fetch(given(values, "kaggle://keras/dinov2/keras/small")) == (
            "kaggle://keras/dinov2/keras/small/3"
        )
