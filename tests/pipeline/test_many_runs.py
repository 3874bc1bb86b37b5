"""Runs that take minutes: queues, workers at once, and servers that die."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import urlopen

import pytest
from pipeline.killing import fingerprint
from pipeline.project import ENVIRONMENT, copy_project, shell_in, stages_run
from pipeline.test_runs import lock_but_check, mlflow_runs


@pytest.mark.slow
def test_results_are_the_same_bytes_without_the_record(finished: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    copy_project(finished, project)
    before = lock_but_check(project)
    (project / "src/animals10/tracking/record.py").write_text(
        "from contextlib import nullcontext\n\nimport keras\n\n\n"
        "def stage_run(stage):\n    return nullcontext(keras.callbacks.Callback())\n"
    )
    (project / "mlflow.db").unlink()
    trainings = ["train_cnn", "train_frozen", "finetune", "evaluate", "report"]
    output = shell_in(project)("dvc", "repro", "--force", "--single-item", *trainings)
    assert stages_run(output) == trainings
    assert not (project / "mlflow.db").exists()
    assert lock_but_check(project) == before


@pytest.mark.slow
def test_decoding_on_the_fly_gives_the_same_bytes_without_arrays(
    finished: Path, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    copy_project(finished, project)
    shell = shell_in(project)
    results = ("models", "metrics", "plots", "data/_stages/embed")

    def digests() -> dict[str, str]:
        found = fingerprint(project)
        # An exported model has a digest of the parameters in it, and its card too.
        compared = {name for name in found if name.startswith(results)}
        return {name: found[name] for name in compared if not name.endswith((".onnx", ".md"))}

    before = digests()
    ran = stages_run(shell("dvc", "exp", "run", "-S", "split.decode=on_the_fly"))
    assert set(ran) >= {"split", "train_cnn", "embed", "finetune", "evaluate"}
    assert digests() == before
    assert not list((project / "data/_stages/split").rglob("images.npy"))


@pytest.mark.slow
def test_a_queued_experiment_runs_the_code_that_it_was_queued_with(
    finished: Path, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    copy_project(finished, project)
    shell = shell_in(project)
    script = project / "stages" / "evaluate.py"
    text = script.read_text()
    script.write_text(
        text.replace("def main() -> None:", 'print("CHANGED")\n\n\ndef main() -> None:')
    )
    shell("dvc", "exp", "run", "--queue", "--name", "first")
    script.write_text(text)
    shell("dvc", "queue", "start", "--jobs", "1")
    assert "CHANGED" in shell("dvc", "queue", "logs", "--follow", "first")
    assert "first" in shell("dvc", "exp", "list", "--name-only").split()
    runs = mlflow_runs(project)
    stages = runs[runs["tags.experiment"] == "first"]["tags.mlflow.runName"]
    assert set(stages) == {"first", "evaluate", "report"}


@contextmanager
def mlflow_server(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    folder.mkdir(exist_ok=True)
    store = ["--backend-store-uri", "sqlite:///store.db", "--artifacts-destination", "artifacts"]
    command = ["mlflow", "server", *store, "--port", str(port), "--workers", "1"]
    server = subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, start_new_session=True)
    for _ in range(120):
        with suppress(OSError), urlopen(f"http://127.0.0.1:{port}/health"):  # noqa: S310
            break
        time.sleep(0.5)
    try:
        yield server
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


@pytest.mark.slow
def test_a_server_that_dies_mid_training_costs_no_run(finished: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    copy_project(finished, project)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    uri = f"MLFLOW_TRACKING_URI=http://127.0.0.1:{port}"
    shell = shell_in(project)
    with mlflow_server(tmp_path / "server", port) as server:
        script = project / "stages" / "train_frozen.py"
        kill = f"import os; os.killpg({server.pid}, 9)\n        "
        text = script.read_text()
        assert "history = fit" in text
        script.write_text(text.replace("history = fit", f"{kill}history = fit"))
        output = shell("env", uri, "dvc", "repro")
    assert output.count("MLflow does not respond") == 1
    assert stages_run(output) == ["train_frozen"]  # it left the same bytes
    sync = ("env", uri, "PYTHONPATH=src", "python", "-m", "animals10", "sync")
    with mlflow_server(tmp_path / "server", port):
        params = (project / "params.yaml").read_text()
        (project / "params.yaml").write_text(params.replace("seed: 42", "seed: 43"))
        message = "workspace: not recorded, `dvc repro` would rerun "
        assert message in shell(*sync, fails=True)
        (project / "params.yaml").write_text(params)
        assert "workspace: recorded train_cnn, train_frozen, finetune, evaluate, report" in shell(
            *sync
        )
        shell("git", "commit", "--quiet", "--all", "--message", "without a server")
        output = shell(*sync)
        assert "recorded" not in output
        assert output.endswith("workspace: complete\n")


@pytest.mark.slow
def test_eight_workers_at_once_lose_no_run(finished: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(finished, project, symlinks=True, ignore=shutil.ignore_patterns("ml*"))
    shell = shell_in(project)
    names = [f"worker-{number}" for number in range(1, 9)]
    for number, name in enumerate(names, 1):
        shell("dvc", "exp", "run", "--queue", "--name", name, "-S", f"finetune.lr={number}e-5")
    shell("dvc", "queue", "start", "--jobs", "8")
    for name in names:
        output = shell("dvc", "queue", "logs", "--follow", name)
        assert "MLflow does not respond" not in output
    for name in names:
        assert name in shell("dvc", "exp", "list", "--name-only")
    runs = mlflow_runs(project)
    for name in names:
        stages = runs[runs["tags.experiment"] == name]["tags.mlflow.runName"]
        assert sorted(stages) == sorted([name, "finetune", "evaluate", "report"])
    assert set(runs["status"]) == {"FINISHED"}
    shell("env", "PYTHONPATH=src", "python", "-m", "animals10", "sync")
    runs = mlflow_runs(project)
    for name in names:
        assert (runs["tags.experiment"] == name).sum() == 6
