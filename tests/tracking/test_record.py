"""The record, in a real MLflow store in a temporary folder."""

import json
import random
from pathlib import Path
from typing import Any

import keras
import mlflow
import numpy as np
import pandas as pd
import pytest
from tracking import small_project
from tracking.small_project import lock, parents, runs, stages, train, without_files, write

from animals10.tracking import provenance, record, store
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
    assert table["tags.mlflow.note.content"].str.startswith("The experiment ").all()
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
        ("src/code.py", "exit()\n", False),
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


@pytest.mark.usefixtures("project")
def test_a_defect_of_our_own_is_told_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    Path("plots/history/cnn.csv").unlink()
    train()
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("the MLflow record fails ([Errno 2] No such file")
    log = Path(line.partition(" is in ")[2].partition(";")[0])
    assert "Traceback" in log.read_text()
    log.unlink()


def test_mlflow_draws_nothing_from_the_trainings_random_numbers() -> None:
    random.seed(1)
    expected = random.random()  # noqa: S311
    random.seed(1)
    record._Attempts()(random.random)
    assert random.random() == expected  # noqa: S311


def test_a_model_that_cannot_be_logged_leaves_none_in_the_store(project: Path) -> None:
    """Its run keeps its metrics, and is deleted with the model when the stage runs again."""
    (project / "models/cnn.keras").write_bytes(b"")
    for _ in range(2):
        train()
    (run,) = stages().to_dict("records")
    assert run["metrics.best_val_accuracy"] == 0.3
    client, experiment_id = store.connect()
    (logged,) = client.search_logged_models([experiment_id])
    assert logged.source_run_id == run["run_id"]


def test_a_training_leaves_its_files_curves_and_model(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_EXP_NAME", "brave-cat")
    with stage_run("train_cnn") as epochs:  # the second epoch was not shown, say
        epochs.on_epoch_end(0, {"loss": 2.0, "val_loss": 2.0, "lr": 4e-7})
    client, _ = store.connect()
    (run,) = stages().to_dict("records")
    assert run["metrics.best_val_accuracy"] == 0.3
    assert run["params.lr"] == "0.001"
    for name, expected in (("loss", [2.0, 1.0]), ("lr", [4e-7, 1e-7])):
        points = client.get_metric_history(run["run_id"], name)
        assert [(point.step, point.value) for point in points] == [*enumerate(expected, 1)]
    (parent,) = parents()["run_id"]
    (logged,) = store.connect().find_models(parent)
    assert (logged.name, logged.status) == ("brave-cat-cnn", "READY")
    assert {metric.key: metric.value for metric in logged.metrics}["best_val_accuracy"] == 0.3
    assert logged.params["lr"] == "0.001"
    loaded = mlflow.pyfunc.load_model(logged.artifact_location)
    facts = loaded.metadata.metadata
    assert {*provenance.IDENTITY, "revision", "machine", "versions"} <= set(facts)
    assert facts["classes"] == ["cat", "dog"]
    beside = mlflow.artifacts.download_artifacts(f"{logged.artifact_location}/classes.json")
    assert json.loads(Path(beside).read_text()) == ["cat", "dog"]
    example = np.random.default_rng(0).integers(0, 256, (1, 16, 16, 3), dtype="uint8")
    model = keras.saving.load_model(project / "models/cnn.keras")
    for given in (example, example.astype("float32")):
        expected = model.predict(given, verbose=0)
        np.testing.assert_allclose(loaded.predict(given), expected, rtol=1e-5)
