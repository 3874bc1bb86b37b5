"""dvc.yaml has what runs Keras keep the memory that it frees."""

import platform
import subprocess

import pytest
import yaml
from conftest import ROOT

# Prints how many pages blocks of 64 MB take from the system, one after another, but for the first.
TAKING = """
from resource import RUSAGE_SELF, getrusage
first = 0
for _ in range(10):
    b"x" * 2**26
    first = first or getrusage(RUSAGE_SELF).ru_minflt
print(getrusage(RUSAGE_SELF).ru_minflt - first)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="its variables are glibc's")
def test_memory_is_taken_from_the_system_once() -> None:
    (variables,) = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["vars"]
    assert 10 * pages(variables["keras"]) < pages("python")


def pages(command: str) -> int:
    """Run `TAKING` by a command of a shell."""
    shell = ["sh", "-c", f"{command} -"]
    return int(subprocess.check_output(shell, input=TAKING, text=True, cwd=ROOT))
