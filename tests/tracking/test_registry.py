"""MLflow's registry follows what is champion on disk, in a real store in a temporary folder."""

import base64
import io
import json
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
from conftest import picture
from deployment import tiny_export
from deployment.champions import origin
from PIL import Image
from pipeline.project import ENVIRONMENT
from tracking import small_project

from animals10.deployment import champion
from animals10.deployment.predictor import Predictor
from animals10.images.decoding import decode
from animals10.tracking import provenance, registry, store, sync

# MLflow's own, when it saves an example and loads a model
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning"),
    pytest.mark.filterwarnings("ignore:Operation with range is deprecated:DeprecationWarning"),
]


@pytest.fixture(autouse=True)
def project(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_REGISTRY_URI"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path_factory.mktemp("registry") / "project"
    folder.mkdir()
    shutil.copy(small_project.empty_store(tmp_path_factory.getbasetemp()), folder)
    monkeypatch.chdir(folder)
    return folder


def add(seed: int) -> champion.Champion:
    with champion.lock():
        return champion.add(tiny_export.contents(seed), origin(), "a test")


def aliases() -> dict[str, str]:
    found = store.connect().client.get_registered_model("animals10").aliases
    return {alias: str(number) for alias, number in found.items()}


def test_the_registry_follows_promotions_and_rollbacks() -> None:
    assert list(registry.follow()) == []  # there is no champion, and so nothing to register
    add(1)
    assert list(registry.follow()) == [
        "registry: version 1 is animals10 version 1",
        "registry: champion is animals10 version 1",
    ]
    add(2)
    add(3)  # while MLflow was away, say
    assert list(registry.follow())[:2] == [
        "registry: version 2 is animals10 version 2",
        "registry: version 3 is animals10 version 3",
    ]
    assert aliases() == {"champion": "3", "previous": "2"}
    assert list(registry.follow()) == []
    for wanted in ({"champion": "2", "previous": "1"}, {"champion": "1"}):
        champion.rollback()
        assert list(registry.follow())
        assert aliases() == wanted
    assert list(registry.follow()) == []


def test_a_damaged_version_of_long_ago_is_passed_over() -> None:
    for seed in (1, 2, 3):
        add(seed)
    Path("models/champions/1/champion.json").write_text("[]")
    first, *others = registry.follow()
    assert first.startswith("registry: a version is skipped, since models/champions/1/champion.js")
    assert others[0] == "registry: version 2 is animals10 version 1"
    assert aliases() == {"champion": "2", "previous": "1"}


def test_a_sync_completes_the_registry_and_a_second_changes_nothing() -> None:
    add(1)
    assert list(sync.sync())[1:] == [
        "registry: version 1 is animals10 version 1",
        "registry: champion is animals10 version 1",
    ]
    assert list(sync.sync())[1:] == []


def test_a_version_says_where_it_comes_from_and_how_good_it_is() -> None:
    about = add(1)
    list(registry.follow())
    client = store.connect().client
    version = client.get_model_version_by_alias("animals10", "champion")
    keys = ("name", "version", "sha256", "experiment", "revision")
    facts = {key: str(value) for key, value in about.items() if key in keys}
    assert facts.items() <= version.tags.items()
    assert set(provenance.IDENTITY) <= set(version.tags)
    run = client.get_run(version.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics["validation/accuracy"] == 0.75
    (logged,) = store.connect().find_models(run.info.run_id)
    assert version.source == logged.artifact_location
    assert {each.key: each.value for each in logged.metrics or []}["test/loss"] == 1.0
    folder = Path(mlflow.artifacts.download_artifacts(logged.artifact_location))
    needed = (folder / "requirements.txt").read_text()
    assert "onnxruntime==" in needed
    assert "tensorflow" not in needed
    names = {path.name for path in folder.rglob("*")}
    assert {"model.onnx", "model.md", "model.reference.npz"} < names
    assert not {"uv.lock", "validation.csv"} & names


def test_the_same_file_is_the_same_version_whatever_its_number() -> None:
    """As where another clone has registered it, on the same server."""
    add(1)
    add(2)
    list(registry.follow())
    shutil.rmtree("models")
    add(3)
    again = add(2)
    assert again["version"] == 2
    assert list(registry.follow()) == [
        "registry: version 1 is animals10 version 3",
        "registry: previous is animals10 version 3",
    ]
    assert aliases() == {"champion": "2", "previous": "3"}


def test_what_a_kill_left_in_the_store_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    add(1)
    with monkeypatch.context() as patch:
        patch.setattr(registry, "_save", lambda *_: exit())
        with pytest.raises(SystemExit):
            list(registry.follow())
    list(registry.follow())
    records = store.connect()
    (run,) = records.search(level="champion")
    (model,) = records.client.search_logged_models([records.experiment_id])
    assert model.source_run_id == run.info.run_id


def test_a_store_that_cannot_be_used_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    add(1)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nonsense://me:secret@x")
    (line,) = registry.try_follow()
    assert line.startswith("MLflow does not respond (")
    assert line.endswith("; `make sync` completes the registry")
    assert "secret" not in line


def test_a_moved_project_has_its_registered_models(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(1)
    list(registry.follow())
    moved = project.with_name("moved")
    project.rename(moved)
    monkeypatch.chdir(moved)
    client = store.connect().client
    assert str(moved) in client.get_model_version_download_uri("animals10", "1")


def rows(content: bytes, top: int = 2) -> list[dict[str, Any]]:
    """Return what `predict --json` has of a photo, but for the file."""
    predictor = Predictor(Path("models/champion/model.onnx"))
    outputs = predictor.predict(decode(content, predictor.size)[None])
    row = predictor.describe("", outputs, 0, top)
    del row["file"]
    return [row]


@pytest.fixture
def loaded() -> "mlflow.pyfunc.PyFuncModel":
    add(1)
    list(registry.follow())
    client = store.connect().client
    number = client.get_model_version_by_alias("animals10", "champion").version
    return mlflow.pyfunc.load_model(client.get_model_version_download_uri("animals10", number))


def test_the_model_takes_bytes_base64_and_arrays(loaded: "mlflow.pyfunc.PyFuncModel") -> None:
    content = picture(1, kind="PNG")
    array = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    small = decode(content, tiny_export.SIZE)
    text = base64.encodebytes(content).decode()  # with line breaks
    expected = rows(content)
    for photo in (content, text, array, small):
        found = loaded.predict(pd.DataFrame({"image": [photo]}))
        assert found.to_dict("records") == expected
    several = loaded.predict(pd.DataFrame({"image": [picture(2), content]}), params={"top": 1})
    assert several.to_dict("records") == rows(picture(2), 1) + rows(content, 1)
    example = loaded.predict(loaded.input_example)
    assert list(example["class"]) == [rows(loaded.input_example["image"][0])[0]["class"]]
    assert len(loaded.predict(pd.DataFrame({"image": []}, dtype=object))) == 0


def test_a_photo_that_cannot_be_used_is_named(loaded: "mlflow.pyfunc.PyFuncModel") -> None:
    for photo, message in (
        (b"<!doctype html>", "not an image: HTML page"),
        ("?", "Only base64 data is allowed"),
        (np.zeros((4, 4), np.uint8), r"it is uint8\(4, 4\); give bytes of a file, base64"),
        (np.zeros((4, 4, 3), np.float32), r"it is float32\(4, 4, 3\)"),
        (np.zeros((0, 4, 3), np.uint8), r"it is uint8\(0, 4, 3\)"),
        (7, "it is int; give bytes"),
    ):
        photos = pd.DataFrame({"image": pd.Series([picture(1), photo], dtype=object)})
        with pytest.raises(mlflow.MlflowException, match=f"photo 1 cannot be used: {message}"):
            loaded.predict(photos)


@pytest.mark.slow
def test_mlflows_server_answers_a_photo_that_curl_sends(project: Path) -> None:
    add(1)
    list(registry.follow())
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    uri = {"MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"}
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local"]
    command += ["--model-uri", "models:/animals10@champion", "--port", port]
    content = picture(1)
    request = {"dataframe_records": [{"image": base64.b64encode(content).decode()}]}
    (project / "request.json").write_text(json.dumps(request))
    with subprocess.Popen(command, env=ENVIRONMENT | uri, start_new_session=True) as server:
        try:
            wait_for(f"http://127.0.0.1:{port}/ping")
            assert json.loads(curl(port)) == {"predictions": rows(content)}
            (project / "request.json").write_text(json.dumps(request | {"params": {"top": 1}}))
            assert json.loads(curl(port)) == {"predictions": rows(content, top=1)}
            (project / "request.json").write_text('{"dataframe_records": [{"image": "YWJj"}]}')
            assert (
                "photo 0 cannot be used: " in json.loads(curl(port, "--fail-with-body"))["message"]
            )
        finally:
            server.terminate()


def curl(port: str, *options: str) -> str:
    command = ["curl", "--silent", "--show-error", "--header", "Content-Type: application/json"]
    command += [*options, "--data", "@request.json", f"http://127.0.0.1:{port}/invocations"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == (22 if options else 0)  # of a status of 400 and above
    return done.stdout


def wait_for(url: str) -> None:
    for _ in range(600):
        try:
            requests.get(url, timeout=5).raise_for_status()
        except requests.RequestException:
            time.sleep(0.2)
        else:
            return
    pytest.fail("MLflow's server did not start within two minutes")
