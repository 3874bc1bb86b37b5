import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT

from animals10 import parameters
from animals10.data import inputs
from animals10.errors import UserError
from animals10.models import checks


@pytest.fixture
def project(photos: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a project's folder, beside the photos."""
    folder = photos.parent / "project"
    folder.mkdir()
    (folder / "dvc.yaml").write_text((ROOT / "dvc.yaml").read_text())
    (folder / "pinned").symlink_to(ROOT / "pinned")
    monkeypatch.chdir(folder)
    return folder


def given(values: dict[str, Any], **changes: str) -> parameters.Parameters:
    for key, value in changes.items():
        block, name = key.split("__")
        values[block][name] = value
    return parameters.Parameters.model_validate(values)


def digests(values: dict[str, Any], source: str = "../photos") -> dict[str, str]:
    return inputs.digests(checks.require(given(values, fetch__source=source)))


def test_the_sample_reads_no_file_of_the_users(values: dict[str, Any], project: Path) -> None:
    found = checks.require(given(values))
    assert {key for key, path in found.items() if path} == {"backbone.weights"}


def test_every_change_of_the_photos_is_seen(
    values: dict[str, Any], project: Path, photos: Path
) -> None:
    seen = [digests(values)["fetch.source"]]
    photo = photos / "cat" / "0.jpg"
    content = photo.read_bytes()
    stat = photo.stat()

    def change() -> str:
        seen.append(digests(values)["fetch.source"])
        return seen[-1]

    photo.write_bytes(content[::-1])
    os.utime(photo, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # of the same size and time
    assert change() not in seen[:-1]
    photo.write_bytes(content)
    assert change() == seen[0]
    (photos / "cat" / "new.jpg").write_bytes(content)
    assert change() not in seen[:-1]
    (photos / "cat" / "new.jpg").rename(photos / "dog" / "new.jpg")
    assert change() not in seen[:-1]
    (photos / "dog" / "new.jpg").unlink()
    assert change() == seen[0]
    (photos / "fox").mkdir()
    assert change() not in seen[:-1]


def test_what_does_not_change_the_photos_is_no_change(
    values: dict[str, Any], project: Path, photos: Path
) -> None:
    before = digests(values)
    os.utime(photos / "cat" / "0.jpg")
    (photos / ".DS_Store").write_bytes(b"x")
    assert digests(values) == before
    (project / ".inputs.json").write_text("{cut off")
    assert digests(values) == before


def test_a_pipe_is_not_waited_for(values: dict[str, Any], project: Path, photos: Path) -> None:
    os.mkfifo(photos / "cat" / "pipe.jpg")
    assert digests(values)["fetch.source"]


def test_unchanged_files_are_hashed_once(
    values: dict[str, Any], project: Path, photos: Path
) -> None:
    before = digests(values)
    cache = project / ".inputs.json"
    known = json.loads(cache.read_text())
    assert len([name for name in known if name.endswith(".jpg")]) == 12
    forged = {name: [*entry[:-1], "0" * 64] for name, entry in known.items()}
    cache.write_text(json.dumps(forged))
    assert digests(values) != before  # what is remembered is believed
    cache.unlink()
    assert digests(values) == before


@pytest.mark.usefixtures("project")
def test_data_that_no_stage_makes_any_more_are_named() -> None:
    made = ("data/train", "data/gone", "data/_stages/split/train", "data/_stages/split/splits.csv")
    outs = [{"path": path, "md5": "0" * 32} for path in (*made, "models/cnn.keras")]
    Path("dvc.lock").write_text(yaml.safe_dump({"stages": {"split": {"outs": outs}}}))
    for path in ("data/train", "data/_stages/split/train", "data/_stages/split/splits.csv"):
        Path(path).mkdir(parents=True)
    assert inputs.left_behind() == ["data/_stages/split/train", "data/train"]


def test_photos_may_lie_in_data_beside_the_outputs(values: dict[str, Any], project: Path) -> None:
    for name in ("data/cat", "data/dog", "data/_stages/split/train"):
        (project / name).mkdir(parents=True)
        (project / name / "1.jpg").write_bytes(b"x")
    before = digests(values, "data")
    (project / "data/_stages/split/train/1.jpg").write_bytes(b"y")
    assert digests(values, "data") == before


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("fetch__source", "nowhere", "fetch.source = 'nowhere' does not exist"),
        ("fetch__source", "data/_stages/split", r"inside one \(data/_stages\), which a stage remo"),
        ("fetch__source", ".", "is the project's own folder, or one around it"),
        ("fetch__source", "..", "is the project's own folder, or one around it"),
        ("backbone__weights", "~nobody-here/x.weights.h5", "weights = '~nobody-here/x"),
        ("backbone__weights", "models/cnn.keras", "is an output of the pipeline, or inside one"),
        ("split__pinned", "pinned/first.csv", "split.pinned = 'pinned/first.csv' is no file"),
    ],
)
def test_what_a_later_stage_would_refuse_is_refused(
    key: str, value: str, message: str, values: dict[str, Any], project: Path
) -> None:
    for name in ("data/_stages/split/cat", "models"):
        (project / name).mkdir(parents=True)
    (project / "models/cnn.keras").write_bytes(b"x")
    with pytest.raises(UserError, match=message):
        checks.require(given(values, **{key: value}))


