"""Against a real MLflow store in a temporary folder."""

import subprocess
import zipfile
from pathlib import Path
from typing import Any

import keras
import mlflow
import numpy as np
import pandas as pd
import pytest

from animals10 import models, outcome, tracking
from animals10.errors import UserError
from animals10.parameters import Parameters
from animals10.training import compile_model


@pytest.fixture
def params(values: dict[str, Any]) -> Parameters:
    return Parameters.model_validate(values)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_RUN_ID", "DVC_EXP_NAME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "splits.csv").write_text("path,label,split,sha256,group\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def runs() -> pd.DataFrame:
    return mlflow.search_runs(experiment_names=["animals10"])


@pytest.mark.usefixtures("project")
def test_stages_of_one_experiment_share_a_parent(
    params: Parameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    for experiment in ("brave-cat", "shy-dog"):
        monkeypatch.setenv("DVC_EXP_NAME", experiment)
        for stage in ("train_cnn", "evaluate"):
            with tracking.stage_run(stage, params) as run:
                mlflow.log_metric("test/accuracy", 0.5)
                tracking.log_to_experiment(run, {"test/accuracy": 0.5})
    table = runs()
    assert len(table) == 6
    parents = table[table["tags.level"] == "experiment"]
    assert set(parents["tags.mlflow.runName"]) == {"brave-cat", "shy-dog"}
    assert set(parents["status"]) == {"FINISHED"}
    assert set(parents["metrics.test/accuracy"]) == {0.5}
    assert set(parents["params.finetune.lr"]) == {"0.0001"}
    for _, parent in parents.iterrows():
        children = table[table["tags.mlflow.parentRunId"] == parent["run_id"]]
        assert set(children["tags.mlflow.runName"]) == {"train_cnn", "evaluate"}
        assert set(children["tags.experiment"]) == {parent["tags.mlflow.runName"]}
        assert children["tags.data"].str.fullmatch("[0-9a-f]{64}").all()


@pytest.mark.usefixtures("project")
def test_a_plain_repro_is_named_by_code_and_parameters(params: Parameters) -> None:
    other = params.model_copy(update={"seed": params.seed + 1})
    for chosen in (params, params, other):
        with tracking.stage_run("train_cnn", chosen):
            pass
    names = runs()["tags.experiment"]
    assert names.str.startswith("repro-").all()
    assert names.nunique() == 2


@pytest.mark.usefixtures("project")
def test_a_name_used_again_with_other_parameters_is_another_run(
    params: Parameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_EXP_NAME", "again")
    for chosen in (params, params.model_copy(update={"seed": 1})):
        with tracking.stage_run("train_cnn", chosen):
            pass
    parents = runs()[lambda table: table["tags.level"] == "experiment"]
    assert parents["params.seed"].tolist() == ["1", "42"]


@pytest.mark.usefixtures("project")
def test_a_failure_is_recorded_and_not_hidden(params: Parameters) -> None:
    with pytest.raises(RuntimeError, match="boom"), tracking.stage_run("train_cnn", params):
        raise RuntimeError("boom")
    assert set(runs()["status"]) == {"FAILED"}


def test_a_temporary_copy_logs_to_the_projects_store(
    project: Path, params: Parameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = project / ".dvc" / "tmp" / "exps" / "copy"
    (copy / "data").mkdir(parents=True)
    (copy / "data" / "splits.csv").write_text("path\n")
    monkeypatch.chdir(copy)
    with tracking.stage_run("train_cnn", params):
        mlflow.log_text("x", "note.txt")
    assert (project / "mlflow.db").is_file()
    assert list((project / "mlruns").rglob("note.txt"))
    assert not list(copy.rglob("mlruns"))


def test_a_run_id_in_the_environment_does_not_take_the_runs_place(
    project: Path, params: Parameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_RUN_ID", "0" * 32)
    with tracking.stage_run("train_cnn", params) as run:
        assert run.info.run_id != "0" * 32


def test_another_store_is_honoured(
    project: Path, params: Parameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"sqlite:///{project / 'elsewhere.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with tracking.stage_run("train_cnn", params):
        pass
    assert (project / "elsewhere.db").is_file()
    assert not (project / "mlflow.db").exists()


@pytest.mark.usefixtures("project")
def test_other_data_or_changed_code_is_another_run(params: Parameters) -> None:
    for text in ("path,label\n", "path,label\na,b\n"):
        Path("data/splits.csv").write_text(text)
        with tracking.stage_run("train_cnn", params):
            pass
    assert (runs()["tags.level"] == "experiment").sum() == 2
    for command in (
        ["git", "init", "--quiet"],
        ["git", "add", "data/splits.csv"],
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "x"],
    ):
        subprocess.run(command, check=True)
    Path("src").mkdir()
    Path("src/new.py").write_text("x = 1\n")
    subprocess.run(["git", "add", "src"], check=True)
    with tracking.stage_run("train_cnn", params):
        pass
    assert runs()["tags.revision"].str.fullmatch("[0-9a-f]{40}-dirty").sum() == 2


@pytest.mark.usefixtures("project")
def test_a_store_that_cannot_be_used_is_one_line(
    params: Parameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nonsense://x")
    message = "MLFLOW_TRACKING_URI = 'nonsense://x' cannot be used"
    with pytest.raises(UserError, match=message) as e, tracking.stage_run("train_cnn", params):
        pass
    assert "\n" not in str(e.value)


# MLflow's own, when it loads a model
@pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning")
def test_a_training_leaves_its_files_curves_and_model(project: Path, params: Parameters) -> None:
    settings = params.train_cnn.model_copy(
        update={"filters": [4], "convolutions": [1], "pool_sizes": [2]}
    )
    model = models.cnn(16, 2, settings)
    compile_model(model, settings)
    model.fit(np.zeros((4, 16, 16, 3)), np.zeros(4), verbose=0)
    history = pd.DataFrame(
        {"epoch": [1, 2], "loss": [2.0, 1.0], "accuracy": [0.1, 0.2], "val_loss": [2.0, 3.0],
         "val_accuracy": [0.3, 0.2], "lr": [0.1, 0.1]}
    )  # fmt: skip
    example = np.zeros((2, 16, 16, 3), "uint8")
    with tracking.stage_run("train_cnn", params):
        tracking.epoch_logger().on_epoch_end(0, {"loss": 2.0})
        outcome.save("cnn", "train_cnn", model, history, outcome.best_epoch(history), example)
    run = runs()[lambda table: table["tags.mlflow.runName"] == "train_cnn"].iloc[0]
    assert run["metrics.best_val_accuracy"] == 0.3
    assert run["params.lr"] == "0.001"
    assert mlflow.MlflowClient().get_metric_history(run["run_id"], "loss")[0].step == 1
    (logged,) = mlflow.search_logged_models(output_format="list")
    assert logged.name == "cnn"
    loaded = mlflow.pyfunc.load_model(logged.model_uri)
    assert loaded.metadata.signature.inputs.inputs[0].shape == (-1, 16, 16, 3)
    expected = keras.saving.load_model(project / "models/cnn.keras").predict(example, verbose=0)
    np.testing.assert_allclose(loaded.predict(example), expected, rtol=1e-5)
    np.testing.assert_array_equal(loaded.input_example, example)
    with zipfile.ZipFile(project / "models/cnn.keras") as archive:
        assert b"optimizer" not in archive.read("model.weights.h5")
    assert (project / "plots/history/cnn.csv").read_text().startswith("epoch,loss,accuracy")
    assert '"val_accuracy": 0.3' in (project / "metrics/train_cnn.json").read_text()
