"""Hostile requests over real sockets: each is refused soon, and no other request is disturbed."""

import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT, picture
from serving import attacking
from serving.hostile import CASES, chunks, exchange, request, send, trickle
from serving.running import FILES, Server, serving

IDLE = 1.5  # seconds, instead of ten
SOON = 3.0  # seconds on a busy machine


@pytest.fixture(scope="module")
def server(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("hostile") / "log"
    limits = ["--set", f"idle={IDLE}", "--set", "body_seconds=4", "--set", "body_mib=4"]
    with serving(finished, log, *limits) as running:
        yield running
        assert running.post(*FILES).status_code == 200
        assert running.metric("queue_images") == 0
        assert "Traceback" not in running.log


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_soon(server: Server, name: str) -> None:
    expected, content = CASES[name]
    code, seconds = exchange(server.port, content)
    assert code == expected
    assert seconds < SOON
    assert server.get("/health/ready").status_code == 200


def test_a_body_of_unknown_length_is_refused_when_it_is_too_long(server: Server) -> None:
    code, seconds = send(server.port, chunks(200))
    assert code == 413
    assert seconds < SOON


def test_an_endless_body_ends(server: Server) -> None:
    parts = chunks(20_000)  # 1.3 GB
    assert send(server.port, parts)[0] in (413, 0)
    assert next(parts, None) is not None  # it was not all taken


def test_a_body_that_stops_is_refused_after_the_patience(server: Server) -> None:
    code, seconds = exchange(server.port, request(picture(1), length=10_000))
    assert code == 408
    assert IDLE <= seconds < IDLE + SOON


def test_a_body_that_trickles_is_refused_after_its_time(server: Server) -> None:
    code, seconds = trickle(server.port, request(b"", length=1000), 0.5, lambda: False)
    assert code == 408
    assert 4 <= seconds < 4 + SOON


def test_a_head_that_trickles_is_closed(server: Server) -> None:
    begin = time.monotonic()
    head = b"GET /health/live HTTP/1.1\r\nHost: "
    try:
        code, _ = trickle(server.port, head, 0.3, lambda: time.monotonic() > begin + 10)
    except (BrokenPipeError, ConnectionResetError):
        code = 0
    assert code == 0
    assert time.monotonic() - begin < IDLE + SOON
    assert exchange(server.port, b"")[0] == 0  # nor does one that says nothing stay


def test_a_slow_head_on_a_used_connection_is_closed(server: Server) -> None:
    whole = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
    patience = IDLE + 2 * SOON
    with socket.create_connection(("127.0.0.1", server.port), timeout=patience) as connection:
        connection.sendall(whole + whole[:10])
        received = b""
        while part := connection.recv(1000):  # a timeout is an error
            received += part
    assert received.startswith(b"HTTP/1.1 200")


def test_all_bodies_together_are_bounded(finished: Path, tmp_path: Path) -> None:
    limits = ["--set", "held_mib=1", "--set", "idle=2"]
    with serving(finished, tmp_path / "log", *limits) as running:
        held = request(bytes(900_000), length=1_000_000)
        threads = [threading.Thread(target=exchange, args=(running.port, held))]
        threads[0].start()
        time.sleep(0.5)
        assert exchange(running.port, request(bytes(400_000)))[0] == 503
        threads[0].join()
        assert running.post(*FILES).status_code == 200


def test_connections_are_bounded(finished: Path, tmp_path: Path) -> None:
    with serving(
        finished, tmp_path / "log", "--set", "connections=8", "--set", "idle=2"
    ) as running:
        waiting = [threading.Thread(target=exchange, args=(running.port, b"G")) for _ in range(8)]
        for each in waiting:
            each.start()
        time.sleep(0.5)
        assert running.get("/health/live").status_code == 200
        full = running.post(*FILES)
        assert full.status_code == 503
        assert full.headers["Retry-After"] == "1"
        assert "too many connections" in full.json()["detail"]
        for each in waiting:
            each.join()
        assert running.post(*FILES).status_code == 200
        assert running.metric('refused_total{reason="connections"}') == 1


def test_hundreds_of_idle_connections_fill_no_log(finished: Path, tmp_path: Path) -> None:
    with serving(finished, tmp_path / "log", "--set", "connections=8") as running:
        before = len(running.log)
        idle = [socket.create_connection(("127.0.0.1", running.port)) for _ in range(400)]
        time.sleep(2)
        for each in idle:
            each.close()
        time.sleep(0.5)
        assert running.post(*FILES).status_code == 200
        assert len(running.log) == before


def test_more_connections_than_open_files_are_refused_at_the_start(finished: Path) -> None:
    command = 'ulimit -n 300; exec "$0" -m animals10 serve --no-page --port 0'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable],
        cwd=finished,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "512 connections need 768 open files, and the system allows 300; give" in line


@pytest.mark.slow
@pytest.mark.parametrize("kind", attacking.KINDS)
def test_honest_clients_are_not_disturbed(finished: Path, tmp_path: Path, kind: str) -> None:
    """The 99th percentile of four honest clients at most doubles beside twenty hostile ones."""
    with serving(finished, tmp_path / "log") as running:
        honest = [("a.jpg", picture(1, (300, 260)))]

        def p99(seconds: float) -> float:
            times: list[float] = []
            end = time.monotonic() + seconds

            def ask() -> None:
                while time.monotonic() < end:
                    begin = time.perf_counter()
                    assert running.post(*honest).status_code == 200
                    times.append(time.perf_counter() - begin)
                    time.sleep(0.05)

            clients = [threading.Thread(target=ask) for _ in range(4)]
            for client in clients:
                client.start()
            for client in clients:
                client.join()
            return statistics.quantiles(times, n=100)[98]

        p99(5)
        alone = p99(15)
        # In a process of their own, lest the clients wait for each other's interpreter.
        command = [sys.executable, "-m", "serving.attacking", str(running.port), kind]
        with subprocess.Popen(
            command, env=os.environ | {"PYTHONPATH": "src:tests"}, cwd=ROOT
        ) as attackers:
            time.sleep(2)
            beside = p99(15)
            assert attackers.poll() is None
            attackers.kill()
        assert beside < 2 * max(alone, 0.02), (alone, beside)
