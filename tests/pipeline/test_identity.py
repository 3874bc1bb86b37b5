"""The same bytes again: in another folder and process, after any kill, after a full disk."""

import subprocess
from pathlib import Path

import pytest
from pipeline.killing import Moment, fingerprint, kill, saving
from pipeline.project import STAGES, copy_project, shell_in, stages_run

NAMESPACE = ("unshare", "--map-root-user", "--mount")
FULL = """
mount -t tmpfs -o size=1g none disk && cp -a "$0"/. disk && cd disk || exit 1
cat /dev/zero > filler 2> /dev/null
truncate --size=-16K filler  # for DVC's own notes
dvc repro --force --single-item train_cnn && exit 1
echo "LEFT" $(ls -A models plots/history)
rm filler
dvc repro || exit 1
git status --porcelain
"""
UNWRITABLE = """
cd "$0" && mount -t tmpfs -o ro none metrics || exit 1
PYTHONPATH=src python stages/evaluate.py && exit 1
true
"""


@pytest.fixture(scope="module")
def elsewhere(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("elsewhere") / "project"
    copy_project(finished, folder)
    return folder


def test_a_forced_run_elsewhere_changes_no_byte(finished: Path, elsewhere: Path) -> None:
    assert stages_run(shell_in(elsewhere)("dvc", "repro", "--force")) == STAGES
    assert fingerprint(elsewhere) == fingerprint(finished)
    assert shell_in(elsewhere)("git", "status", "--porcelain") == ""


def epochs(folder: Path, stage: str) -> int:
    return len(list((folder / ".checkpoints" / stage).rglob("epoch-*.npz")))


def one_epoch(stage: str) -> Moment:
    return lambda folder: epochs(folder, stage) == 1


@pytest.mark.parametrize(
    ("stage", "until"),
    [
        ("split", saving),
        pytest.param("train_cnn", one_epoch("train_cnn"), marks=pytest.mark.slow),
        pytest.param("finetune", one_epoch("finetune"), marks=pytest.mark.slow),
    ],
)
def test_a_killed_stage_ends_as_if_never_killed(elsewhere: Path, stage: str, until: Moment) -> None:
    """A short run of `make kill`: while files are written, between two epochs, two rounds."""
    assert kill(elsewhere, stage, 0, until) == set()
    assert epochs(elsewhere, stage) <= 2


def in_a_namespace(script: str, project: Path, folder: Path) -> str:
    """Run a script that may mount file systems, which nothing outside it sees."""
    if subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets no user mount a file system")
    (folder / "disk").mkdir()
    output = shell_in(folder)(*NAMESPACE, "bash", "-c", script, str(project))
    assert "Traceback" not in output
    return output


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_the_run_succeeds_after(finished: Path, tmp_path: Path) -> None:
    copy_project(finished, tmp_path / "project")
    output = in_a_namespace(FULL, tmp_path / "project", tmp_path)
    (line,) = [line for line in output.splitlines() if line.startswith("error: ")]
    assert "No space left on device" in line
    assert line.endswith("; fix that and run the same command again")
    left = output.partition("LEFT")[2].partition("\n")[0].split()
    assert not {"cnn.keras", "cnn.csv"} & set(left)
    assert output.endswith("Use `dvc push` to send your updates to remote storage.\n")


@pytest.mark.slow
def test_an_unwritable_folder_is_one_line(elsewhere: Path, tmp_path: Path) -> None:
    output = in_a_namespace(UNWRITABLE, elsewhere, tmp_path)
    (line,) = [line for line in output.splitlines() if line.startswith("error: ")]
    assert "Read-only file system: 'metrics/" in line
