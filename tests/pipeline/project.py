"""A copy of the project with a pipeline that runs in a minute, for tests that run DVC for real."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CODE = (
    "src",
    "stages",
    "pinned",
    "versions.txt",
    "dvc.yaml",
    "params.yaml",
    ".dvc/config",
    ".dvc/plots",
    ".dvcignore",
    ".gitignore",
)
TINY: dict[str, Any] = {
    "image_size": 32,
    "fetch": {"images_per_class": 5},
    "backbone": {
        "name": "MobileNetV3Small",
        "weights": "none",
        "image_size": 32,
    },  # the quickest to trace
    "embed": {"augmented_copies": 1},
    "train_cnn": {"filters": [4, 4], "convolutions": [1, 1], "pool_sizes": [2, 2], "epochs": 2},
    "train_frozen": {"epochs": 1},
    "finetune": {"epochs": 1, "unfreeze": "conv_1"},
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
# Beside `check`, which always runs.
STAGES = [
    *("fetch", "split", "train_cnn", "embed", "train_frozen", "finetune"),
    *("evaluate", "robustness", "report", "export"),
]
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


def make_project(folder: Path, changes: dict[str, Any] = TINY) -> Shell:
    """Copy the project's code with other parameters, as a git and DVC repository of its own."""
    for name in CODE:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    params = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    for key, value in changes.items():
        params[key] = params[key] | value if isinstance(value, dict) else value
    # Nulls as DVC writes them, so that an experiment changes the lines of its parameters alone.
    text = yaml.safe_dump(params).replace(": null\n", ":\n")
    (folder / "params.yaml").write_text(text, encoding="utf-8")
    shell = shell_in(folder)
    shell("git", "init", "--quiet", "--initial-branch", "main")
    shell("git", "add", "--all")
    shell("git", "commit", "--quiet", "--message", "start")
    return shell


def copy_project(finished: Path, folder: Path) -> None:
    """Copy a finished project, but for MLflow's artifacts: those of copies go to the same place."""
    shutil.copytree(finished, folder, symlinks=True, ignore=shutil.ignore_patterns("mlruns"))


def stages_run(output: str) -> list[str]:
    return [name for name in re.findall(r"Running stage '(\w+)'", output) if name != "check"]
