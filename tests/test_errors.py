import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT

# Where the tests run in the background of a script, they and their children ignore SIGINT.
PROGRAM = """
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from pathlib import Path
from animals10 import artifacts, errors

def main():
    with artifacts.replacing(Path("out.txt")) as temporary:
        temporary.write_text("half")
        {body}

errors.run(main)
"""


def start(body: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(body=body)],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT / "src")},
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("raise errors.UserError('no such class')", "error: no such class\n"),
        ("open('/nowhere/x')", "error: [Errno 2] No such file or directory: '/nowhere/x'; mend "),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(body: str, line: str, tmp_path: Path) -> None:
    process = start(body, tmp_path)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert stderr.startswith(line)
    assert stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_is_one_line_and_leaves_nothing(number: signal.Signals, tmp_path: Path) -> None:
    process = start("time.sleep(60)", tmp_path)
    while not any(path.read_text() for path in tmp_path.iterdir()):
        time.sleep(0.05)
    process.send_signal(number)
    try:
        _, stderr = process.communicate(timeout=10)
    finally:
        process.kill()
    assert process.returncode == 130
    assert stderr == "stopped: run the same command again; finished stages are kept\n"
    assert not list(tmp_path.iterdir())


def test_a_fault_of_the_program_keeps_its_traceback(tmp_path: Path) -> None:
    process = start("1 / 0", tmp_path)
    _, stderr = process.communicate(timeout=60)
    assert "Traceback" in stderr
