"""Against a real MLflow store in a temporary folder."""

import hashlib
import os
import platform
import random
import socket
import time
from functools import partial
from pathlib import Path
from typing import Any

import keras
import mlflow
import numpy as np
import pandas as pd
import psutil
import pytest
import yaml

from animals10 import models, outcome, tracking
from animals10.parameters import Parameters
from animals10.training import compile_model


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: dict[str, Any]) -> Path:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_RUN_ID", "DVC_EXP_NAME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "data/_stages/split").mkdir(parents=True)
    splits = "path,label,split,sha256,group\n"
    (tmp_path / "data/_stages/split/splits.csv").write_text(splits)
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics" / "split.json").write_text('{"train": 7}')
    stage = {"deps": ["data/_stages/fetch/photos.zip", "code.py"], "params": ["seed"]}
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"split": stage}}))
    (tmp_path / "code.py").write_text("pass\n")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def change(name: str, text: str) -> None:
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def visit(stage: str = "train_cnn") -> None:
    """Run a stage that does nothing but leave a complete record."""
    with tracking.stage_run(stage) as record:
        record.attempt(lambda: record.complete(Path("params.yaml")))


def runs() -> pd.DataFrame:
    return mlflow.search_runs(experiment_names=["animals10"])


@pytest.mark.usefixtures("project")
def test_stages_of_one_experiment_share_a_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    for experiment in ("brave-cat", "shy-dog"):
        monkeypatch.setenv("DVC_EXP_NAME", experiment)
        for stage in ("train_cnn", "evaluate"):
            with tracking.stage_run(stage) as record:
                record.log_metrics({"test/accuracy": 0.5})
                record.log_metrics({"test/accuracy": 0.5}, parent=True)
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
        assert children["tags.data"].str.fullmatch("[0-9a-f]{32}").all()


@pytest.mark.parametrize(
    ("name", "text", "named"),
    [
        ("params.yaml", "seed: 1\n", True),
        ("data/_stages/split/splits.csv", "path,label\na,b\n", False),
        ("code.py", "exit()\n", False),
    ],
)
def test_other_code_data_or_parameters_are_another_experiment(
    project: Path, name: str, text: str, named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if named:
        monkeypatch.setenv("DVC_EXP_NAME", "again")
    visit()
    visit()
    assert (runs()["tags.level"] == "experiment").sum() == 1
    change(name, text)
    visit()
    table = runs()
    assert (table["tags.level"] == "experiment").sum() == 2
    names = set(table["tags.experiment"])
    assert names == {"again"} if named else len(names) == 2


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("error", "status"), [(RuntimeError("boom"), "FAILED"), (SystemExit(130), "KILLED")]
)
def test_a_failure_is_recorded_and_not_hidden(error: BaseException, status: str) -> None:
    with pytest.raises(type(error)), tracking.stage_run("train_cnn"):
        raise error
    assert set(runs()["status"]) == {status}


@pytest.mark.usefixtures("project")
def test_a_stage_run_again_replaces_its_unfinished_run() -> None:
    for _ in range(2):
        with pytest.raises(RuntimeError), tracking.stage_run("train_cnn"):
            raise RuntimeError
    visit()
    table = runs()
    assert (table["tags.level"] == "stage").sum() == 1
    assert set(table["status"]) == {"FINISHED"}


