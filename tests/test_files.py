import json
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from animals10 import files


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    files.write_json(path, {"old": 1})
    with pytest.raises(ValueError, match="Out of range float"):
        files.write_json(path, {"new": float("nan")})
    assert json.loads(path.read_text()) == {"old": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_an_array_that_is_cut_off_is_told_with_its_path(tmp_path: Path) -> None:
    """As by a full disk: numpy's error has neither number nor path."""
    script = """
import resource, sys
from pathlib import Path
import numpy as np
from animals10 import files
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    files.write_array(Path("labels.npy"), np.zeros(10_000, np.int64))
except OSError as error:
    print(error)
"""
    command = [sys.executable, "-c", script]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    told = subprocess.check_output(command, cwd=tmp_path, env=environment, text=True)
    assert told.startswith("[Errno 28] not written whole (10000 requested and ")
    assert told.endswith(": 'labels.npy'\n")
    assert not list(tmp_path.iterdir())


def test_what_a_kill_left_is_taken_away(tmp_path: Path) -> None:
    with files.replacing(tmp_path / "a.json") as temporary:
        temporary.write_text("1")
    temporary.write_text("half")
    files.write_json(tmp_path / "a.json", 1)
    assert list(tmp_path.iterdir()) == [tmp_path / "a.json"]


def test_json_has_sorted_keys_and_six_decimals(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.json"
    files.write_json(path, {"b": [1 / 3], "a": 1})
    assert path.read_text() == '{\n  "a": 1,\n  "b": [\n    0.333333\n  ]\n}\n'


def test_csv_has_six_decimals(tmp_path: Path) -> None:
    files.write_csv(tmp_path / "a.csv", pd.DataFrame({"x": [1 / 3], "n": [2]}))
    assert (tmp_path / "a.csv").read_text() == "x,n\n0.333333,2\n"


def test_zip_does_not_depend_on_the_time(tmp_path: Path) -> None:
    files.write_zip(tmp_path / "a.zip", [("x", b"1"), ("y", b"2")])
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.namelist() == ["x", "y"]
        assert archive.read("y") == b"2"
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def model() -> keras.Model:
    keras.backend.clear_session()
    keras.utils.set_random_seed(1)
    shared = keras.layers.Dense(3, name="shared")
    inputs = keras.Input((4,))
    return keras.Model(inputs, shared(keras.layers.Dense(4)(inputs)))


def test_the_same_model_gives_the_same_bytes_and_loads_in_plain_keras(tmp_path: Path) -> None:
    first, second = tmp_path / "a.keras", tmp_path / "b.keras"
    files.write_model(first, model())
    time.sleep(2.1)  # a zip counts time in steps of two seconds
    files.write_model(second, model())
    assert first.read_bytes() == second.read_bytes()
    x = np.ones((2, 4), "float32")
    loaded = keras.saving.load_model(first, safe_mode=True)
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model().predict(x, verbose=0))


def test_a_projects_folder_is_its_own_root(tmp_path: Path) -> None:
    assert files.root(tmp_path) == tmp_path


def test_a_temporary_copy_belongs_to_its_project(tmp_path: Path) -> None:
    copy = tmp_path / ".dvc" / "tmp" / "exps" / "standalone" / "tmp1"
    copy.mkdir(parents=True)
    assert files.root(copy) == tmp_path
