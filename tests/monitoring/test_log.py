"""The log of predictions: what it holds, how it is rotated, and how it is read."""

import json
import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT, picture

from animals10.errors import UserError
from animals10.monitoring.log import PredictionLog
from animals10.monitoring.observation import Observations
from animals10.monitoring.reading import Logged, read

MODEL: dict[str, Any] = {"name": "cnn", "version": 3, "sha256": "a" * 64}
CLASSES = ["cat", "dog"]
NUMBERS = [0.75, 118.25, 9.5, 0.1, -0.2]  # of any prediction

_OPEN = """
import sys; from pathlib import Path; import numpy as np
from animals10.monitoring.log import PredictionLog; from animals10.monitoring.observation import *
log = PredictionLog(Path(sys.argv[1])); model = {"name": "cnn", "sha256": "a" * 64}
described = [{"class": "cat", "unsure": False}]
observed = Observations(np.zeros(1, np.int64), np.ones((1, 5)))
"""


def append(path: Path, count: int, model: dict[str, Any] = MODEL) -> None:
    with closing(PredictionLog(path)) as log:
        write(log, count, model=model)


def write(log: PredictionLog, count: int, name: str = "cat", model: dict[str, Any] = MODEL) -> None:
    described = [{"file": "secret.jpg", "class": name, "unsure": False}] * count
    observed = Observations(np.zeros(count, np.int64), np.array([NUMBERS] * count))
    log.write(model, described, observed)


