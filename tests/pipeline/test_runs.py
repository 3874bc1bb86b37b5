"""Whole runs with real DVC, Keras and MLflow, on a tiny configuration of the drawn sample."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
import yaml
from conftest import ROOT, picture

CODE = (
    "src",
    "stages",
    "pinned",
    "weights",
    "dvc.yaml",
    "params.yaml",
    ".dvc/config",
    ".dvcignore",
    ".gitignore",
)
TINY: dict[str, Any] = {
    "image_size": 32,
    "fetch": {"images_per_class": 5},
    "embed": {"views": 1},
    "train_cnn": {"filters": [4, 4], "convolutions": [1, 1], "pool_sizes": [2, 2], "epochs": 1},
    "train_frozen": {"epochs": 1},
    "finetune": {"epochs": 1, "unfreeze": "top_conv"},
}
ENVIRONMENT = {
    key: value for key, value in os.environ.items() if not key.startswith(("DVC_", "MLFLOW_"))
} | {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "GIT_AUTHOR_NAME": "Test",
    "GIT_AUTHOR_EMAIL": "test@example.org",
    "GIT_COMMITTER_NAME": "Test",
    "GIT_COMMITTER_EMAIL": "test@example.org",
}
STAGES = ["fetch", "split", "train_cnn", "embed", "train_frozen", "finetune", "evaluate"]
Shell = Callable[..., str]


def shell_in(folder: Path) -> Shell:
    def run(*command: str, fails: bool = False) -> str:
        result = subprocess.run(
            command,
            cwd=folder,
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert (result.returncode != 0) == fails, result.stdout
        return result.stdout

    return run


def make_project(folder: Path) -> Shell:
    """Copy the project's code with tiny parameters, as a git and DVC repository of its own."""
    for name in CODE:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    params = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    for key, value in TINY.items():
        params[key] = params[key] | value if isinstance(value, dict) else value
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    shell = shell_in(folder)
    shell("git", "init", "--quiet", "--initial-branch", "main")
    shell("git", "add", "--all")
    shell("git", "commit", "--quiet", "--message", "start")
    return shell


def stages_run(output: str) -> list[str]:
    return re.findall(r"Running stage '(\w+)'", output)


