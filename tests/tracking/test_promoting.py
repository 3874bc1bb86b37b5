"""Which model `promote` makes champion, and what it says to the others."""

import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Collection
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT
from deployment.champions import require_whole
from pipeline.project import ENVIRONMENT
from tracking import promotable, small_project

from animals10.deployment import champion
from animals10.errors import UserError
from animals10.tracking import promoting, registry, store

HALF = range(20)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a project with a champion that has half of the photos right, in a git repository."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_EXP_NAME", raising=False)
    for command in (["init", "--quiet"], ["commit", "--quiet", "--allow-empty", "-m", "start"]):
        subprocess.run(["git", *command], env=ENVIRONMENT, check=True)
    promotable.write_results({"cnn": HALF})
    promote()
    return tmp_path


def promote(
    model: str | None = None, force: str | None = None, experiment: str = "workspace"
) -> list[str]:
    return list(promoting.promote(experiment, model, force))


def test_the_first_champion_needs_no_comparison() -> None:
    about = champion.require()
    assert (about["name"], about["version"], about["previous"]) == ("cnn", 1, None)
    assert (about["reason"], about["validation_accuracy"]) == ("the first champion", 0.5)
    assert about["scores"]["test"]["accuracy"] == 0.5
    assert about["experiment"].startswith("repro-")
    assert re.fullmatch("[0-9a-f]{40}-dirty", about["revision"])
    table = pd.read_csv("models/champion/validation.csv", dtype=str)
    assert list(table) == ["sha256", "label", "predicted"]
    assert (table["label"] == table["predicted"]).sum() == len(HALF)


@pytest.mark.parametrize(
    ("right", "p"), [(range(26), "0.031"), ([*range(1, 20), *range(20, 29)], "0.021")]
)
def test_a_model_better_beyond_chance_becomes_champion(right: Collection[int], p: str) -> None:
    promotable.write_results({"cnn": right}, seed=1)
    lines = promote()
    assert lines[0].startswith("champion is version 2, cnn of repro-")
    assert lines[0].endswith(f"p = {p}")
    assert lines[1].startswith("previous is version 1, cnn of repro-")
    about = champion.require()
    assert (about["version"], about["previous"]) == (2, 1)
    assert about["reason"].startswith("it beats version 1 beyond chance, of 40 photos only the new")


@pytest.mark.parametrize(
    ("right", "facts"),
    [
        (range(20), "new model has 0 right, only the old one 0, p = 1;"),
        (range(25), "new model has 5 right, only the old one 0, p = 0.062;"),
        (range(10), "new model has 0 right, only the old one 10, p = 0.002;"),
        (range(10, 40), "new model has 20 right, only the old one 10, p = 0.099;"),
    ],
)
def test_a_model_not_better_beyond_chance_is_refused_in_one_line(
    right: Collection[int], facts: str
) -> None:
    promotable.write_results({"cnn": right}, seed=1)
    with pytest.raises(UserError) as refused:
        promote()
    line = str(refused.value)
    assert "\n" not in line
    assert f"validation accuracy {len(right) / 40:.3f}, does not beat the champion" in line
    assert "validation accuracy 0.500, beyond chance: of 40 photos only the" in line
    assert facts in line
    assert champion.require()["version"] == 1


def test_a_reason_makes_any_model_champion() -> None:
    promotable.write_results({"cnn": range(10)}, seed=1)
    promote(force="the old one is too slow")
    assert champion.require()["reason"] == "forced: the old one is too slow"
    assert champion.require()["version"] == 2


@pytest.mark.parametrize("reason", ["", " "])
def test_an_empty_reason_is_none(reason: str) -> None:
    promotable.write_results({"cnn": range(40)}, seed=1)
    with pytest.raises(UserError, match=f"--force '{reason}' gives no reason; say why, as --force"):
        promote(force=reason)
    assert champion.require()["version"] == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("validation.csv", None, "is missing, so no model can be compared with the"),
        (
            "validation.csv",
            "",
            "is damaged, so no model can be compared with the ch",
        ),
        (
            "validation.csv",
            "a,b\n",
            "is damaged, so .* version 1, cnn of .* `python -m animals10 ro",
        ),
        (
            "champion.json",
            None,
            "is missing; restore it, or make another .* compared .* --force RE",
        ),
        ("champion.json", "[]", "is damaged .* restore it, or make another .* --force REASON"),
    ],
)
def test_a_champion_that_lacks_a_file_is_only_replaced_for_a_reason(
    name: str, content: str | None, message: str
) -> None:
    promotable.write_results({"cnn": range(40)}, seed=1)
    path = Path("models/champions/1", name)
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(UserError, match=f"^models/champion/{name[:4]}.*{message}"):
        promote()
    lines = promote(force="the old one is damaged")
    known = "cnn of repro-" if name == "validation.csv" else "which is missing or damaged"
    assert lines[1].startswith(f"previous is version 1, {known}")
    about = champion.require()
    assert (about["version"], about["previous"]) == (2, 1)


def test_a_champion_whose_folder_is_gone_is_only_replaced_for_a_reason() -> None:
    promotable.write_results({"cnn": range(40)}, seed=1)
    shutil.rmtree("models/champions/1")
    with pytest.raises(UserError, match="models/champion/champion.json is missing; restore it, or"):
        promote()
    promote(force="the old one is gone")
    assert champion.require()["version"] == 2


