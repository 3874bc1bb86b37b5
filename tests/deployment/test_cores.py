"""How many cores a process may use, by its affinity and by its container's limits."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from animals10.deployment import cores

OWN = cores.count(Path("/nowhere"))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("max 100000\n", OWN),
        ("100000 100000\n", 1),
        ("50000 100000\n", 1),  # half a core
        ("6400000 100000\n", OWN),  # more than there are
    ],
)
def test_a_containers_limit_is_kept(tmp_path: Path, content: str, expected: int) -> None:
    (tmp_path / "cpu.max").write_text(content)
    assert cores.count(tmp_path / "cpu.max") == expected


@pytest.mark.skipif(OWN < 2, reason="one core has no fraction that counts as two")
def test_a_fraction_of_a_core_counts_as_one(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("110000 100000\n")
    assert cores.count(tmp_path / "cpu.max") == 2


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="macOS has no affinity")
def test_a_process_that_is_bound_to_a_core_counts_one() -> None:
    code = (
        "import os; from animals10.deployment import cores\n"
        "os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); print(cores.count())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "1\n"
