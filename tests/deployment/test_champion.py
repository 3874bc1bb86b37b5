"""What is champion on disk, through promotions, rollbacks and mistakes."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from deployment import tiny_export
from deployment.champions import origin, require_whole
from pipeline.project import ENVIRONMENT

from animals10.deployment import champion, choosing
from animals10.errors import UserError


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def add(seed: int) -> champion.Champion:
    with champion.lock():
        return champion.add(tiny_export.contents(seed), origin(), "a test")


def test_each_promotion_keeps_the_one_before_and_rollbacks_return_to_it() -> None:
    for seed in (1, 2, 3):
        added = add(seed)
        assert champion.current() == added
        assert Path("models/champion").readlink() == Path("champions", str(seed))
        assert choosing.find() == (Path("models/champion/model.onnx"), "")
    assert (added["version"], added["previous"]) == (3, 2)
    now, left = champion.rollback()
    assert (now["version"], left["version"]) == (2, 3)
    again = add(4)
    assert (again["version"], again["previous"]) == (4, 2)
    assert [champion.rollback()[0]["version"] for _ in range(2)] == [2, 1]
    with pytest.raises(UserError, match="version 1 is the first champion"):
        champion.rollback()
    assert list(champion.versions()) == [1, 2, 3, 4]


def test_versions_outlive_a_link_that_was_removed() -> None:
    add(1)
    Path("models/champion").unlink()
    assert add(2)["version"] == 2
    assert list(champion.versions()) == [1, 2]


@pytest.mark.parametrize("removed", ["champions/3", "champion", "champion champions/3"])
def test_no_number_is_given_twice(removed: str) -> None:
    """Though the newest version was removed after a rollback, or is champion still."""
    for seed in (1, 2, 3):
        add(seed)
    if removed == "champions/3":
        champion.rollback()
    for name in removed.split():
        place = Path("models", name)
        place.unlink() if place.is_symlink() else shutil.rmtree(place)
    assert add(4)["version"] == 4
    champion.rollback() if removed == "champions/3" else None
    assert add(5)["version"] == 5


def test_a_number_is_not_given_twice_in_a_project_that_remembers_none() -> None:
    for seed in (1, 2):
        add(seed)
    Path("models/champions/.highest").unlink()
    champion.rollback()
    shutil.rmtree("models/champions/2")
    assert add(3)["version"] == 3


def test_a_promotion_killed_after_its_rename_was_a_promotion() -> None:
    add(1)
    add(2)
    Path("models/champions/.unfinished").write_text("2")
    champion.rollback()
    add(3)
    assert list(champion.versions()) == [1, 2, 3]


def test_without_a_champion_there_is_no_rollback() -> None:
    with pytest.raises(UserError, match="there is no champion; `python -m animals10 promote"):
        champion.rollback()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("model.onnx", b"none", "is no model that the stage `export` wrote"),
        ("model.reference.npz", b"none", "is missing or damaged"),
        ("model.reference.npz", None, "does not give the outputs that"),
    ],
)
def test_a_damaged_model_never_becomes_champion(
    name: str, content: bytes | None, message: str
) -> None:
    first = add(1)
    damaged = tiny_export.contents(3)[name] if content is None else content
    contents = tiny_export.contents(2) | {name: damaged}
    with champion.lock(), pytest.raises(UserError, match=message):
        champion.add(contents, origin(), "a test")
    assert champion.current() == first
    assert [path.name for path in Path("models/champions").glob("[0-9]*")] == ["1"]


def test_a_damaged_previous_version_is_no_aim_of_a_rollback() -> None:
    add(1)
    second = add(2)
    reference = Path("models/champions/1/model.reference.npz")
    with np.load(reference) as archive:
        np.savez(reference, **{**archive, "probabilities": 1 - archive["probabilities"]})
    with pytest.raises(UserError, match="does not give the outputs"):
        champion.rollback()
    assert champion.current() == second


def test_a_previous_version_of_another_sha256_is_no_aim_of_a_rollback() -> None:
    """As the server would refuse it, though its outputs are those of its reference."""
    add(1)
    second = add(2)
    for name, content in tiny_export.contents(3).items():
        Path("models/champions/1", name).write_bytes(content)
    message = (
        r"champions/1/model.onnx has sha256 \w+, not \w+ as models/champions/1/champion.json sa"
    )
    with pytest.raises(UserError, match=message):
        champion.rollback()
    Path("models/champions/1/model.onnx").unlink()
    with pytest.raises(UserError, match="champions/1/model.onnx is missing; restore it or promote"):
        champion.rollback()
    assert champion.current() == second


def test_a_folder_that_a_user_put_there_is_not_replaced(project: Path) -> None:
    own = project / "models/champion/own.onnx"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"the user's own")
    with pytest.raises(UserError, match="models/champion is no link"):
        add(1)
    assert own.read_bytes() == b"the user's own"
    assert champion.versions() == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "Expecting property name"),
        ("[]", r"it must be a JSON object, not \[\]"),
        ("[" * 100_000, ".*recursion"),
        ('{"name": "cnn"}', "experiment: Field required"),
        (("version", "2"), "version: Input should be a valid integer, not '2'"),
        (("version", True), "version: Input should be a valid integer, not True"),
        (("previous", "1"), "previous: Input should be a valid integer, not '1'"),
        (("validation_accuracy", None), "validation_accuracy: Input should be a valid number, not"),
        (("scores", {"test": []}), r"scores.test: Input should be a valid dictionary, not \[\]"),
    ],
)
def test_a_damaged_description_is_one_line(text: str | tuple[str, object], message: str) -> None:
    add(1)
    path = Path("models/champion/champion.json")
    changed = text if isinstance(text, str) else json.dumps(edited(path, *text))
    path.write_text(changed)
    expected = (
        rf"^models/champion/champion.json is damaged \({message}.*\); restore it, or make anoth"
    )
    with pytest.raises(UserError, match=expected):
        champion.current()


def edited(path: Path, key: str, value: object) -> dict[str, object]:
    return json.loads(path.read_text()) | {key: value}


def test_a_damaged_version_of_long_ago_is_skipped_and_named() -> None:
    for seed in (1, 2, 3, 4):
        add(seed)
    Path("models/champions/1/champion.json").write_text("[]")
    Path("models/champions/2/champion.json").unlink()
    Path("models/champions/3.zip").write_bytes(b"a user's copy")
    assert list(champion.versions()) == [3, 4]
    assert list(champion.describe())[-3:] == [
        "previous:  version 3, cnn of brave-cat, validation accuracy 0.750",
        "skipped:   models/champions/1/champion.json is damaged (it must be a JSON object, not "
        "[]); restore it, or remove models/champions/1",
        "skipped:   models/champions/2/champion.json is missing; restore it, or remove "
        "models/champions/2",
    ]
    assert add(5)["version"] == 5


def test_a_damaged_previous_version_is_named() -> None:
    add(1)
    add(2)
    Path("models/champions/1/champion.json").write_text('{"version": "1"}')
    assert "previous:  version 1, which is missing or damaged" in list(champion.describe())
    with pytest.raises(UserError, match="champions/1/champion.json is damaged"):
        champion.rollback()
    assert add(3)["previous"] == 2


def test_the_description_names_what_its_readers_need() -> None:
    add(1)
    add(2)
    about = json.loads(Path("models/champion/champion.json").read_text())
    assert {"name", "version", "sha256", "experiment", "revision", "promoted"} < set(about)
    first, *others = champion.describe()
    assert first == "champion:  version 2, cnn of brave-cat, validation accuracy 0.750"
    assert others[-1] == "previous:  version 1, cnn of brave-cat, validation accuracy 0.750"


def test_one_change_at_a_time_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    add(1)
    monkeypatch.setattr(champion, "_PATIENCE", 0.1)
    with champion.lock(), pytest.raises(UserError, match="another promote or rollback is at work"):
        champion.rollback()


@pytest.mark.parametrize(("action", "before", "after"), [("promote", 2, 3), ("rollback", 2, 1)])
def test_a_kill_before_any_file_operation_leaves_a_whole_champion(
    action: str, before: int, after: int, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    add(1)
    add(2)
    for name, content in tiny_export.contents(3).items():
        Path("made").mkdir(exist_ok=True)
        Path("made", name).write_bytes(content)
    environment = ENVIRONMENT | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests'}"}
    command = [sys.executable, "-m", "deployment.killed_changes", str(folder), action]
    subprocess.run(command, env=environment, check=True)
    copies = sorted(project.glob("project-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    assert len(copies) > {"promote": 30, "rollback": 5}[action]
    found = []
    for copy in copies:
        monkeypatch.chdir(copy)
        found.append(require_whole()["version"])
        add(4)  # which clears what the kill left
        assert {path.name for path in Path("models/champions").iterdir() if path.is_dir()} == {
            str(version) for version in champion.versions()
        }
        assert not list(Path("models").glob(".champion"))
        assert not list(Path("models/champions").glob(".unfinished"))
        assert champion.require()["previous"] == found[-1]
    assert found == sorted(found, reverse=after < before)
    assert (found[0], found[-1]) == (before, after)