def test_a_temporary_copy_logs_to_the_projects_store(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = project / ".dvc" / "tmp" / "exps" / "copy"
    (copy / "data/_stages/split").mkdir(parents=True)
    for name in ("data/_stages/split/splits.csv", "params.yaml", "dvc.yaml", "code.py"):
        (copy / name).write_text((project / name).read_text())
    monkeypatch.chdir(copy)
    change("notes/note.txt", "x")
    with tracking.stage_run("train_cnn") as record:
        record.log_files(["notes/note.txt"])
    assert (project / "mlflow.db").is_file()
    assert list((project / "mlruns").rglob("note.txt"))
    assert not list(copy.rglob("mlruns"))


@pytest.mark.usefixtures("project")
def test_a_run_id_in_the_environment_does_not_take_the_runs_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_RUN_ID", "0" * 32)
    with tracking.stage_run("train_cnn") as record:
        assert record.run_id != "0" * 32


def test_another_store_is_honoured(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{project / 'elsewhere.db'}")
    visit()
    assert (project / "elsewhere.db").is_file()
    assert not (project / "mlflow.db").exists()


@pytest.mark.usefixtures("project")
def test_a_store_that_cannot_be_used_costs_no_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nonsense://x")
    with tracking.stage_run("train_cnn") as record:
        tracking.epoch_logger(record).on_epoch_end(0, {"loss": 2.0})
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("MLflow does not answer (")
    assert line.endswith("`make sync` completes its record")


@pytest.mark.usefixtures("project")
def test_the_same_result_again_replaces_its_record() -> None:
    for _ in range(2):
        visit()
    assert (runs()["tags.level"] == "stage").sum() == 1


@pytest.mark.usefixtures("project")
def test_a_live_run_is_left_alone() -> None:
    begun = int(psutil.Process(os.getppid()).create_time())
    for other, left in ((0, 2), (100, 1)):  # a process, and what had its number before a restart
        with tracking.stage_run("train_cnn") as record:
            process = f"{platform.node()} {os.getppid()} {begun - other}"
            record.client.set_tag(record.run_id, "process", process)
            with tracking.stage_run("train_cnn"):
                assert (runs()["tags.level"] == "stage").sum() == left
        for run in runs()["run_id"]:
            record.client.delete_run(run)


def test_mlflow_draws_nothing_from_the_trainings_random_numbers() -> None:
    random.seed(1)
    expected = random.random()  # noqa: S311
    random.seed(1)
    tracking.Record().attempt(random.random)
    assert random.random() == expected  # noqa: S311


@pytest.mark.usefixtures("project")
def test_a_server_that_hangs_costs_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{silent.getsockname()[1]}")
        start = time.perf_counter()
        with tracking.stage_run("train_cnn") as record:
            for epoch in range(5):
                tracking.epoch_logger(record).on_epoch_end(epoch, {"loss": 2.0})
        assert time.perf_counter() - start < 15
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_model_that_cannot_be_logged_leaves_none_in_the_store(project: Path) -> None:
    """Its run keeps its metrics, and is deleted with the model when the stage runs again."""
    for name in ("metrics", "models", "plots/history"):
        (project / name).mkdir(parents=True, exist_ok=True)
    table = "epoch,loss,accuracy,val_loss,val_accuracy,lr\n1,2.0,0.1,2.0,0.3,0.1\n"
    (project / "plots/history/cnn.csv").write_text(table)
    (project / "models/cnn.keras").write_bytes(b"")
    for _ in range(2):
        with tracking.stage_run("train_cnn") as record:
            record.attempt(partial(tracking.log_training, record, "train_cnn"))
    run = runs()[lambda table: table["tags.mlflow.runName"] == "train_cnn"].iloc[0]
    assert run["metrics.best_val_accuracy"] == 0.3
    (logged,) = mlflow.search_logged_models([run["experiment_id"]], output_format="list")
    assert logged.source_run_id == run["run_id"]


# MLflow's own, when it loads a model
@pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning")
@pytest.mark.parametrize("curves", [False, True])
def test_a_training_leaves_its_files_curves_and_model(
    project: Path, values: dict[str, Any], curves: bool
) -> None:
    settings = Parameters.model_validate(values).train_cnn.model_copy(
        update={"filters": [4], "convolutions": [1], "pool_sizes": [2]}
    )
    model = models.cnn(16, 2, settings)
    compile_model(model, settings)
    history = pd.DataFrame(
        {"epoch": [1, 2], "loss": [2.0, 1.0], "accuracy": [0.1, 0.2], "val_loss": [2.0, 3.0],
         "val_accuracy": [0.3, 0.2], "lr": [0.1, 0.1]}
    )  # fmt: skip
    for _ in range(2):  # the second takes the first one's place
        with tracking.stage_run("train_cnn") as record:
            if not curves:
                for epoch, row in enumerate(history.drop(columns="epoch").to_dict("records")):
                    tracking.epoch_logger(record).on_epoch_end(epoch, row)
            outcome.save("cnn", "train_cnn", model, history, outcome.best_epoch(history))
            tracking.log_training(record, "train_cnn", curves=curves)
    run = runs()[lambda table: table["tags.mlflow.runName"] == "train_cnn"].iloc[0]
    assert run["tags.complete"] == "yes"
    assert run["metrics.best_val_accuracy"] == 0.3
    assert run["params.lr"] == "0.001"
    losses = mlflow.MlflowClient().get_metric_history(run["run_id"], "loss")
    assert [(metric.step, metric.value) for metric in losses] == [(1, 2.0), (2, 1.0)]
    (logged,) = mlflow.search_logged_models([run["experiment_id"]], output_format="list")
    assert (logged.name, logged.status) == ("cnn", "READY")
    assert {metric.key: metric.value for metric in logged.metrics}["best_val_accuracy"] == 0.3
    assert logged.params["lr"] == "0.001"
    loaded = mlflow.pyfunc.load_model(logged.model_uri)
    assert loaded.metadata.signature.inputs.inputs[0].shape == (-1, 16, 16, 3)
    example = np.zeros((1, 16, 16, 3), "uint8")
    facts = loaded.metadata.metadata
    assert {"code", "data", "parameters", "revision", "machine", "versions"} <= set(facts)
    assert (facts["params"], facts["photos"]) == (values, {"train": 7})
    splits = (project / "data/_stages/split/splits.csv").read_bytes()
    assert facts["splits_sha256"] == hashlib.sha256(splits).hexdigest()
    expected = keras.saving.load_model(project / "models/cnn.keras").predict(example, verbose=0)
    np.testing.assert_allclose(loaded.predict(example), expected, rtol=1e-5)
    np.testing.assert_array_equal(loaded.input_example, example)