def mlflow_runs(folder: Path) -> pd.DataFrame:
    mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
    return mlflow.search_runs(experiment_names=["animals10"])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the whole pipeline once; the tests of this module go on from there, in order."""
    folder = tmp_path_factory.mktemp("project")
    shell = make_project(folder)
    assert stages_run(shell("dvc", "repro")) == STAGES
    shell("git", "add", "--all")
    shell("git", "commit", "--quiet", "--message", "results")
    return folder


def test_every_output_is_there_and_holds_what_it_promises(project: Path) -> None:
    scores = json.loads((project / "metrics/evaluate.json").read_text())
    assert set(scores) == {"cnn", "frozen", "finetuned"}
    for model in scores.values():
        assert set(model) == {"validation", "test"}
        for metrics in model.values():
            assert set(metrics) == {
                "accuracy", "loss", "macro_f1", "weighted_f1", "top3_accuracy", "ece"
            }  # fmt: skip
            assert 0 <= metrics["accuracy"] <= metrics["top3_accuracy"] <= 1
    splits = pd.read_csv(project / "data/splits.csv")
    assert list(splits) == ["path", "label", "split", "sha256", "group"]
    assert splits["split"].value_counts().to_dict() == {"train": 30, "validation": 10, "test": 10}
    for model in scores:
        history = pd.read_csv(project / f"plots/history/{model}.csv")
        assert list(history) == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "lr"]
        confusion = pd.read_csv(project / f"plots/confusion/{model}.csv")
        assert list(confusion) == ["actual", "predicted"]
        agreed = (confusion["actual"] == confusion["predicted"]).mean()
        assert agreed == pytest.approx(scores[model]["test"]["accuracy"], abs=1e-6)
    classes = json.loads((project / "models/classes.json").read_text())
    assert classes == sorted(splits["label"].unique())
    rounds = json.loads((project / "metrics/finetune.json").read_text())
    assert {"round_1", "round_2", "parameters"} == set(rounds)
    report = json.loads((project / "metrics/report.json").read_text())
    assert report["cnn"]["test"]["gatto"]["support"] == 1
    assert pd.read_csv(project / "data/rejected.csv").columns.tolist() == ["path", "reason"]


def test_the_comparison_is_printed(project: Path) -> None:
    output = shell_in(project)("env", "PYTHONPATH=src", "python", "-m", "animals10", "compare")
    assert [line.split("|")[1].strip() for line in output.splitlines()[2:]] == [
        "cnn",
        "frozen",
        "finetuned",
    ]


def test_nothing_changed_runs_nothing(project: Path) -> None:
    assert "Data and pipelines are up to date" in shell_in(project)("dvc", "repro")


def test_the_page_of_plots_is_made(project: Path, tmp_path: Path) -> None:
    shell_in(project)("dvc", "plots", "show", "--out", str(tmp_path / "page"))
    page = (tmp_path / "page" / "index.html").read_text()
    for title in ("Images per class", "Scratch CNN: loss", "confusion on test"):
        assert title in page


def test_the_run_is_recorded_as_a_parent_with_its_stages(project: Path) -> None:
    runs = mlflow_runs(project)
    (parent,) = runs[runs["tags.level"] == "experiment"].itertuples()
    children = runs[runs["tags.mlflow.parentRunId"] == parent.run_id]
    assert set(children["tags.mlflow.runName"]) == {
        "train_cnn", "train_frozen", "finetune", "evaluate"
    }  # fmt: skip
    assert set(runs["status"]) == {"FINISHED"}
    evaluate = children[children["tags.mlflow.runName"] == "evaluate"].iloc[0]
    scores = json.loads((project / "metrics/evaluate.json").read_text())
    logged = evaluate["metrics.finetuned/test/loss"]
    assert logged == pytest.approx(scores["finetuned"]["test"]["loss"], abs=1e-6)


def test_an_experiment_reruns_only_what_its_parameter_touches(project: Path) -> None:
    shell = shell_in(project)
    head = shell("dvc", "exp", "run", "--name", "head", "-S", "train_frozen.dropout=0.3")
    assert stages_run(head) == ["train_frozen", "finetune", "evaluate"]
    assert "train_frozen.dropout" in shell("dvc", "params", "diff")
    assert "metrics/evaluate.json" in shell("dvc", "metrics", "diff", "--all")
    shell("dvc", "plots", "diff", "HEAD", "--out", "page")
    assert "head" in set(mlflow_runs(project)["tags.experiment"])
    shell("git", "checkout", "--quiet", ".")
    shell("dvc", "checkout", "--quiet")


def test_temporary_and_queued_experiments_run_their_own_code_and_share_the_store(
    project: Path,
) -> None:
    shell = shell_in(project)
    script = project / "stages" / "evaluate.py"
    text = script.read_text()
    script.write_text(
        text.replace("def main() -> None:", 'print("CHANGED")\n\n\ndef main() -> None:')
    )
    shell("dvc", "exp", "run", "--queue", "--name", "first", "-S", "finetune.lr=2e-5")
    shell("dvc", "exp", "run", "--queue", "--name", "second", "-S", "finetune.lr=3e-5")
    script.write_text(text)
    temporary = shell("dvc", "exp", "run", "--temp", "--name", "third", "-S", "finetune.lr=4e-5")
    assert stages_run(temporary) == ["finetune", "evaluate"]
    assert "CHANGED" not in temporary
    shell("dvc", "queue", "start", "--jobs", "1")
    shell("dvc", "queue", "logs", "--follow", "second")
    assert "CHANGED" in shell("dvc", "queue", "logs", "first")
    table = json.loads(shell("dvc", "exp", "show", "--json"))
    names = {
        experiment["name"] for revision in table for experiment in revision["experiments"] or []
    }
    assert {"first", "second", "third"} <= names
    runs = mlflow_runs(project)
    for name in ("first", "second", "third"):
        stages = runs[runs["tags.experiment"] == name]["tags.mlflow.runName"]
        assert set(stages) == {name, "finetune", "evaluate"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("fetch.source=nowhere", "fetch.source = 'nowhere' does not exist; give sample, kaggle"),
        ("fetch.source=one", "has 1 class(es): cat; at least 2 are needed"),
        ("fetch.source=empty", "class 'dog' has no usable photo"),
        ("finetune.lr=-1", "finetune.lr = -1 is not allowed: should be greater than 0"),
        ("backbone.weights=nowhere", "backbone.weights = 'nowhere' is not a file"),
    ],
)
def test_a_mistake_is_one_line_and_changes_nothing(
    project: Path, change: str, message: str
) -> None:
    for name in ("one/cat/1.jpg", "empty/cat/1.jpg", "empty/dog/1.jpg"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_bytes(b"" if "dog" in name else picture(1))
    shell = shell_in(project)
    before = (project / "dvc.lock").read_bytes()
    output = shell("dvc", "exp", "run", "-S", change, fails=True)
    (line,) = [line for line in output.splitlines() if line.startswith("error: ")]
    assert message in line
    assert "Traceback" not in output
    assert (project / "dvc.lock").read_bytes() == before
    shell("git", "checkout", "--quiet", ".")
    shell("dvc", "checkout", "--quiet")
