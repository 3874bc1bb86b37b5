"""Large images are decoded in a process of their own, which may end without harm."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import picture
from serving.hostile import scans
from serving.running import TOKEN, Server, serving

from animals10.serving.decoding import expected_work

LARGE = ("large.png", picture(1, (2500, 2000), "PNG"))
SMALL = ("small.png", picture(2, (300, 260), "PNG"))
SLOW = ("slow.jpg", scans(80, (8000, 6000)))  # it takes seconds

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def server(finished: Path, tmp_path: Path) -> Iterator[Server]:
    with serving(finished, tmp_path / "log") as running:
        yield running


def decoding_process(server: Server) -> int | None:
    """Return the process that decodes, if there is one."""
    tasks = Path(f"/proc/{server.process.pid}/task").glob("*/children")
    for child in " ".join(task.read_text() for task in tasks).split():
        if b"decoding_process" in Path(f"/proc/{child}/cmdline").read_bytes():
            return int(child)
    return None


def wait_for_process(server: Server) -> int:
    """Return the process that decodes, when there is one."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if process := decoding_process(server):
            return process
        time.sleep(0.005)
    raise AssertionError(server.log)


def ended(process: int) -> bool:
    """Wait until a process is gone."""
    end = time.monotonic() + 10
    while Path(f"/proc/{process}").exists() and time.monotonic() < end:
        time.sleep(0.05)
    return not Path(f"/proc/{process}").exists()


def test_what_an_image_costs_is_told_before_it_is_decoded() -> None:
    assert expected_work(bytearray(picture(1, (300, 200)))) == 300 * 200
    assert expected_work(bytearray(picture(1, (300, 200), "PNG"))) == 4 * 300 * 200
    assert expected_work(bytearray(scans(20, (300, 200)))) > 20 * 300 * 200
    thumbnail = picture(2, (60, 40))
    content = picture(1, (300, 200))
    inside = b"\xff\xe5" + (2 + len(thumbnail)).to_bytes(2, "big") + thumbnail
    assert expected_work(bytearray(content[:2] + inside + content[2:])) == 300 * 200
    assert expected_work(bytearray(b"no image")) == 0


def test_a_large_image_is_predicted_in_a_process_that_ends_with_the_server(
    finished: Path, tmp_path: Path
) -> None:
    secret = {"ANIMALS10_TOKEN": TOKEN}
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with serving(finished, tmp_path / "log", environment=secret) as running:
        assert running.post(SMALL, headers=headers).status_code == 200
        assert decoding_process(running) is None
        (row,) = running.post(LARGE, headers=headers).json()["predictions"]
        assert row["file"] == "large.png"
        process = wait_for_process(running)
        assert TOKEN.encode() not in Path(f"/proc/{process}/environ").read_bytes()
        assert running.stop() == 0
        assert ended(process)


def test_the_process_ends_with_a_killed_server(server: Server) -> None:
    server.post(LARGE)
    process = wait_for_process(server)
    server.process.kill()
    assert ended(process)
    assert "Warning" not in server.log


def test_a_process_that_has_ended_is_started_again(server: Server) -> None:
    assert server.post(LARGE).status_code == 200
    os.kill(wait_for_process(server), signal.SIGKILL)
    assert server.post(LARGE).status_code == 200


def test_an_image_over_which_the_process_ends_twice_is_refused(server: Server) -> None:
    with ThreadPoolExecutor(1) as pool:
        lost = pool.submit(server.post, SLOW)
        for _ in range(2):  # as the system does when memory runs out
            process = wait_for_process(server)
            os.kill(process, signal.SIGKILL)
            assert ended(process)
    assert lost.result().status_code == 503
    assert lost.result().json()["detail"].startswith("the process that decodes large images ended")
    assert server.post(SMALL, LARGE).status_code == 200
    assert "Traceback" not in server.log


def test_an_image_that_nobody_waits_for_holds_up_no_other(finished: Path, tmp_path: Path) -> None:
    with serving(finished, tmp_path / "log", "--set", "deadline=1.5") as running:
        log = running.log
        assert running.post(SLOW).status_code == 504
        assert running.post(LARGE).status_code == 200
        assert running.log == log


def test_a_server_that_stops_ends_the_process_too(server: Server) -> None:
    with ThreadPoolExecutor(1) as pool:
        slow = [("slow.jpg", SLOW[1])] * 2
        last = pool.submit(server.post, *slow)
        process = wait_for_process(server)
        time.sleep(0.5)
        begin = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - begin < 4
    assert last.result().status_code in (200, 503)
    assert ended(process)
    assert "Traceback" not in server.log
