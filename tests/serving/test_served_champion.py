"""Which model a server has: the champion, also when it changes, is damaged or disappears."""

import json
import shutil
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from serving.running import FILES, Server, refused, serving


def promote(folder: Path, version: int, source: Path, damaged: bool = False) -> str:
    """Change the champion as `promote` does: a new folder, and one rename of a link to it."""
    place = folder / "models/champions" / str(version)
    place.mkdir(parents=True)
    content = source.read_bytes()
    (place / "model.onnx").write_bytes(content[: len(content) // 2] if damaged else content)
    shutil.copy(source.with_suffix(".reference.npz"), place / "model.reference.npz")
    (place / "champion.json").write_text(json.dumps({"version": version, "promoted": "2026-01-01"}))
    link = folder / "models/.champion"
    link.symlink_to(f"champions/{version}")
    link.replace(folder / "models/champion")
    return str(version)


def wait_for(running: Server, version: int) -> None:
    end = time.monotonic() + 30
    while running.get("/model").json()["version"] != version:
        assert time.monotonic() < end, running.log
        time.sleep(0.05)


def wait_for_problem(running: Server) -> None:
    end = time.monotonic() + 30
    while not running.get("/model").json()["problem"]:
        assert time.monotonic() < end, running.log
        time.sleep(0.05)


@contextmanager
def clients(running: Server) -> Iterator[list[tuple[int, Any]]]:
    """Post FILES in three threads until the block ends; collect statuses and contents."""
    stop, received = threading.Event(), list[tuple[int, Any]]()

    def ask() -> None:
        while not stop.is_set():
            response = running.post(*FILES)
            received.append((response.status_code, response.json()))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield received
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_new_champion_is_served_without_a_failed_request(finished: Path, tmp_path: Path) -> None:
    promote(tmp_path, 1, finished / "models/cnn.onnx")
    log = tmp_path / "predictions.jsonl"
    with serving(tmp_path, tmp_path / "log", "--log", str(log)) as running:
        with clients(running) as received:
            for version, name in ((2, "frozen"), (3, "finetuned")):
                promote(tmp_path, version, finished / f"models/{name}.onnx")
                wait_for(running, version)
            promote(tmp_path, 4, finished / "models/cnn.onnx", damaged=True)
            wait_for_problem(running)
        assert {status for status, _ in received} == {200}
        seen = [content for _, content in received]
        assert {each["model"]["version"] for each in seen} == {1, 2, 3}
        # The same photos have the same predictions for as long as the model is the same.
        found = defaultdict[Any, list[float]](list)
        for each in seen:
            for row in each["predictions"]:
                found[each["model"]["version"], row["file"]].append(row["probability"])
        assert len(found) == 3 * len(FILES)
        assert all(max(values) - min(values) < 1e-4 for values in found.values())
        logged = [json.loads(line) for line in log.read_text().splitlines()]
        versions = Counter(each["model"]["version"] for each in seen for _ in FILES)
        assert Counter(row["model"]["version"] for row in logged) == versions
        assert not any(name in log.read_text() for name, _ in FILES)
        assert running.metric("model_problem") == 1
        assert "4/model.onnx is no model" in running.log


def test_after_a_damaged_champion_the_next_is_served(finished: Path, tmp_path: Path) -> None:
    promote(tmp_path, 1, finished / "models/cnn.onnx")
    with serving(tmp_path, tmp_path / "log") as running:
        promote(tmp_path, 2, finished / "models/cnn.onnx", damaged=True)
        wait_for_problem(running)
        promote(tmp_path, 3, finished / "models/cnn.onnx")
        wait_for(running, 3)
        promote(tmp_path, 4, finished / "models/cnn.onnx")
        record = tmp_path / "models/champions/4/champion.json"
        whole = record.read_text()
        record.write_text("[]")
        wait_for_problem(running)
        assert "4/champion.json is no JSON object" in running.log
        record.write_text(whole)  # as somebody repairs it
        wait_for(running, 4)
        assert running.get("/model").json()["problem"] is None


@pytest.mark.parametrize("dangles", [False, True])
def test_a_champion_that_disappears_is_served_on(
    finished: Path, tmp_path: Path, dangles: bool
) -> None:
    shutil.copytree(finished / "metrics", tmp_path / "metrics")
    shutil.copytree(finished / "models", tmp_path / "models", symlinks=True)
    promote(tmp_path, 1, finished / "models/cnn.onnx")
    with serving(tmp_path, tmp_path / "log") as running:
        link = tmp_path / "models/champion"
        link.unlink()
        if dangles:
            link.symlink_to("champions/9")
        wait_for_problem(running)
        assert running.get("/model").json()["version"] == 1
        assert ("has no model" if dangles else "models/champion is gone") in running.log
    if dangles:
        assert "models/champion has no model; promote one" in refused(tmp_path, "--port", "0")


@pytest.mark.parametrize("what", ["sha256", "reference"])
def test_a_champion_that_is_not_what_it_says_is_not_served(
    finished: Path, tmp_path: Path, what: str
) -> None:
    promote(tmp_path, 1, finished / "models/cnn.onnx")
    place = tmp_path / "models/champions/1"
    if what == "sha256":
        (place / "champion.json").write_text(json.dumps({"version": 1, "sha256": "0" * 64}))
        message = "is not the model that"
    else:
        shutil.copy(finished / "models/frozen.reference.npz", place / "model.reference.npz")
        message = "does not give the outputs that"
    assert message in refused(tmp_path, "--port", "0")