def test_a_model_of_other_photos_needs_a_reason() -> None:
    promotable.write_results({"cnn": range(40)}, first=10, seed=1)
    with pytest.raises(UserError, match=r"other photos or labels \(40, this model on 40, 30 in bo"):
        promote()
    promote(force="more photos")
    assert champion.require()["version"] == 2


def test_a_model_of_other_labels_needs_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deployment.tiny_export.CLASSES", ["dog", "cat"])
    promotable.write_results({"cnn": range(40)}, seed=1)
    with pytest.raises(UserError, match=r"other photos or labels \(40, this model on 40, 0 in bot"):
        promote()


def test_the_best_on_validation_is_meant_unless_a_model_is_named() -> None:
    results = {"cnn": range(30), "frozen": range(40), "finetuned": range(35)}
    promotable.write_results(results, seed=1)
    promote()
    assert champion.require()["name"] == "frozen"
    assert Path("models/champion/model.md").read_text() == "# frozen\n"
    promote(model="cnn", force="small")
    assert champion.require()["name"] == "cnn"


def test_the_champion_itself_is_not_promoted_again() -> None:
    with pytest.raises(UserError, match="is champion already: version 1, cnn of repro-"):
        promote(force="again")


def test_results_of_earlier_models_are_refused() -> None:
    promotable.write_results({"cnn": range(40)}, seed=1)
    promotable.change_input("evaluate")
    with pytest.raises(UserError, match="are of earlier models: evaluate, export did not run"):
        promote()


def test_an_experiment_without_results_is_refused() -> None:
    promotable.forget("export")
    with pytest.raises(UserError, match="workspace has no results of export; `dvc repro`"):
        promote()
    with pytest.raises(UserError, match="HEAD has no results of evaluate and export"):
        promote(experiment="HEAD")


def test_results_that_were_changed_by_hand_are_refused() -> None:
    promotable.write_results({"cnn": range(40)}, seed=1)
    table = Path("data/_stages/evaluate/predictions.csv")
    table.write_text(table.read_text() + "more\n")
    with pytest.raises(UserError, match="predictions.csv is not what dvc.lock says"):
        promote()


def test_an_unknown_experiment_is_one_line() -> None:
    with pytest.raises(UserError, match="nowhere is no experiment or git revision of this clone"):
        promote(experiment="nowhere")


def test_experiments_of_the_same_name_are_told_apart_by_their_commits() -> None:
    git = ["git", "rev-parse", "HEAD"]
    head = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    more = ["git", "commit-tree", f"{head}^{{tree}}", "-m", "another"]
    done = subprocess.run(more, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    for digit, commit in enumerate((head, done.stdout.strip())):
        ref = f"refs/exps/0{digit}/{head[2:]}/brave-cat"
        subprocess.run(["git", "update-ref", ref, commit], check=True)
    with pytest.raises(UserError, match="2 experiments are named brave-cat; give a commit"):
        promote(experiment="brave-cat")


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "animals10", *arguments],
        env=ENVIRONMENT | {"PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.mark.slow
def test_two_promotions_at_once_come_one_after_the_other() -> None:
    promotable.write_results({"cnn": range(20), "frozen": range(30)}, seed=1)
    both = [
        start("promote", "workspace", "--model", name, "--force", "x") for name in ("cnn", "frozen")
    ]
    for process in both:
        output, _ = process.communicate()
        assert process.returncode == 0, output
    assert require_whole()["version"] == 3
    assert [about["previous"] for about in champion.versions().values()] == [None, 1, 2]


@pytest.mark.slow
def test_thirty_kills_leave_a_whole_champion_each_time(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Of the command, until its end in MLflow's registry; a sync completes that."""
    # As the trainings made it: MLflow cannot use a database that was killed while it was made.
    shutil.copy(small_project.empty_store(tmp_path_factory.getbasetemp()), project)
    promotable.write_results({"cnn": range(20), "frozen": range(30)}, seed=1)
    kills, changes, seconds = 0, 0, 20.0
    while kills < 30:
        before = require_whole()
        name = "cnn" if before["name"] == "frozen" else "frozen"
        begin = time.perf_counter()
        process = start("promote", "workspace", "--model", name, "--force", "a test")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=random.uniform(0.1, 1) * seconds)  # noqa: S311
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            kills += 1
        else:
            seconds = time.perf_counter() - begin
        after = require_whole()
        assert after["version"] in (before["version"], before["version"] + 1)
        changes += after != before
    print(f"{kills} kills; {changes} promotions came to their end or were killed after the change")
    assert changes
    with contextlib.suppress(UserError):
        champion.rollback()
    assert {path.name for path in Path("models/champions").glob("[0-9]*")} == {
        str(version) for version in champion.versions()
    }
    process = start("sync")
    output, _ = process.communicate()
    assert process.returncode == 0, output
    assert list(registry.follow()) == []
    client = store.connect().client
    registered = client.get_model_version_by_alias(registry.NAME, "champion")
    assert registered.tags["sha256"] == champion.require()["sha256"]


def test_no_heavy_library_is_imported() -> None:
    code = (
        "import sys\nfrom animals10.tracking import promoting\n"
        "print(*promoting.promote('workspace', None, 'a test'), sep='\\n')\n"
        "print(sorted({'tensorflow', 'keras', 'jax', 'mlflow', 'dvc', 'onnx'} & set(sys.modules)))"
    )
    promotable.write_results({"cnn": range(40)}, seed=1)
    environment = ENVIRONMENT | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
