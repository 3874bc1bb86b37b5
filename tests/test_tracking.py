"""Against a real MLflow store in a temporary folder."""

import contextlib
import hashlib
import json
import os
import platform
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import keras
import mlflow
import numpy as np
import pandas as pd
import psutil
import pytest
import yaml

from animals10 import models, pipeline
from animals10.parameters import Parameters
from animals10.tracking import provenance, results, store
from animals10.tracking.record import Record, stage_run
from animals10.training import compile_model

# MLflow's own, when it loads a model
pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning")
HISTORY = "epoch,loss,accuracy,val_loss,val_accuracy,lr\n1,2,0.1,2,0.3,4e-07\n2,1,0.2,3,0.2,1e-07\n"
INFO = ("run_id", "experiment_id", "status", "start_time", "end_time")
BEST = {"epoch": 1, "loss": 2.0, "accuracy": 0.1, "val_loss": 2.0, "val_accuracy": 0.3}


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a store once, which takes a second, for projects to begin with a copy."""
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        store.connect()
    return folder / "mlflow.db"


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: dict[str, Any], empty_store: Path
) -> Path:
    """Make a project whose split has run, with the code of one file and a CNN of 16 pixels."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_RUN_ID", "DVC_EXP_NAME"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copy(empty_store, folder)
    monkeypatch.chdir(folder)
    write("data/_stages/split/splits.csv", "path,label,split,sha256,group\n")
    write("metrics/split.json", '{"train": 7}')
    write("metrics/train_cnn.json", json.dumps({"parameters": 5, **BEST}))
    write("models/classes.json", '["cat", "dog"]')
    write("plots/history/cnn.csv", HISTORY)
    write("code.py", "pass\n")
    write("params.yaml", yaml.safe_dump(values))
    train = {"desc": "train it", "deps": [provenance.SPLITS, "code.py"], "params": ["seed"]}
    evaluate = {"deps": ["models/cnn.keras"]}
    stages = {"split": {}, "train_cnn": train, "evaluate": evaluate}
    write("dvc.yaml", yaml.safe_dump({"stages": stages}))
    lock(provenance.SPLITS)
    settings = Parameters.model_validate(values).train_cnn.model_copy(
        update={"filters": [4], "convolutions": [1], "pool_sizes": [2]}
    )
    model = models.cnn(16, 2, settings)
    compile_model(model, settings)
    model.save("models/cnn.keras")
    return folder


def write(name: str, text: str) -> None:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def lock(*outs: str) -> None:
    """Write what DVC does after a stage has run."""
    made = [{"path": path, "md5": pipeline.md5(Path(path).read_bytes())} for path in outs]
    write("dvc.lock", yaml.safe_dump({"schema": "2.0", "stages": {"split": {"outs": made}}}))


def train(model: bytes | None = None) -> None:
    """Run a training that leaves the files that are there, or another model."""
    with stage_run("train_cnn"):
        if model:
            Path("models/cnn.keras").write_bytes(model)


def runs() -> pd.DataFrame:
    client, place = store.connect()
    return pd.DataFrame(
        {
            **{f"tags.{key}": value for key, value in run.data.tags.items()},
            **{f"params.{key}": value for key, value in run.data.params.items()},
            **{f"metrics.{key}": value for key, value in run.data.metrics.items()},
            **{key: value for key, value in dict(run.info).items() if key in INFO},
        }
        for run in client.search_runs([place])
    )


