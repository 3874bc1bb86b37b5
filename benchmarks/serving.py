"""How much a server bears: python benchmarks/serving.py [SECONDS].

Server and clients share this machine's cores. 16 clients ask one after another for SECONDS (300),
then requests arrive at four times that rate for a tenth of the time. MLflow's server gets the same
clients for a tenth of the time, so there must be a champion. Writes benchmarks/serving.md.
"""

import argparse
import asyncio
import base64
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from drawn import jpeg

from animals10 import errors
from animals10.data.archives import Entry
from animals10.deployment import choosing, photos
from animals10.deployment.predictor import Predictor
from animals10.errors import UserError
from animals10.tracking import store
from animals10.tracking.provenance import revision, surroundings

CLIENTS, OVERLOAD, PHOTOS = 16, 4, 64
DEADLINE = 10.0  # seconds, the server's own
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def request(content: bytes, path: str = "/predict", kind: str = "image/jpeg") -> bytes:
    """Write a request with a body."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


def mlflow_request(content: bytes) -> bytes:
    """Write a request to MLflow's server."""
    records = {"dataframe_records": [{"image": base64.b64encode(content).decode()}]}
    return request(json.dumps(records).encode(), "/invocations", "application/json")


def batch_rate(predictor: Predictor, contents: list[bytes], seconds: float) -> float:
    """Count the images a second that `predict` decodes and predicts."""

    def read(content: bytes) -> Callable[[], bytes]:
        return lambda: content

    entries = [Entry("photo", read(content), len(content)) for content in contents] * 4
    list(photos.predictions(predictor, entries, 2))
    count, begin = 0, time.perf_counter()
    while (passed := time.perf_counter() - begin) < seconds:
        count += len(list(photos.predictions(predictor, entries, 2)))
    return count / passed


@dataclass
class Load:
    """What clients saw: seconds of each response by status, and the server's memory in MiB."""

    seconds: dict[int, list[float]] = field(default_factory=dict)
    memory: list[float] = field(default_factory=list)

    def count(self, status: int, seconds: float) -> None:
        """Note a response; status 0 is none."""
        self.seconds.setdefault(status, []).append(seconds)

    def p99(self, status: int) -> float:
        """Return the 99th percentile of a status in seconds."""
        return statistics.quantiles(self.seconds[status], n=100)[98]

    @property
    def counts(self) -> Counter[int]:
        """The responses by status."""
        return Counter({status: len(each) for status, each in sorted(self.seconds.items())})


class Clients:
    """Connections that are kept, and what comes over them."""

    def __init__(self, port: int, requests: list[bytes]) -> None:
        self._port, self._requests = port, requests
        self._free: list[Connection] = []
        self.load = Load()

    async def ask(self, number: int) -> None:
        """Send a request over a connection that is free, or a new one."""
        begin, status = time.perf_counter(), 0
        try:
            while self._free and self._free[-1][0].at_eof():
                self._free.pop()  # the server has closed it
            if not self._free:
                self._free.append(await asyncio.open_connection("127.0.0.1", self._port))
            connection = self._free.pop()
            status = await _exchange(connection, self._requests[number % len(self._requests)])
            self._free.append(connection)
        except (OSError, EOFError):
            pass  # counted as no response
        self.load.count(status, time.perf_counter() - begin)

    async def one_after_another(self, seconds: float) -> None:
        """Let each client ask when its last response has come."""
        end = time.perf_counter() + seconds

        async def client(number: int) -> None:
            while time.perf_counter() < end:
                await self.ask(number)
                number += CLIENTS

        await asyncio.gather(*map(client, range(CLIENTS)))

    async def at_a_rate(self, rate: float, seconds: float) -> None:
        """Send requests whether or not earlier ones are served."""
        begin, tasks = time.perf_counter(), list[asyncio.Task[None]]()
        while (passed := time.perf_counter() - begin) < seconds:
            for number in range(len(tasks), int(passed * rate)):
                tasks.append(asyncio.create_task(self.ask(number)))
            await asyncio.sleep(0.005)
        await asyncio.gather(*tasks)

    async def watch(self, process: int) -> None:
        """Note the server's memory every second, until cancelled."""
        server = psutil.Process(process)
        while True:
            self.load.memory.append(server.memory_info().rss / 2**20)
            await asyncio.sleep(1)


async def _exchange(connection: Connection, content: bytes) -> int:
    reader, writer = connection
    writer.write(content)
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-len"))
    await reader.readexactly(int(length.split(b":")[1]))
    return int(head.split()[1])


