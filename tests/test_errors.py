import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT

# Where the tests run in the background of a script, they and their children ignore SIGINT.
PROGRAM = """
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from pathlib import Path
from animals10 import files, errors

errors.guard_imports()
{imports}

def main():
    with files.replacing(Path("out.txt")) as temporary:
        temporary.write_text("half")
        {body}

errors.run(main)
"""


STOPPED = "stopped: run the same command again; what is finished is kept\n"


def start(body: str, folder: Path, imports: str = "", **settings: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(body=body, imports=imports)],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT / "src"), **settings},
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come in 30 s")


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("raise errors.UserError('no such class')", "error: no such class\n"),
        (
            "raise OSError(28, 'No space left on device')",
            "error: [Errno 28] No space left on devic",
        ),
        (
            "raise errors.UserError('https://me:p@ss@x/y?token=1 fails')",
            "error: https://x/y?… fails",
        ),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(body: str, line: str, tmp_path: Path) -> None:
    process = start(body, tmp_path)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert stderr.startswith(line)
    assert stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_failure_that_may_be_our_own_keeps_its_traceback(tmp_path: Path) -> None:
    process = start("open('/nowhere/x')", tmp_path)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert stderr.startswith("error: [Errno 2] No such file or directory: '/nowhere/x'; its traceb")
    log = Path(stderr.rpartition(" is in ")[2].strip())
    assert "Traceback (most recent call last):" in log.read_text()
    log.unlink()
    process = start("{}['a']", tmp_path)
    assert process.communicate(timeout=60)[1].endswith("KeyError: 'a'\n")


def test_an_experiment_that_fails_says_how_to_go_back(tmp_path: Path) -> None:
    process = start("raise errors.UserError('no')", tmp_path, DVC_EXP_NAME="brave-cat")
    *_, last = process.communicate(timeout=60)[1].splitlines()
    assert "`git checkout . && dvc checkout` goes back" in last


def test_a_stdout_that_knows_few_letters_costs_no_run(tmp_path: Path) -> None:
    process = start("print('Käfer')", tmp_path, PYTHONIOENCODING="ascii")
    assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_is_one_line_and_leaves_nothing(number: signal.Signals, tmp_path: Path) -> None:
    process = start("time.sleep(60)", tmp_path)
    wait_for(lambda: any(path.read_text() for path in tmp_path.iterdir()))
    process.send_signal(number)
    try:
        _, stderr = process.communicate(timeout=5)
    finally:
        process.kill()
    assert process.returncode == 130
    assert stderr == STOPPED
    assert not list(tmp_path.iterdir())


def test_imports_are_stopped_as_well(tmp_path: Path) -> None:
    process = start("", tmp_path, imports="Path('importing').touch(); time.sleep(60)")
    wait_for((tmp_path / "importing").exists)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=5)
    assert (process.returncode, stderr) == (130, STOPPED)


def test_a_stop_that_is_swallowed_comes_nevertheless(tmp_path: Path) -> None:
    swallow = """
        try:
            Path("begun").touch(); time.sleep(60)
        except BaseException:
            time.sleep(60)
"""
    process = start(swallow.strip(), tmp_path)
    wait_for((tmp_path / "begun").exists)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=5)
    assert (process.returncode, stderr) == (130, STOPPED)


def test_a_stop_comes_in_the_midst_of_a_long_call(tmp_path: Path) -> None:
    begin = "import hashlib; Path('begun').touch(); "
    process = start(begin + "hashlib.pbkdf2_hmac('sha512', b'', b'', 50_000_000)", tmp_path)
    wait_for((tmp_path / "begun").exists)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=5)
    assert (process.returncode, stderr) == (130, STOPPED)


TRAINING = """
import keras, numpy as np
from animals10.acceleration.datasets import to_dataset
from animals10.training.batches import Batches, Examples
from animals10.training.execution import seed_everything

class Slow(Batches):
    def __getitem__(self, index):
        if index:
            Path("begun").touch()
        for _ in range(20):
            time.sleep(0.01)
        return super().__getitem__(index)

def fail(batch, logs):
    raise errors.UserError("no such class")

def train(**callbacks):
    seed_everything(0)  # asks for deterministic results
    model = keras.Sequential([keras.Input((256, 256)), keras.layers.Flatten(),
        keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    batches = Slow(Examples(np.zeros((400, 256, 256), np.float32), np.zeros(400, int)), 4)
    told = keras.callbacks.LambdaCallback(**callbacks)
    model.fit(to_dataset(batches), verbose=0, callbacks=[told])
"""


def test_a_training_is_stopped_while_batches_are_drawn(tmp_path: Path) -> None:
    process = start("train()", tmp_path, TRAINING)
    wait_for((tmp_path / "begun").exists)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=8)
    assert process.returncode == 130
    assert stderr.endswith(STOPPED)


def test_a_mistake_that_a_training_meets_ends_it(tmp_path: Path) -> None:
    process = start("train(on_train_batch_end=fail)", tmp_path, TRAINING)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert stderr.endswith("error: no such class\n")


def test_a_stage_ends_when_its_dvc_is_gone(tmp_path: Path) -> None:
    program = PROGRAM.format(body="time.sleep(60)", imports="")
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import subprocess; subprocess.run({[sys.executable, '-c', program]})",
        ],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT / "src"), "DVC_STAGE": "train_cnn"},
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: any(path.read_text() for path in tmp_path.iterdir()))
    parent.kill()
    assert parent.communicate(timeout=5)[1] == STOPPED  # the end of the child's output as well
    assert not list(tmp_path.iterdir())


def test_another_signal_than_a_stop_ends_nothing(tmp_path: Path) -> None:
    body = "signal.signal(signal.SIGALRM, lambda *_: None); signal.alarm(1); time.sleep(6)"
    _, stderr = start(body, tmp_path).communicate(timeout=10)
    assert stderr == ""


def test_a_process_ends_that_begins_when_its_parent_is_gone_already(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    process = start(f"errors.follow_parent({gone.pid}); time.sleep(60)", tmp_path)
    _, stderr = process.communicate(timeout=5)
    assert (process.returncode, stderr) == (130, STOPPED)


@pytest.mark.parametrize("stage", ["fetch", "finetune"])
@pytest.mark.parametrize("moment", [0.3, 1.0, 3.0])
def test_stages_are_stopped_while_they_import(stage: str, moment: float, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, ROOT / "stages" / f"{stage}.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "TF_CPP_MIN_LOG_LEVEL": "3"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        process.wait(timeout=moment)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=5)
    # A signal may come too late: then the stage has said that it has no parameters.
    assert stderr.endswith(
        (STOPPED, "error: params.yaml is missing; run from the project's folder\n")
    )
    assert "Traceback" not in stderr


def test_a_fault_of_the_program_keeps_its_traceback(tmp_path: Path) -> None:
    process = start("1 / 0", tmp_path)
    _, stderr = process.communicate(timeout=60)
    assert "Traceback" in stderr
