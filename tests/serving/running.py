"""A real server in a process of its own, and the pictures that it is sent."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from conftest import ROOT, picture
from pipeline.project import ENVIRONMENT

FILES = [("a.jpg", picture(1)), ("b.png", picture(2, kind="PNG")), ("ü.jpg", picture(3))]
TOKEN = "a-token-of-these-tests-alone"  # noqa: S105


class Server:
    """A process that serves, its address, and what it has printed."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process, self._log = process, log
        self.url = self._wait_for_url()
        self.port = urlsplit(self.url).port or 0

    def _wait_for_url(self) -> str:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            found = re.search(r" on (http://\S+);", self.log)
            if found:
                return found[1]
            assert self.process.poll() is None, self.log
            time.sleep(0.02)
        raise AssertionError(self.log)

    @property
    def log(self) -> str:
        return self._log.read_text()

    def post(self, *files: tuple[str, bytes], **options: Any) -> requests.Response:
        parts = [("files", file) for file in files]
        return requests.post(f"{self.url}/predict", files=parts, timeout=60, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        return requests.get(f"{self.url}{path}", timeout=60, **options)

    def metric(self, name: str) -> float:
        """Return the sum of a metric's series that a pattern names."""
        found = re.findall(rf"^animals10_{name} (\S+)$", self.get("/metrics").text, re.MULTILINE)
        return sum(map(float, found))

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20)


@contextmanager
def serving(
    folder: Path,
    log: Path,
    *arguments: str,
    environment: dict[str, str] | None = None,
    page: bool = False,
) -> Iterator[Server]:
    """Serve from a folder on a free port until the block ends."""
    command = [sys.executable, "-m", "animals10", "serve", "--port", "0", *arguments]
    command += [] if page else ["--no-page"]
    variables = ENVIRONMENT | {"PYTHONPATH": str(ROOT / "src")} | (environment or {})
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=folder, env=variables, stdout=file, stderr=file)
    try:
        yield Server(process, log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def refused(folder: Path, *arguments: str, environment: dict[str, str] | None = None) -> str:
    """Return the one line of a server that does not start."""
    done = subprocess.run(
        [sys.executable, "-m", "animals10", "serve", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")} | (environment or {}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


def large_picture(seed: int, size: tuple[int, int] = (3000, 2000)) -> bytes:
    """Return a JPEG whose decoding takes some time."""
    return picture(seed, size)
