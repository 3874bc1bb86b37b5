import operator
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing import active_children

import pytest
from conftest import ROOT

from animals10.errors import UserError
from animals10.parallel import apart, chunks, in_order


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
from animals10.parallel import in_order
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


def test_work_apart_is_done_by_a_process_that_ends_with_it() -> None:
    assert apart(os.getpid) != os.getpid()
    assert not active_children()


def fail() -> None:
    raise UserError("no such weights")


def test_an_error_of_work_apart_is_raised() -> None:
    with pytest.raises(UserError, match="no such weights"):
        apart(fail)


@pytest.mark.parametrize("delay", [0.003, 0.01, 0.03, 0.1])  # seconds; it begins meanwhile
def test_a_stop_ends_work_apart_and_prints_one_line(delay: float) -> None:
    script = f"""
import os, signal, time
from animals10 import errors, parallel

errors.guard_imports()

def main():
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    signal.setitimer(signal.ITIMER_REAL, {delay})
    parallel.apart(time.sleep, 60)

errors.run(main)
"""
    begun = time.monotonic()
    # It waits for the end of all who could still write to the pipes.
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n"), done.stderr[:8]) == (130, 1, "stopped:")
    assert time.monotonic() - begun < 4  # when a stop ends what waits still
