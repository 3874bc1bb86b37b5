import subprocess
import sys

from conftest import ROOT


def test_damaged_images_are_kept_or_rejected() -> None:
    """A short run of `make fuzz`."""
    done = subprocess.run(
        [sys.executable, "tests/images/fuzz_images.py", "1000", "1"],
        cwd=ROOT,
        env={"PYTHONPATH": "src"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith("1,000 files, longest ")
