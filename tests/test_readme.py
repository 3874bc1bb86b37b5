"""README, `make help` and the code say the same."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT
from dvc.utils.hydra import apply_overrides

from animals10.evaluation import tables
from animals10.parameters import Parameters, load

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    (\S.*?)(?:\s+#.*)?$", README, flags=re.MULTILINE)


def test_readme_is_short() -> None:
    assert len(README.splitlines()) < 150


def test_every_make_target_that_is_named_exists_and_has_help() -> None:
    named = set(re.findall(r"(?:`|^    )make ([a-z-]+)", README, flags=re.MULTILINE))
    output = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    offered = re.findall(r"^  ([a-z-]+)  ", output, flags=re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.findall(r"^\.PHONY: ([a-z -]+)$", makefile, flags=re.MULTILINE)
    assert {"repro", "test", "help", "ui"} <= named
    assert named <= set(offered)
    assert sorted(" ".join(phony).split()) == sorted(offered)


@pytest.mark.parametrize("key", re.findall(r"-S ([\w.]+)=", README))
def test_every_parameter_that_is_set_exists(key: str, values: dict[str, Any]) -> None:
    *blocks, last = key.split(".")
    for block in blocks:
        values = values[block]
    assert last in values


def test_every_dvc_command_exists() -> None:
    commands = [re.split(r"\s+-|\s+HEAD", part.strip())[0] for line in COMMANDS
                for part in line.split(";") if part.strip().startswith("dvc ")]  # fmt: skip
    assert len(commands) >= 8
    for command in sorted(set(commands)):
        help_of = [sys.executable, "-m", *command.split(), "--help"]
        subprocess.run(help_of, cwd=ROOT, capture_output=True, check=True)


def test_the_results_are_those_of_the_committed_run() -> None:
    # As committed: a user's own run may have changed the files since.
    committed = ["git", "show", "HEAD:metrics/evaluate.json"]
    scores = json.loads(subprocess.run(committed, cwd=ROOT, capture_output=True, check=True).stdout)
    for model, of_split in scores.items():
        values = [
            f"{of_split[split][metric]:.3f}"
            for split in ("validation", "test")
            for metric in ("accuracy", "macro_f1")
        ]
        values.append(tables.interval(of_split["test"]))
        row = rf"^\| {model} +\| " + r" +\| ".join(map(re.escape, values)) + r" +\|"
        assert re.search(row, README, flags=re.MULTILINE), model


def test_every_stage_is_described() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    assert re.findall(r"^\| `(\w+)` \|", README, flags=re.MULTILINE) == list(stages)


@pytest.mark.parametrize("name", re.findall(r"`((?:src|stages|tests)/[\w/.]*)`", README))
def test_every_path_that_is_named_exists(name: str) -> None:
    assert (ROOT / name).exists()


def test_the_studys_settings_are_parameters(tmp_path: Path, values: dict[str, Any]) -> None:
    arguments = (ROOT / "docs/study.args").read_text(encoding="utf-8").split()
    assert arguments[::2] == ["-S"] * (len(arguments) // 2)
    path = tmp_path / "params.yaml"
    path.write_text((ROOT / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    apply_overrides(str(path), arguments[1::2])
    study, ours = load(path), Parameters.model_validate(values)
    assert (study.backbone.name, study.backbone_size) == ("EfficientNetB0", 128)
    assert study.finetune.rounds == 2
    assert study != ours