@contextlib.contextmanager
def without_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the final record of a stage be empty, for tests of runs alone."""
    with monkeypatch.context() as patch:
        patch.setattr(results, "write", lambda *_: None)
        yield


def parents() -> pd.DataFrame:
    return runs().query("`tags.level` == 'experiment'")


def stages() -> pd.DataFrame:
    return runs().query("`tags.level` == 'stage'")


@pytest.mark.usefixtures("project")
def test_stages_of_one_experiment_share_a_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    write("metrics/evaluate.json", "{}")
    for experiment in ("brave-cat", "it's-shy"):
        monkeypatch.setenv("DVC_EXP_NAME", experiment)
        for stage in ("train_cnn", "evaluate"):
            with without_files(monkeypatch), stage_run(stage):
                pass
    table = parents()
    assert set(table["tags.mlflow.runName"]) == {"brave-cat", "it's-shy"}
    assert set(table["status"]) == {"FINISHED"}
    assert set(table["params.finetune.lr"]) == {"0.0001"}
    assert table["tags.mlflow.note.content"].str.startswith("Experiment ").all()
    for _, parent in table.iterrows():
        children = stages().query(f"`tags.mlflow.parentRunId` == '{parent['run_id']}'")
        assert set(children["tags.mlflow.runName"]) == {"train_cnn", "evaluate"}
        assert set(children["tags.experiment"]) == {parent["tags.mlflow.runName"]}
        assert children["tags.data"].str.fullmatch("[0-9a-f]{32}").all()
        assert "stages/train_cnn.py" in set(children["tags.mlflow.source.name"])


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("name", "text", "named"),
    [
        ("params.yaml", "seed: 1\nfetch: {source: sample}\n", True),
        ("data/_stages/split/splits.csv", "path,label\na,b\n", False),
        ("data/_stages/fetch/weights", "other", False),
        ("code.py", "exit()\n", False),
    ],
)
def test_other_code_data_weights_or_parameters_are_another_experiment(
    name: str, text: str, named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if named:
        monkeypatch.setenv("DVC_EXP_NAME", "again")
    with without_files(monkeypatch):
        train()
        train()
        assert len(parents()) == 1
        write(name, text)
        lock(provenance.SPLITS, *[name] * name.startswith("data/"))
        train()
    table = parents()
    assert len(table) == 2
    names = set(table["tags.experiment"])
    assert names == {"again"} if named else len(names) == 2


@pytest.mark.usefixtures("project")
def test_what_a_finished_run_says_never_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by the same result again, nor by another: that begins an experiment of its own."""
    write("metrics/evaluate.json", "{}")
    with without_files(monkeypatch):
        train(b"one")
        lock(provenance.SPLITS, "models/cnn.keras")
        with stage_run("evaluate"):
            pass
        before = runs().set_index("run_id")
        train(b"one")
        with stage_run("evaluate"):
            pass
        pd.testing.assert_frame_equal(runs().set_index("run_id"), before)
        train(b"two")  # as on another machine, or with a backbone changed by hand
        lock(provenance.SPLITS, "models/cnn.keras")
        write("metrics/evaluate.json", '{"cnn": {}}')
        with stage_run("evaluate"):
            pass
    after = runs().set_index("run_id")
    pd.testing.assert_frame_equal(after.loc[before.index], before, check_like=True)
    assert (after["tags.level"] == "experiment").sum() == 2
    assert len(after) == 2 * len(before)


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("error", "status"), [(RuntimeError("boom"), "FAILED"), (SystemExit(130), "KILLED")]
)
def test_a_failure_is_recorded_and_not_hidden(error: BaseException, status: str) -> None:
    with pytest.raises(type(error)), stage_run("train_cnn"):
        raise error
    assert set(runs()["status"]) == {status}