@contextmanager
def serving() -> Iterator[tuple[int, int]]:
    """Start a server; yield its port and process."""
    command = [sys.executable, "-m", "animals10", "serve", "--port", "0", "--no-page"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            line = next(line for line in process.stderr or () if " on http" in line)
            yield urlsplit(line.split(" on ")[1].split(";")[0]).port or 0, process.pid
        finally:
            process.terminate()


@contextmanager
def mlflow_serving() -> Iterator[int]:
    """Start MLflow's server of the champion; yield its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local"]
    command += ["--model-uri", "models:/animals10@champion", "--port", str(port)]
    found = {"MLFLOW_TRACKING_URI": store.locate()[0]}
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, env=os.environ | found, stdout=quiet, stderr=quiet) as process:
        try:
            while process.poll() is None:
                time.sleep(0.5)
                with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
            else:
                raise UserError("MLflow serves no champion; see docs/champion.md")
            yield port
        finally:
            process.terminate()


async def measure_mlflow(port: int, contents: list[bytes], seconds: float) -> Load:
    """Load MLflow's server."""
    warm, steady = (Clients(port, list(map(mlflow_request, contents))) for _ in range(2))
    await warm.one_after_another(2)
    await steady.one_after_another(seconds)
    return steady.load


async def measure(port: int, process: int, contents: list[bytes], seconds: float) -> list[Load]:
    """Load the server in both ways."""
    warm, steady, overload = (Clients(port, list(map(request, contents))) for _ in range(3))
    await warm.one_after_another(2)
    watching = asyncio.create_task(steady.watch(process))
    await steady.one_after_another(seconds)
    watching.cancel()
    rate = OVERLOAD * steady.load.counts[200] / seconds
    await overload.at_a_rate(rate, max(2.0, seconds / 10))
    return [steady.load, overload.load]


def report(rate: float, steady: Load, overload: Load, seconds: float) -> Iterator[str]:
    """Yield a row for each thing measured."""
    served, memory = steady.counts[200] / seconds, steady.memory
    quarter = max(1, len(memory) // 4)
    early, late = statistics.median(memory[:quarter]), statistics.median(memory[-quarter:])
    busy = f"{1000 * overload.p99(503):.0f} ms" if overload.counts[503] > 1 else "none came"
    yield f"| predict, images/s | {rate:.0f} |"
    yield f"| {CLIENTS} clients, {seconds:g} s: requests/s | {served:.0f} |"
    yield f"| of the rate of predict | {served / rate:.2f} |"
    yield f"| responses by status | {dict(steady.counts)} |"
    median = 1000 * statistics.median(steady.seconds[200])
    yield f"| median, 99th percentile | {median:.0f} ms, {1000 * steady.p99(200):.0f} ms |"
    yield f"| memory, first and last quarter | {early:.0f} MiB, {late:.0f} MiB |"
    yield f"| {OVERLOAD} times the rate: responses by status | {dict(overload.counts)} |"
    yield f"| 503, 99th percentile | {busy} |"
    longest = max(overload.seconds[200])
    yield f"| 200, longest, of {DEADLINE:g} s allowed | {longest:.2f} s |"


def report_mlflow(load: Load, seconds: float) -> str:
    """Return the row of MLflow's server."""
    rate, slow = load.counts[200] / seconds, 1000 * load.p99(200)
    return (
        f"| `mlflow models serve`, the same clients and model, {seconds:g} s | {rate:.0f} "
        f"requests/s, 99th percentile {slow:.0f} ms, {dict(load.counts)} |"
    )


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seconds", nargs="?", default=300.0, type=float)
    seconds = parser.parse_args().seconds
    contents = [jpeg(number) for number in range(PHOTOS)]
    model = Predictor(choosing.find()[0])
    rate = batch_rate(model, contents, min(10.0, seconds))
    with serving() as (port, process):
        steady, overload = asyncio.run(measure(port, process, contents, seconds))
    with mlflow_serving() as port:
        other = asyncio.run(measure_mlflow(port, contents, seconds / 10))
    rows = "\n".join([*report(rate, steady, overload, seconds), report_mlflow(other, seconds / 10)])
    text = (
        "# How much a server bears\n\n"
        f"By `python benchmarks/serving.py {seconds:g}`, revision {revision()[:7]}, on\n"
        f"{surroundings()['machine']}; server and clients share the cores. A request is a JPEG of\n"
        f"300 x 260 pixels; the model takes {model.size} pixels.\n\n"
        "| | |\n|---|---|\n"
    )
    Path("benchmarks/serving.md").write_text(text + rows + "\n", encoding="utf-8")
    print(rows)


if __name__ == "__main__":
    errors.run(main)
