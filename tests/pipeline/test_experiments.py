"""What `dvc exp show` and `python -m animals10 experiments` print in a terminal of 120 columns."""

import fcntl
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import termios
from contextlib import suppress
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides
from pipeline.project import ENVIRONMENT, ROOT, copy_project, shell_in, stages_run

from animals10.tracking import experiments

# As README has it.
SHOW = ["dvc", "exp", "show", "--only-changed", "--keep", "cnn|frozen|tuned"]
SHOW += ["--drop", "Created|.*/"]
ACCURACIES = [f"{name}.{split}" for name in ("cnn", "frozen", "tuned") for split in ("test", "val")]
WIDTH = 120


@pytest.fixture(scope="module")
def project(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the finished project, and run an experiment in it, with a name that DVC draws."""
    folder = tmp_path_factory.mktemp("experiments") / "project"
    copy_project(finished, folder)
    shell = shell_in(folder)
    output = shell("dvc", "exp", "run", "-S", "finetune.lr=3e-5", "evaluate")
    assert stages_run(output) == ["finetune", "evaluate"]
    assert shell("git", "diff", "--numstat", "params.yaml").split() == ["1", "1", "params.yaml"]
    return folder


def in_terminal(folder: Path, command: list[str]) -> list[str]:
    """Run a command in a terminal of 120 columns and 40 lines, with the pager that DVC chooses."""
    environment = {key: value for key, value in ENVIRONMENT.items() if key != "PAGER"}
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, WIDTH, 0, 0))
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment | {"TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    shown = bytearray()
    with suppress(OSError):  # as Linux says that the other side is closed
        while select.select([ours], [], [], 60)[0] and (chunk := os.read(ours, 4096)):
            shown += chunk
    os.close(ours)  # which also ends a pager that waits for a key, as of a table that is too wide
    assert process.wait(timeout=10) == 0, shown
    plain = re.sub(r"\x1b(\[[0-9;?]*[a-zA-Z]|[=>])", "", shown.decode())
    return [line.rstrip() for line in plain.replace("\r", "").splitlines()]


def assert_shown(lines: list[str]) -> None:
    (head,) = [line[:WIDTH] for line in lines if "Experiment" in line]
    assert head.split() == ["Experiment", *ACCURACIES, "finetune.lr"]
    (row,) = [line[:WIDTH] for line in lines if "└──" in line]
    *values, rate = row.partition("]")[2].split()
    assert len(values) == len(ACCURACIES)
    assert all(0 <= float(value) <= 1 for value in values)
    assert rate == "3e-05"


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("less"), reason="DVC pages with less")
def test_the_list_fits_a_terminal(project: Path) -> None:
    lines = in_terminal(project, SHOW)
    assert_shown(lines)
    assert max(map(len, lines)) <= WIDTH


@pytest.mark.slow
def test_the_list_fits_without_a_terminal(project: Path) -> None:
    assert_shown(shell_in(project)("env", f"COLUMNS={WIDTH}", *SHOW).splitlines())


def test_a_change_is_one_line_of_params(tmp_path: Path) -> None:
    """In the project's own file, with comments, blocks and lists."""
    for change in ("finetune.lr=3e-5", "seed=7", "fetch.source=kaggle", "finetune.epochs=2"):
        path = tmp_path / "params.yaml"
        shutil.copy(ROOT / "params.yaml", path)
        apply_overrides(str(path), [change])
        before, after = (each.read_text().splitlines() for each in (ROOT / "params.yaml", path))
        assert len(before) == len(after)
        assert sum(old != new for old, new in zip(before, after, strict=True)) == 1


@pytest.mark.slow
def test_the_table_has_the_changes_and_differences(project: Path) -> None:
    command = ("env", "PYTHONPATH=src", "python", "-m", "animals10", "experiments")
    lines = shell_in(project)(*command).splitlines()
    assert lines[0].split() == ["cnn", "frozen", "finetuned"]
    assert lines[1].split() == ["experiment", *["validation", "test"] * 3]
    assert max(map(len, lines)) <= WIDTH
    workspace, change, baseline, _, again = lines[2:]
    assert (workspace.split()[0], baseline.split()[0]) == ("workspace", "main")
    assert change == again == "  finetune.lr = 3e-05 (was 0.0001)"
    assert len(workspace.split()) == 1 + 6 * 2
    assert len(baseline.split()) == 1 + 6


@pytest.mark.slow
def test_an_experiment_without_results_has_none_in_the_table(project: Path) -> None:
    command = ("env", "PYTHONPATH=src", "python", "-m", "animals10", "experiments")
    metrics = project / "metrics/accuracy.json"
    content = metrics.read_bytes()
    metrics.unlink()
    workspace = shell_in(project)(*command).splitlines()[2]
    metrics.write_bytes(content)
    assert workspace.split() == ["workspace", *["-"] * 6]


def test_the_widest_table_fits() -> None:
    name, value = "a" * 40, "b" * 200
    rows = [
        experiments.Experiment(
            name, {"fetch.source": each}, [1.0, 0.5, None] * 2, {"data": "", "code": ""}
        )
        for each in ("sample", "sample", value)
    ]
    lines = experiments.table(rows).splitlines()
    assert max(map(len, lines)) == WIDTH
    assert lines[2].split() == [name[:30], *["1.000", "+0.000", "0.500", "+0.000", "-"] * 2]
    assert lines[-1].startswith("  fetch.source = bbb")


@pytest.mark.slow
def test_results_of_earlier_models_are_no_experiments_own(project: Path) -> None:
    """The last test, as it leaves an experiment of one stage alone."""
    shell = shell_in(project)
    changes = ("--name", "partial", "-S", "train_cnn.epochs=1", "-S", "split.seed=7")
    shell("dvc", "exp", "run", *changes, "train_cnn")
    command = ("env", "PYTHONPATH=src", "python", "-m", "animals10")
    (row,) = [line for line in shell(*command, "experiments").splitlines() if "partial" in line]
    assert row.split() == ["partial", *["-"] * 6]
    assert "  other photos, or another split" in shell(*command, "experiments").splitlines()
    assert "it is of earlier models" in shell(*command, "compare")
    stale = "evaluate, finetune, report, train_frozen"
    assert f"partial: not recorded, {stale} has not run" in shell(*command, "sync")
