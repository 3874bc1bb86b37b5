"""Small real files that several tests share."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from filelock import FileLock
from hypothesis import settings
from PIL import Image
from pipeline.project import STAGES, make_project, stages_run

ROOT = Path(__file__).parent.parent
settings.register_profile("patient", deadline=None)  # a busy machine is no fault
settings.load_profile("patient")


def picture(seed: int, size: tuple[int, int] = (40, 30), kind: str = "JPEG") -> bytes:
    """Return the bytes of a small image file of smooth random colours."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(coarse).resize(size).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Make a folder of two classes with six photos each."""
    root = tmp_path / "photos"
    for number, name in enumerate(["cat", "dog"]):
        (root / name).mkdir(parents=True)
        for index in range(6):
            (root / name / f"{index}.jpg").write_bytes(picture(10 * number + index))
    return root


@pytest.fixture
def values() -> dict[str, Any]:
    """Return the content of params.yaml, free to be changed."""
    return yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files, the second worker with those that need no finished run."""
    first = [
        *("test_identity.py", "test_acceleration.py", "test_errors.py", "test_checkpoint.py"),
        *("test_finetuning.py", "test_families.py", "test_imagenet.py"),
        *("test_runs.py", "test_experiments.py", "test_own_files.py", "test_local_report.py"),
    ]
    items.sort(key=lambda item: [*first, item.path.name].index(item.path.name))


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Run the whole tiny pipeline once, in whichever worker is first, and commit its results."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "finished"
    done = folder.with_suffix(".done")
    with FileLock(f"{folder}.lock"):
        if not done.exists():
            folder.mkdir()
            shell = make_project(folder)
            assert stages_run(shell("dvc", "repro")) == STAGES
            shell("git", "add", "--all")
            shell("git", "commit", "--quiet", "--message", "results")
            done.touch()
    return folder
