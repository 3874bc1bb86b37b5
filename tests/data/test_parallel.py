import operator
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from conftest import ROOT

from animals10.data.parallel import chunks, in_order
from animals10.errors import UserError


def test_chunks_are_of_256_items_or_64_mebibytes() -> None:
    assert [len(chunk) for chunk in chunks(range(600), lambda _: 1)] == [256, 256, 88]
    sizes = [20, 40, 70, 1, 63, 1]  # MiB
    assert list(chunks(sizes, lambda size: size * 2**20)) == [[20, 40], [70], [1, 63], [1]]


def test_results_come_in_order_with_their_items() -> None:
    chunks = [list(range(-50, -10)), [], list(range(-10, 0))]
    expected = [(number, -number) for number in range(-50, 0)]
    assert list(in_order(abs, chunks)) == expected


def test_work_is_done_elsewhere() -> None:
    [(_, process)] = in_order(operator.call, [[os.getpid]])
    assert process != os.getpid()


def test_no_more_than_two_chunks_are_in_memory() -> None:
    asked: list[int] = []

    def chunks() -> Iterator[list[int]]:
        for number in range(5):
            asked.append(number)
            yield [number]

    seen = [(number, len(asked)) for number, _ in in_order(abs, chunks())]
    assert seen == [(0, 2), (1, 3), (2, 4), (3, 5), (4, 5)]


def test_a_process_that_the_system_ends_is_one_clear_line() -> None:
    with pytest.raises(UserError, match="the system ended a process of this command"):
        list(in_order(signal.raise_signal, [[signal.SIGKILL]]))


def test_ctrl_c_is_left_to_the_first_process() -> None:
    assert list(in_order(signal.raise_signal, [[signal.SIGINT]])) == [(signal.SIGINT, None)]


def test_processes_end_with_the_first_one() -> None:
    script = """
import signal
from animals10.data.parallel import in_order
for item, result in in_order(abs, [[-1], [-2]]):
    signal.raise_signal(signal.SIGKILL)
"""
    # It waits for the end of all who could still write to the pipe.
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        timeout=10,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL


STOP = """
import os, signal, sys, time
from animals10 import errors
from animals10.data import parallel

errors.guard_imports()

def main():
    for _ in parallel.in_order(time.sleep, [[0], [60] * 100, [60]]):
        print("started", flush=True)

errors.run(main)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_ends_all_processes_within_five_seconds_with_one_line(number: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", STOP],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Else it is ignored where these tests run in a shell's background.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout
    process.stdout.readline()
    begun = time.monotonic()
    # A terminal's Ctrl-C reaches all processes.
    (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    # It waits for the end of all who could still write to the pipes.
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors.count("\n"), errors[:8]) == (130, 1, "stopped:")
    assert time.monotonic() - begun < 6  # those that are left see within a second that it is gone