@pytest.mark.usefixtures("project")
def test_a_stage_run_again_replaces_its_unfinished_run(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        with pytest.raises(RuntimeError), stage_run("train_cnn"):
            raise RuntimeError
    with without_files(monkeypatch):
        train()
    assert set(stages()["status"]) == set(parents()["status"]) == {"FINISHED"}
    assert len(runs()) == 2


@pytest.mark.parametrize("uri", [None, "sqlite:///own.db"])
def test_a_temporary_copy_logs_to_the_projects_store(
    project: Path, uri: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if uri:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    copy = project / ".dvc/tmp/exps/copy"
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns("*.db"))
    monkeypatch.chdir(copy)
    train()
    assert (project / (uri or "sqlite:///mlflow.db").rpartition("/")[2]).is_file()
    assert list((project / "mlruns").rglob("cnn.csv"))
    assert not [*copy.rglob("mlruns"), *copy.rglob("*.db")]


@pytest.mark.parametrize("name", ["moved", "what?now 100%"])
def test_a_moved_or_copied_project_has_its_artifacts_beside_it(
    project: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_EXP_NAME", "first")
    train()
    before = sorted(project.rglob("*"))
    copy = project.with_name(name)
    shutil.copytree(project, copy)
    monkeypatch.chdir(copy)
    monkeypatch.setenv("DVC_EXP_NAME", "second")
    train()
    assert sorted(project.rglob("*")) == before
    assert sorted(folder.name for folder in copy.parent.iterdir()) == sorted([name, "project"])
    shutil.rmtree(project)
    client, _ = store.connect()
    assert len(stages()) == 2
    for run in stages()["run_id"]:
        (model,) = store.find_models(client, client.get_run(run))
        assert mlflow.pyfunc.load_model(model.artifact_location)
        assert Path(client.download_artifacts(run, "plots/history/cnn.csv")).is_file()


@pytest.mark.usefixtures("project")
def test_a_run_id_in_the_environment_does_not_take_the_runs_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_RUN_ID", "0" * 32)
    with without_files(monkeypatch):
        train()
    assert "0" * 32 not in set(runs()["run_id"])


@pytest.mark.usefixtures("project")
def test_a_store_that_cannot_be_used_costs_no_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nonsense://me:secret@x")
    with stage_run("train_cnn") as epochs:
        epochs.on_epoch_end(0, {"loss": 2.0})
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("MLflow does not answer (")
    assert line.endswith("the run goes on without it: see `make sync`")
    assert "secret" not in line


@pytest.mark.usefixtures("project")
def test_a_defect_of_our_own_is_told_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    Path("metrics/train_cnn.json").unlink()
    train()
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("the MLflow record fails ([Errno 2] No such file")
    log = Path(line.partition(" is in ")[2].partition(";")[0])
    assert "Traceback" in log.read_text()
    log.unlink()


@pytest.mark.usefixtures("project")
def test_a_live_run_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = int(psutil.Process(os.getppid()).create_time())
    for other, left in ((0, 2), (100, 1)):  # a process, and what had its number before a restart
        client, _ = store.connect()
        with without_files(monkeypatch), stage_run("train_cnn"):
            (run,) = stages()["run_id"]
            process = f"{platform.node()} {os.getppid()} {begun - other}"
            client.set_tag(run, "process", process)
            with contextlib.suppress(mlflow.MlflowException), stage_run("train_cnn"):
                assert len(stages()) == left
        for run in runs()["run_id"]:
            client.delete_run(run)


def test_mlflow_draws_nothing_from_the_trainings_random_numbers() -> None:
    random.seed(1)
    expected = random.random()  # noqa: S311
    random.seed(1)
    Record("train_cnn").attempt(random.random)
    assert random.random() == expected  # noqa: S311


@pytest.mark.usefixtures("project")
def test_a_server_that_hangs_costs_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{silent.getsockname()[1]}")
        start = time.perf_counter()
        with stage_run("train_cnn") as epochs:
            for epoch in range(5):
                epochs.on_epoch_end(epoch, {"loss": 2.0})
        assert time.perf_counter() - start < 15
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_model_that_cannot_be_logged_leaves_none_in_the_store(project: Path) -> None:
    """Its run keeps its metrics, and is deleted with the model when the stage runs again."""
    (project / "models/cnn.keras").write_bytes(b"")
    for _ in range(2):
        train()
    (run,) = stages().to_dict("records")
    assert run["metrics.best_val_accuracy"] == 0.3
    client, place = store.connect()
    (logged,) = client.search_logged_models([place])
    assert logged.source_run_id == run["run_id"]


def test_a_training_leaves_its_files_curves_and_model(
    project: Path, values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_EXP_NAME", "brave-cat")
    with stage_run("train_cnn") as epochs:  # the second epoch was not shown, say
        epochs.on_epoch_end(0, {"loss": 2.0, "val_loss": 2.0, "learning_rate": 4e-7})
    client, _ = store.connect()
    (run,) = stages().to_dict("records")
    assert run["tags.complete"] == "yes"
    assert run["metrics.best_val_accuracy"] == 0.3
    assert run["params.lr"] == "0.001"
    assert not [name for name in run if "learning_rate" in str(name)]
    for name, expected in (("loss", [2.0, 1.0]), ("lr", [4e-7, 1e-7])):
        points = client.get_metric_history(run["run_id"], name)
        assert [(point.step, point.value) for point in points] == [*enumerate(expected, 1)]
    (parent,) = parents()["run_id"]
    (logged,) = store.find_models(client, client.get_run(parent))
    assert (logged.name, logged.status) == ("brave-cat-cnn", "READY")
    assert {metric.key: metric.value for metric in logged.metrics}["best_val_accuracy"] == 0.3
    assert logged.params["lr"] == "0.001"
    loaded = mlflow.pyfunc.load_model(logged.artifact_location)
    facts = loaded.metadata.metadata
    assert {*provenance.PLAN, "revision", "machine", "versions"} <= set(facts)
    assert (facts["params"], facts["photos"]) == (values, {"train": 7})
    assert facts["classes"] == ["cat", "dog"]
    beside = mlflow.artifacts.download_artifacts(f"{logged.artifact_location}/classes.json")
    assert json.loads(Path(beside).read_text()) == ["cat", "dog"]
    splits = (project / "data/_stages/split/splits.csv").read_bytes()
    assert facts["splits_sha256"] == hashlib.sha256(splits).hexdigest()
    example = np.random.default_rng(0).integers(0, 256, (1, 16, 16, 3), dtype="uint8")
    model = keras.saving.load_model(project / "models/cnn.keras")
    for given in (example, example.astype("float32")):
        expected = model.predict(given, verbose=0)
        np.testing.assert_allclose(loaded.predict(given), expected, rtol=1e-5)


@pytest.mark.usefixtures("project")
def test_what_is_planned_is_what_dvc_will_lock(finished: Path) -> None:
    """The digests that a running stage is recorded under are those of the lock after it."""
    plan, locked = provenance.planned(finished), pipeline.own_lock(finished)
    assert provenance.identity(plan) == provenance.identity(locked)
    assert provenance.evaluated(plan) == provenance.evaluated(locked)


def test_the_store_may_be_named_from_the_project_on(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///sub/own.db?timeout=5")
    assert store.address() == f"sqlite+pysqlite:///{project}/sub/own.db?timeout=5"
    for uri in ("runs", "file:runs"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        assert store.address() == (project / "runs").as_uri()
    for uri in ("http://host:5000", "sqlite:////elsewhere/own.db"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        assert store.database() is None
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert store.database() == project / "mlflow.db"


@pytest.mark.slow
def test_the_pages_open_on_the_runs_in_little_memory(project: Path) -> None:
    train()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "animals10", "ui", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            page = server.stdout.readline().removeprefix("the runs: ").strip()
            for _ in range(600):
                with contextlib.suppress(OSError), urlopen(page, timeout=1) as answer:  # noqa: S310
                    assert b"MLflow" in answer.read()
                    break
                time.sleep(0.1)
            _, place = store.connect()
            assert page.endswith(f"/#/experiments/{place}/runs?workflowType=machine_learning")
            family = [psutil.Process(server.pid), *psutil.Process(server.pid).children(True)]
            assert sum(each.memory_info().rss for each in family) < 0.6 * 2**30
        finally:
            for each in psutil.Process(server.pid).children(True):
                each.kill()
            server.kill()