def test_a_manifest_that_does_not_exist_is_refused(values: dict[str, Any], project: Path) -> None:
    changes = {"fetch__source": "../photos", "fetch__manifest": "labels.csv"}
    with pytest.raises(UserError, match=r"fetch.manifest = 'labels.csv' is not a file"):
        checks.require(given(values, **changes))
    (project / "labels.csv").write_text("path,label\n")
    with pytest.raises(UserError, match="has no row with a label"):
        checks.require(given(values, **changes))
    (project / "labels.csv").write_text("path,label\n1.jpg,cat\n")
    assert checks.require(given(values, **changes))["fetch.manifest"]


def test_what_names_no_file_is_not_kept_from_an_earlier_run(project: Path) -> None:
    """As after a folder of photos that fetch refused."""
    for name in ("stages", "src", "params.yaml"):
        (project / name).symlink_to(ROOT / name)
    record = project / inputs.RECORD
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps({"fetch.source": "0" * 64}))
    fetch = yaml.safe_load((ROOT / "params.yaml").read_text())["fetch"]
    lock = {"stages": {"fetch": {"params": {"params.yaml": {"fetch": fetch}}}}}
    (project / "dvc.lock").write_text(yaml.safe_dump(lock))
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "stages/check.py"]
    said = subprocess.check_output(command, env=environment, text=True)
    assert "is not here" not in said
    assert set(json.loads(record.read_text())) == {"backbone.weights"}


def test_outputs_in_a_link_out_of_the_project_are_refused(
    values: dict[str, Any], project: Path, tmp_path: Path
) -> None:
    (tmp_path / "disk").mkdir()
    (project / "data").symlink_to(tmp_path / "disk")
    with pytest.raises(UserError, match=r"^data/_stages.* leads out of the project by a link"):
        checks.require(given(values))


def test_photos_that_are_not_here_may_stay_as_they_were_read(
    values: dict[str, Any], project: Path, photos: Path
) -> None:
    params = given(values, fetch__source="../photos")
    record = project / "inputs.json"
    record.write_text(json.dumps(inputs.digests(checks.require(params))))
    assert inputs.read_recorded(record, params) == {}  # fetch has not run
    locked = {"fetch": values["fetch"], "backbone": values["backbone"]}
    stage = {"cmd": "", "params": {"params.yaml": locked}}
    lock = {"schema": "2.0", "stages": {"fetch": stage}}
    (project / "dvc.lock").write_text(yaml.safe_dump(lock))
    photos.rename(photos.with_name("moved"))
    recorded = inputs.read_recorded(record, params)
    assert set(recorded) == {"fetch.source", "backbone.weights"}
    found = checks.require(params, recorded)
    assert "fetch.source" not in found
    assert {key for key, path in found.items() if path} == {"backbone.weights"}
    # A dvc.lock of before there was a manifest.
    record.write_text(json.dumps(json.loads(record.read_text()) | {"fetch.manifest": "0" * 64}))
    locked["fetch"] = {key: locked["fetch"][key] for key in locked["fetch"] if key != "manifest"}
    (project / "dvc.lock").write_text(yaml.safe_dump(lock))
    assert {"fetch.source", "backbone.weights"} <= set(inputs.read_recorded(record, params))
    other = given(values, fetch__source="../elsewhere")
    assert "fetch.source" not in inputs.read_recorded(record, other)
    with pytest.raises(UserError, match="'../elsewhere' does not exist"):
        checks.require(other, inputs.read_recorded(record, other))
