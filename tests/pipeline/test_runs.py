"""Whole runs with real DVC, Keras and MLflow, on a tiny configuration of the drawn sample."""

import hashlib
import json
import platform
import re
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import picture
from pipeline.project import copy_project, shell_in, stages_run


def mlflow_runs(folder: Path, store: str = "mlflow.db") -> pd.DataFrame:
    mlflow.set_tracking_uri(f"sqlite:///{folder / store}")
    return mlflow.search_runs(experiment_names=["animals10"])


@pytest.fixture(scope="module")
def project(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the finished project; the tests of this module go on from there, in order."""
    folder = tmp_path_factory.mktemp("runs") / "project"
    copy_project(finished, folder)
    return folder


def test_every_output_is_there_and_holds_what_it_promises(project: Path, finished: Path) -> None:
    scores = json.loads((project / "metrics/evaluate.json").read_text())
    assert set(scores) == {"cnn", "frozen", "finetuned"}
    for model in scores.values():
        assert set(model) == {"validation", "test"}
        for metrics in model.values():
            assert set(metrics) == {
                "accuracy", "accuracy_high", "accuracy_low", "loss", "macro_f1", "weighted_f1",
                "top3_accuracy", "ece"
            }  # fmt: skip
            assert metrics["accuracy_low"] <= metrics["accuracy"] <= metrics["accuracy_high"]
            assert 0 <= metrics["accuracy"] <= metrics["top3_accuracy"] <= 1
    splits = pd.read_csv(project / "data/_stages/split/splits.csv")
    assert list(splits) == ["path", "label", "split", "sha256", "group"]
    assert splits["split"].value_counts().to_dict() == {"train": 30, "validation": 10, "test": 10}
    classes = json.loads((project / "models/classes.json").read_text())
    assert classes == sorted(splits["label"].unique())
    for split, members in splits.groupby("split"):
        for network in ("cnn", "transfer"):
            labels = np.load(project / f"data/_stages/split/{network}/{split}/labels.npy")
            assert [classes[label] for label in labels] == members["label"].tolist()
    for model in scores:
        history = pd.read_csv(project / f"plots/history/{model}.csv")
        assert list(history) == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "lr"]
        confusion = pd.read_csv(project / f"plots/confusion/{model}.csv")
        assert list(confusion) == ["actual", "predicted"]
        pairs = (project / f"plots/confusion/{model}_pairs.csv").read_text()
        assert pairs.startswith("actual,predicted,count,fraction\n")
        logged = (finished / "mlruns").glob(f"**/plots/confusion/{model}_pairs.csv")
        assert pairs in [path.read_text() for path in logged]
        agreed = (confusion["actual"] == confusion["predicted"]).mean()
        assert agreed == pytest.approx(scores[model]["test"]["accuracy"], abs=1e-6)
    accuracies = json.loads((project / "metrics/accuracy.json").read_text())
    assert set(accuracies) == {"cnn", "frozen", "tuned"}
    for split, key in (("validation", "val"), ("test", "test")):
        assert accuracies["tuned"][key] == scores["finetuned"][split]["accuracy"]
    report = json.loads((project / "metrics/report.json").read_text())
    assert report["cnn"]["test"]["classes"]["gatto"]["support"] == 1
    rejected = pd.read_csv(project / "data/_stages/fetch/rejected.csv")
    assert rejected.columns.tolist() == ["path", "reason"]


def test_the_comparison_is_printed(project: Path) -> None:
    output = shell_in(project)("env", "PYTHONPATH=src", "python", "-m", "animals10", "compare")
    assert [line.split("|")[1].strip() for line in output.splitlines()[2:]] == [
        "majority",
        "neighbors",
        "logistic regression",
        "cnn",
        "frozen",
        "finetuned",
    ]


def test_nothing_changed_runs_nothing(project: Path) -> None:
    assert stages_run(shell_in(project)("dvc", "repro")) == []


def test_the_seed_changes_the_trainings_and_not_the_data(project: Path) -> None:
    path = project / "params.yaml"
    before = path.read_text()
    values = yaml.safe_load(before)
    path.write_text(yaml.safe_dump(values | {"seed": 1}))
    changed = set(json.loads(shell_in(project)("dvc", "status", "--json"))) - {"check"}
    path.write_text(before)
    assert changed == {
        *("train_cnn", "embed", "train_frozen", "finetune"),
        *("evaluate", "robustness", "report"),
    }


def test_the_page_of_plots_is_made(project: Path, tmp_path: Path) -> None:
    shell_in(project)("dvc", "plots", "show", "--out", str(tmp_path / "page"))
    page = (tmp_path / "page" / "index.html").read_text()
    for title in ("Images per class", "Scratch CNN: loss", "confusion on test"):
        assert title in page
    # Of 1,000 classes, a browser draws neither a million empty cells nor 1,000 names.
    assert '"impute"' not in page
    assert page.count('"labelOverlap"') == 2 * 3 + 1
    assert "showValues" not in page  # counts are there without a click
    titles = re.findall(r'"title": {"text": "([^"]+)"', page)
    assert len(titles) == len(set(titles)) == 12


def test_the_run_is_recorded_as_a_parent_with_its_stages(project: Path) -> None:
    runs = mlflow_runs(project)
    (parent,) = runs[runs["tags.level"] == "experiment"].itertuples()
    children = runs[runs["tags.mlflow.parentRunId"] == parent.run_id]
    assert set(children["tags.mlflow.runName"]) == {
        "train_cnn", "train_frozen", "finetune", "evaluate", "report"
    }  # fmt: skip
    assert set(runs["status"]) == {"FINISHED"}
    evaluate = children[children["tags.mlflow.runName"] == "evaluate"].iloc[0]
    scores = json.loads((project / "metrics/evaluate.json").read_text())
    logged = evaluate["metrics.finetuned/test/loss"]
    assert logged == pytest.approx(scores["finetuned"]["test"]["loss"], abs=1e-6)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_why_tells_what_made_a_model(project: Path) -> None:
    shell = shell_in(project)
    command = ("env", "PYTHONPATH=src", "python", "-m", "animals10", "why")
    origin = shell(*command, "models/finetuned.keras")
    digest = sha256(project / "models/finetuned.keras")
    for text in (
        f"sha256 {digest}",
        "made by:    stage finetune, whose results the workspace's dvc.lock has",
        "code:       commit ",
        "data:       30 train, 10 validation, 10 test; ",
        f"sha256 {sha256(project / 'data/_stages/split/splits.csv')}",
        "parameter:  finetune.lr = 0.0001",
        "parameter:  seed = 42",
        "parameter:  fetch.images_per_class = 5",
        "record:     experiment repro-",
        f"versions:   python {platform.python_version()}",
        "workspace:  has the same inputs",
    ):
        assert text in origin
    shell("sed", "-i", "s/lr: 0.0001/lr: 0.0002/", "params.yaml")
    assert "`dvc repro` would rerun finetune" in shell(*command, "models/finetuned.keras")
    (project / "params.yaml").write_text("a: [")
    assert "not known, `dvc status` fails" in shell(*command, "models/finetuned.keras")
    shell("git", "checkout", "--quiet", "params.yaml")
    (project / "copy.keras").write_bytes(b"changed")
    assert "is no output of this pipeline" in shell(*command, "copy.keras", fails=True)


def test_an_experiment_in_a_temporary_copy_reruns_only_what_its_parameter_touches(
    project: Path,
) -> None:
    shell = shell_in(project)
    change = ("--name", "tuned", "-S", "finetune.lr=3e-5", "-S", "finetune.average_flips=true")
    tuned = shell("dvc", "exp", "run", "--temp", *change, "report")
    assert stages_run(tuned) == ["finetune", "evaluate", "robustness", "report"]
    runs = mlflow_runs(project)
    stages = runs[runs["tags.experiment"] == "tuned"]["tags.mlflow.runName"]
    assert set(stages) == {"tuned", "finetune", "evaluate", "report"}
    shell("dvc", "exp", "apply", "tuned")
    assert "finetune.lr" in shell("dvc", "params", "diff")
    assert "metrics/accuracy.json" in shell("dvc", "metrics", "diff", "--all")
    shell("dvc", "plots", "diff", "HEAD", "--out", "page")
    shell("git", "checkout", "--quiet", ".")
    shell("dvc", "checkout", "--quiet")


EXEMPT = ("tracking/record.py", "tracking/store.py", "errors.py", "parameters.py")


def test_an_edit_of_the_record_or_of_a_message_reruns_nothing(project: Path) -> None:
    shell = shell_in(project)
    for name in EXEMPT:
        path = project / "src/animals10" / name
        path.write_text(path.read_text() + "# edited\n")
    assert set(json.loads(shell("dvc", "status", "--json"))) <= {"check"}
    shell("git", "checkout", "--quiet", "src")


def test_sync_rebuilds_the_record_from_git_and_dvc(project: Path) -> None:
    shell = shell_in(project)
    earlier = shell("git", "rev-parse", "HEAD")[:7]
    shell("dvc", "exp", "apply", "tuned")
    shell("git", "commit", "--quiet", "--all", "--message", "tuned is better")
    shell("env", "PYTHONPATH=src", "python", "-m", "animals10", "sync")
    live = mlflow.MlflowClient(f"sqlite:///{project / 'mlflow.db'}")
    for model in live.search_logged_models(["1"]):
        assert f"{model.params['model']}/test/accuracy" in {each.key for each in model.metrics}
    recorded = mlflow_runs(project)
    store = "MLFLOW_TRACKING_URI=sqlite:///rebuilt.db"
    command = ("env", store, "PYTHONPATH=src", "python", "-m", "animals10", "sync")
    first = shell(*command)
    names = ["tuned", "workspace"]
    assert re.findall(r"^([\w-]+): (?:recorded|complete)", first, re.MULTILINE) == names
    assert first.count(": recorded train_cnn, train_frozen, finetune, evaluate, report\n") == 1
    runs = mlflow_runs(project, "rebuilt.db")
    stages = runs[runs["tags.level"] == "stage"]
    assert len(stages) == 5 * (runs["tags.level"] == "experiment").sum()
    assert stages["tags.output"].str.fullmatch("[0-9a-f]{32}").all()
    keys, said = ["tags.experiment", "tags.mlflow.runName"], ["metrics.", "params."]
    columns = [name for name in runs if str(name).startswith(tuple(said))]
    live, afterwards = (table.set_index(keys)[columns].sort_index() for table in (recorded, runs))
    both = live.index.intersection(afterwards.index)
    assert len(both) == 6
    pd.testing.assert_frame_equal(live.loc[both], afterwards.loc[both])
    client = mlflow.MlflowClient(f"sqlite:///{project / 'rebuilt.db'}")
    for model in client.search_logged_models(list(set(runs["experiment_id"]))):
        assert f"{model.params['model']}/test/accuracy" in {each.key for each in model.metrics}
    assert shell(*command).splitlines() == [f"{name}: complete" for name in names]
    assert earlier not in first
    assert f"{earlier}: recorded train_cnn" in shell(*command, "--history")
    again = mlflow_runs(project, "rebuilt.db").set_index("run_id")
    assert len(again) == len(runs) + 6
    times = ["start_time", "end_time", "status"]
    pd.testing.assert_frame_equal(again[times].loc[runs["run_id"]], runs.set_index("run_id")[times])


def lock_but_check(project: Path) -> Any:
    """Return what dvc.lock says of all stages but the one that always runs."""
    lock = yaml.safe_load((project / "dvc.lock").read_text())
    return {name: stage for name, stage in lock["stages"].items() if name != "check"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("fetch.source=one", "has 1 class(es): cat; at least 2 are needed"),
        ("finetune.lr=-1", "finetune.lr = -1 is not allowed: should be greater than 0"),
        ("backbone.weights=nowhere", "backbone.weights = 'nowhere' is not a file"),
    ],
)
def test_a_mistake_is_one_line_and_changes_nothing(
    project: Path, change: str, message: str
) -> None:
    (project / "one/cat").mkdir(parents=True, exist_ok=True)
    (project / "one/cat/1.jpg").write_bytes(picture(1))
    shell = shell_in(project)
    before = lock_but_check(project)
    output = shell("dvc", "exp", "run", "-S", change, fails=True)
    (line,) = [line for line in output.splitlines() if line.startswith("error: ")]
    assert message in line
    assert "Traceback" not in output
    assert lock_but_check(project) == before
    shell("git", "checkout", "--quiet", ".")
    shell("dvc", "checkout", "--quiet")
