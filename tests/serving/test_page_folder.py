"""The folder of uploads: what a killed server left is removed, and nothing else."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from animals10.serving import page_folder


def test_what_a_killed_server_left_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    script = (
        "import os; from animals10.serving import page_folder; "
        "folder = page_folder.make(); print(folder.name, flush=True); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    left = Path(killed.stdout.strip())
    (left / "photo.jpg").write_bytes(b"somebody's")
    with page_folder.make() as own, page_folder.make() as another:
        assert not left.exists()
        assert Path(own).is_dir()
        assert Path(another).stat().st_mode & 0o777 == 0o700
