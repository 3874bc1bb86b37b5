"""Where the MLflow store is, and what happens where it cannot be used."""

import contextlib
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import mlflow
import psutil
import pytest
from tracking import small_project
from tracking.small_project import runs, stages, train, without_files

from animals10.errors import UserError
from animals10.tracking import store
from animals10.tracking.record import stage_run

# MLflow's own, when it loads a model
pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning")


@pytest.fixture
def project(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    values: dict[str, Any],
) -> Path:
    return small_project.make(tmp_path_factory, monkeypatch, values)


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
        (model,) = store.connect().find_models(run)
        assert mlflow.pyfunc.load_model(model.artifact_location)
        assert Path(client.download_artifacts(run, "plots/history/cnn.csv")).is_file()


def test_artifacts_that_a_user_keeps_elsewhere_stay_there(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
    elsewhere = (project.parent / "artifacts").as_uri()
    client, _ = store.connect()
    own = client.create_experiment("kept", artifact_location=elsewhere)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "kept")
    assert store.connect().experiment_id == own
    assert client.get_experiment(own).artifact_location == elsewhere


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
    assert line.startswith("MLflow does not respond (")
    assert line.endswith("the run continues without it: see `make sync`")
    assert "secret" not in line


@pytest.mark.usefixtures("project")
def test_a_database_without_its_driver_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "mysql://me:secret@127.0.0.1:1/db")
    with pytest.raises(UserError, match="needs the package MySQLdb") as caught, store.explained():
        store.connect()
    assert "secret" not in str(caught.value)


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


def test_the_store_may_be_named_from_the_project_on(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///sub/own.db?timeout=5")
    own = project / "sub/own.db"
    assert store.locate() == (f"sqlite+pysqlite:///{own}?timeout=5", own)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////elsewhere/own.db")
    assert store.locate() == ("sqlite+pysqlite:////elsewhere/own.db?timeout=60", None)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://host:5000")
    assert store.locate() == ("http://host:5000", None)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert store.locate()[1] == project / "mlflow.db"


@pytest.mark.slow
def test_the_pages_open_on_the_runs_in_little_memory(project: Path) -> None:
    train()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "animals10", "ui", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            page = server.stdout.readline().removeprefix("the runs: ").partition(" ")[0]
            for _ in range(600):
                with contextlib.suppress(OSError), urlopen(page, timeout=1) as answer:  # noqa: S310
                    assert b"MLflow" in answer.read()
                    break
                time.sleep(0.1)
            else:
                pytest.fail("the pages did not open within a minute")
            _, experiment_id = store.connect()
            assert page.endswith(
                f"/#/experiments/{experiment_id}/runs?workflowType=machine_learning"
            )
            family = [psutil.Process(server.pid), *psutil.Process(server.pid).children(True)]
            assert sum(each.memory_info().rss for each in family) < 0.6 * 2**30
        finally:
            for each in psutil.Process(server.pid).children(True):
                each.kill()
            server.kill()
