"""`python -m animals10 predict`, by the models of a finished pipeline."""

import csv
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, picture
from pipeline.project import ENVIRONMENT

from animals10.evaluation.calibration import calibrated
from animals10.evaluation.predictions import read_probabilities


def predict(
    folder: Path, *arguments: str, given: str | None = None, columns: int = 80
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "animals10", "predict", *arguments],
        cwd=folder,
        env=ENVIRONMENT | {"PYTHONPATH": str(ROOT / "src"), "COLUMNS": str(columns)},
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )


def objects(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Make a folder of two photos and of files that are none, and beside it an archive."""
    folder = tmp_path / "my photos"
    (folder / "deep").mkdir(parents=True)
    (folder / "1.jpg").write_bytes(picture(1))
    (folder / "deep" / "ü.png").write_bytes(picture(2, kind="PNG"))
    (folder / "cut.jpg").write_bytes(picture(3)[:200])
    (folder / "page.jpg").write_bytes(b"<!doctype html>")
    (folder / ".hidden.jpg").write_bytes(picture(4))
    (folder / "notes.txt").write_text("left out")
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.writestr("cat/5.jpg", picture(5))
        archive.writestr("__MACOSX/cat/._5.jpg", b"left out")
    return folder


@pytest.mark.parametrize("name", ["cnn", "frozen", "finetuned"])
def test_the_projects_own_photos_have_the_probabilities_of_the_evaluation(
    finished: Path, name: str
) -> None:
    splits = pd.read_csv(finished / "data/_stages/split/splits.csv")
    archive = "data/_stages/fetch/photos.zip"
    done = predict(finished, archive, "--model", name, "--json", "--top", "10")
    assert (done.returncode, done.stderr) == (0, "")
    found = {row["file"]: dict(map(tuple, row["top"])) for row in objects(done)}
    assert len(found) == len(splits)
    classes = json.loads((finished / "models/classes.json").read_text())
    figures = json.loads((finished / "metrics/export.json").read_text())[name]
    before = read_probabilities(finished / "data/_stages/evaluate", name)
    for split in ("validation", "test"):
        expected = calibrated(before[split], figures["temperature"])
        paths = splits["path"][splits["split"] == split]
        rows = [[found[f"{archive}/{path}"][each] for each in classes] for path in paths]
        assert np.abs(np.array(rows) - expected).max() < 1e-4


def test_json_has_an_object_for_each_file_and_the_exit_code_tells_of_bad_ones(
    finished: Path, mixed: Path
) -> None:
    archive = mixed.parent / "more.zip"
    done = predict(finished, str(mixed), str(archive), "nowhere.jpg", "--json")
    assert done.returncode == 3
    rows = objects(done)
    names = [f"{mixed}/{name}" for name in ("1.jpg", "cut.jpg", "deep/ü.png", "page.jpg")]
    assert [row["file"] for row in rows] == [*names, f"{archive}/cat/5.jpg", "nowhere.jpg"]
    good = [row for row in rows if "error" not in row]
    for row in good:
        assert list(row) == ["file", "class", "probability", "top", "unsure"]
        assert row["top"][0] == [row["class"], row["probability"]]
        assert len(row["top"]) == 2
        assert 1 >= row["top"][0][1] >= row["top"][1][1] >= 0
    assert {row["error"] for row in rows if "error" in row} == {
        *("damaged image: truncated file", "not an image: HTML page"),
        "cannot be read: No such file or directory",
    }
    first, *others = done.stderr.splitlines()
    assert first.startswith("there is no champion, so the model best on validation predicts: ")
    assert others == ["3 of 6 files could not be used and were skipped"]


def test_csv_has_a_column_for_each_rank(finished: Path, mixed: Path) -> None:
    done = predict(finished, str(mixed / "*.jpg"), "--csv", "--top", "3", "--model", "cnn")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert list(rows[0]) == [
        *("file", "class", "probability", "unsure", "error"),
        *("class_2", "probability_2", "class_3", "probability_3"),
    ]
    assert [Path(row["file"]).name for row in rows] == ["1.jpg", "cut.jpg", "page.jpg"]
    assert rows[0]["unsure"] in ("true", "false")
    assert rows[1]["error"] == "damaged image: truncated file"
    assert rows[1]["class"] == ""


def test_where_nothing_is_a_photo_the_exit_code_says_so(finished: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no photo")
    command = (str(tmp_path), "--model", "cnn", "--json", "--log", str(tmp_path / "log"))
    done = predict(finished, *command)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "there is no photo in what was named\n"


@pytest.mark.parametrize("columns", [80, 120])
def test_the_table_fits_a_terminal(finished: Path, mixed: Path, columns: int) -> None:
    names = "".join(f"{mixed}/{name}\n" for name in ("1.jpg", "deep/ü.png", "page.jpg"))
    done = predict(finished, "-", given=names, columns=columns)
    header, *rows = done.stdout.splitlines()
    assert header.split() == ["file", "class", "probability", "runner-up"]
    assert len(rows) == 3
    assert max(map(len, rows)) <= columns
    assert rows[2].endswith("not an image: HTML page")
    for row in rows[:2]:
        assert len(row.split()) in (5, 6) or "my photos" in row


def test_a_list_may_name_photos_by_patterns_and_a_model_by_its_path(
    finished: Path, mixed: Path
) -> None:
    done = predict(mixed, "**/*.png", "--json", "--model", str(finished / "models/cnn.onnx"))
    assert [row["file"] for row in objects(done)] == ["deep/ü.png"]
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--model", "champion"],
            "models/champion has no model; promote one, or name another: cnn, ",
        ),
        (["--model", "nowhere.onnx"], "nowhere.onnx is no file; give champion, cnn, frozen, fine"),
        (["--model", "params.yaml"], "params.yaml is no model that the stage `export` wrote"),
        (["--top", "0"], "'0' is not allowed; give 1 or more"),
    ],
)
def test_a_mistake_is_one_line(finished: Path, arguments: list[str], message: str) -> None:
    done = predict(finished, "photo.jpg", *arguments)
    assert done.returncode in (1, 2)
    assert message in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_the_champion_goes_before_the_best(finished: Path, mixed: Path, tmp_path: Path) -> None:
    (tmp_path / "models/champion").mkdir(parents=True)
    content = (finished / "models/frozen.onnx").read_bytes()
    (tmp_path / "models/champion/frozen.onnx").write_bytes(content)
    done = predict(tmp_path, str(mixed / "1.jpg"), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    named = predict(finished, str(mixed / "1.jpg"), "--json", "--model", "frozen")
    assert done.stdout == named.stdout


def test_the_commands_of_the_readme_run(finished: Path, mixed: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = re.findall(r"^    (\S.*? predict .*?)  +#", readme, flags=re.MULTILINE)
    assert len(lines) == 2
    for name in ("models", "metrics"):
        (mixed / name).symlink_to(finished / name)
    (mixed / "photo.jpg").write_bytes(picture(7))
    (mixed / "data/photos").mkdir(parents=True)
    (mixed / "data/photos/8.jpg").write_bytes(picture(8))
    (mixed / "data/photos/notes.txt").write_text("no photo")
    outputs = []
    for line in lines:
        command = line.replace("python", sys.executable, 1) if line.startswith("py") else line
        environment = ENVIRONMENT | {"PYTHONPATH": str(ROOT / "src")}
        done = subprocess.run(
            ["bash", "-c", command], cwd=mixed, env=environment, capture_output=True, text=True
        )
        assert "Traceback" not in done.stderr
        outputs.append((done.returncode, done.stdout))
    (code, table), (worse, rows) = outputs
    assert (code, len(table.splitlines()), worse) == (0, 3, 3)  # the list has a file that is none
    assert rows.splitlines()[0] == "file,class,probability,unsure,error,class_2,probability_2"


def test_no_heavy_library_is_imported(finished: Path, mixed: Path) -> None:
    code = (
        "import runpy, sys; sys.argv = ['animals10', 'predict', *sys.argv[1:]]\n"
        "try: runpy.run_module('animals10', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "heavy = {'tensorflow', 'keras', 'mlflow', 'pandas', 'sklearn', 'scipy', 'dvc', 'onnx'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(mixed / "1.jpg")],
        cwd=finished,
        env=ENVIRONMENT | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_closed_pipe_ends_it_without_a_word(finished: Path, mixed: Path) -> None:
    command = f"{sys.executable} -m animals10 predict '{mixed}' --csv --model cnn | head -n 1"
    environment = ENVIRONMENT | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        ["bash", "-c", command], cwd=finished, env=environment, capture_output=True, text=True
    )
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_photos(finished: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for number in range(20):
        (tmp_path / f"photos/{number}.jpg").write_bytes(picture(number, (1500, 1000)))
    code = (
        "import resource, sys\nfrom pathlib import Path\n"
        "from animals10.deployment import photos\n"
        "from animals10.deployment.predictor import Predictor\n"
        "with photos.open_photos([sys.argv[2]] * int(sys.argv[3])) as found:\n"
        "    rows = photos.predictions(Predictor(Path(sys.argv[1])), found, 2)\n"
        "    print(sum(1 for row in rows))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    peaks = []
    for times in (15, 500):
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                code,
                finished / "models/cnn.onnx",
                tmp_path / "photos",
                str(times),
            ],
            env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
            capture_output=True,
            text=True,
            check=True,
        )
        count, peak = map(int, done.stdout.split())
        assert count == 20 * times
        peaks.append(peak)
    assert peaks[1] < 1.2 * peaks[0]
