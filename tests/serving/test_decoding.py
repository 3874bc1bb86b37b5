"""Large images are decoded in a process of their own, which may end without harm."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import picture
from serving.running import Server, serving

LARGE = ("large.png", picture(1, (4500, 4000), "PNG"))
SMALL = ("small.png", picture(2, (300, 260), "PNG"))

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def server(finished: Path, tmp_path: Path) -> Iterator[Server]:
    with serving(finished, tmp_path / "log") as running:
        yield running


def decoding_process(server: Server) -> int | None:
    """Return the process that decodes, if there is one."""
    tasks = Path(f"/proc/{server.process.pid}/task").glob("*/children")
    for child in " ".join(task.read_text() for task in tasks).split():
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
            return int(child)
    return None


def test_a_large_image_is_predicted_in_a_process_that_ends_with_the_server(server: Server) -> None:
    assert server.post(SMALL).status_code == 200
    assert decoding_process(server) is None
    (row,) = server.post(LARGE).json()["predictions"]
    assert row["file"] == "large.png"
    process = decoding_process(server)
    assert server.stop() == 0
    assert not Path(f"/proc/{process}").exists()


def test_the_process_ends_with_a_killed_server(server: Server) -> None:
    server.post(LARGE)
    process = Path(f"/proc/{decoding_process(server)}")
    assert process.exists()
    server.process.kill()
    end = time.monotonic() + 10
    while process.exists() and time.monotonic() < end:
        time.sleep(0.1)
    assert not process.exists()


def test_a_server_survives_the_end_of_the_process(server: Server) -> None:
    assert server.post(LARGE).status_code == 200
    os.kill(decoding_process(server) or 0, signal.SIGKILL)  # as the system does without memory
    time.sleep(0.5)
    lost = server.post(LARGE)
    assert lost.status_code == 503
    assert lost.json()["detail"] == "memory ran out; send a smaller image"
    assert server.post(SMALL, LARGE).status_code == 200
    assert "Traceback" not in server.log