def run(code: str, path: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    return subprocess.Popen(
        [sys.executable, "-c", code, path],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def logged(path: Path, last: int = 1000) -> Logged:
    return read(path, MODEL["sha256"], CLASSES, columns=5, last=last)


def test_a_line_has_what_is_promised_and_neither_name_nor_image(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "predictions.jsonl"
    append(path, 2)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(rows) == 2
    assert abs((datetime.now(UTC) - datetime.fromisoformat(rows[0].pop("time"))).seconds) < 60
    assert rows[0] == {
        "model": MODEL,
        "class": "cat",
        "unsure": False,
        "probability": 0.75,
        "brightness": 118.25,
        "sharpness": 9.5,
        "projection": [0.1, -0.2],
    }


def test_a_log_is_read_as_it_was_written(tmp_path: Path) -> None:
    with closing(PredictionLog(tmp_path / "log")) as log:
        write(log, 3, "dog")
        write(log, 2)
    found = logged(tmp_path / "log")
    assert found.newest.predicted.tolist() == [1, 1, 1, 0, 0]
    assert found.newest.numbers.tolist() == [NUMBERS] * 5
    assert (found.total, found.others.total(), found.unreadable) == (5, 0, 0)
    assert logged(tmp_path / "log", last=3).newest.predicted.tolist() == [1, 0, 0]
    assert logged(tmp_path / "log", last=3).total == 5


def test_files_are_bounded_private_and_read_in_order(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with closing(PredictionLog(path, largest=2000, rotated=2)) as log:
        for number in range(40):
            write(log, 1, CLASSES[number >= 35])
    (tmp_path / "log.jsonl.bak").write_text("left alone")
    files = sorted(tmp_path.glob("log.jsonl*"))
    assert [file.name for file in files] == [
        *("log.jsonl", "log.jsonl.1", "log.jsonl.2", "log.jsonl.bak")
    ]
    for file in files[:3]:
        assert file.stat().st_size <= 2000
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    found = logged(path)
    assert 10 < found.total < 40
    assert found.newest.predicted.tolist() == [0] * (found.total - 5) + [1] * 5
    assert found.unreadable == 0


@pytest.mark.parametrize("how", ["renamed", "removed", "removed with its folder", "replaced"])
def test_a_log_that_others_move_or_remove_is_begun_anew(tmp_path: Path, how: str) -> None:
    path, moved = tmp_path / "logs" / "log", tmp_path / "moved"
    with closing(PredictionLog(path)) as log:
        write(log, 2)
        path.rename(moved)
        if how.startswith("removed"):
            moved.unlink()
        if how.endswith("folder"):
            path.parent.rmdir()
        if how == "replaced":
            append(path, 1)
        write(log, 3)
    assert logged(path).total == 3 + (how == "replaced")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    if how in ("renamed", "replaced"):
        assert logged(moved).total == 2


def test_a_log_that_is_removed_before_it_is_rotated_stays_private(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with closing(PredictionLog(path, largest=2000)) as log:
        for _ in range(3):
            write(log, 6)
            path.unlink()
        write(log, 20)
    files = list(tmp_path.iterdir())
    assert len(files) > 1
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert logged(path).total == 20


def test_a_log_is_written_again_when_what_was_in_its_way_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with closing(PredictionLog(path)) as log:
        write(log, 1)
        for make in (Path.mkdir, os.mkfifo, lambda path: path.write_text("notes")):
            path.rename(tmp_path / "log.1")
            make(path)
            with pytest.raises(UserError, match="and no file|is no log of predictions"):
                write(log, 1)
            path.rmdir() if path.is_dir() else path.unlink()
            write(log, 1)
    assert logged(path).total == 2


def test_threads_may_share_a_log(tmp_path: Path) -> None:
    opened = PredictionLog(tmp_path / "log", largest=20_000, rotated=20)
    with closing(opened) as log, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: write(log, 5), range(80)))
    found = logged(tmp_path / "log")
    assert (found.total, found.unreadable) == (400, 0)
    assert (tmp_path / "log.1").is_file()


def test_a_process_that_is_killed_leaves_whole_lines(tmp_path: Path) -> None:
    process = run(f"{_OPEN}while True: log.write(model, described, observed)", tmp_path / "log")
    while not (tmp_path / "log").is_file() or (tmp_path / "log").stat().st_size < 10_000:
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    found = logged(tmp_path / "log")
    assert found.total >= 30
    assert found.unreadable <= 1


def test_a_line_that_was_cut_costs_no_other_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    append(path, 2)
    path.write_bytes(path.read_bytes()[:-20])
    append(path, 3)
    found = logged(path)
    assert (found.total, found.unreadable) == (4, 1)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[]",
        "[" * 100_000,
        '{"model": null}',
        '{"model": {"name": "cnn", "sha256": "SHA"}}',
        '{"model": {"name": "cnn", "sha256": "SHA"}, "class": "cow", REST, "projection": [0, 0]}',
        '{"model": {"name": "cnn", "sha256": "SHA"}, "class": "cat", REST, "projection": [0]}',
        '{"model": {"name": "cnn", "sha256": "SHA"}, "class": "cat", REST, "projection": [0, NaN]}',
        '{"model": {"name": "cnn", "sha256": "SHA"}, "class": [], REST, "projection": [0, 0]}',
    ],
)
def test_lines_that_are_no_predictions_are_counted(tmp_path: Path, line: str) -> None:
    path = tmp_path / "log"
    append(path, 1)
    rest = '"probability": 1, "brightness": 1, "sharpness": 1'
    text = line.replace("SHA", MODEL["sha256"]).replace("REST", rest)
    with path.open("a") as file:
        file.write(f"{text}\n")
    found = logged(path)
    assert (found.total, found.unreadable) == (1, 1)


def test_other_models_are_counted_by_name(tmp_path: Path) -> None:
    append(tmp_path / "log", 2)
    append(tmp_path / "log", 3, {"name": "frozen", "sha256": "b" * 64})
    found = logged(tmp_path / "log")
    assert found.total == 2
    assert found.others == {("frozen", "b" * 64): 3}


def test_no_other_file_is_written_to(tmp_path: Path) -> None:
    photo = tmp_path / "1.jpg"
    photo.write_bytes(picture(1))
    with pytest.raises(UserError, match="is no log of predictions, and is left as it is"):
        PredictionLog(photo)
    assert photo.read_bytes() == picture(1)
    os.mkfifo(tmp_path / "pipe")
    for other in (tmp_path, tmp_path / "pipe", Path(os.devnull)):
        with pytest.raises(
            UserError, match="is a folder, a pipe or a device, and no file; name an"
        ):
            PredictionLog(other)
    with pytest.raises(UserError, match="cannot be a log of predictions: "):
        PredictionLog(photo / "log")
    with pytest.raises(UserError, match="nowhere is no file"):
        logged(tmp_path / "nowhere")


def test_what_a_full_disk_does_not_take_is_an_error(tmp_path: Path) -> None:
    code = (
        f"{_OPEN}import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n    while True: log.write(model, described, observed)\n"
        "except OSError as error: print(error.strerror, flush=True)\n"
    )
    done = run(code, tmp_path / "log")
    assert done.communicate()[0] == b"File too large\n"
    assert logged(tmp_path / "log").total >= 2
