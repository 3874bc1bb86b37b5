"""dvc.yaml names the packages and parameters that each stage's code imports and reads."""

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT

SOURCES = ROOT / "src"
PACKAGE = SOURCES / "animals10"
STAGES: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
PARAMS: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
# So that an edited message or tag trains nothing again.
EXEMPT = {"__init__.py", "errors.py", "parameters.py", "tracking"}
# Properties of the parameters, and the parameters that decide them.
DECIDED_BY = {"backbone_size": ["backbone.image_size", "backbone.name", "fetch.source"]}
# From images on down: each imports only those before it.
ORDER = (
    *("images", "data", "models", "acceleration", "training", "evaluation"),
    *("reporting", "monitoring", "deployment", "serving", "tracking"),
)


def imported(path: Path) -> set[Path]:
    """Return the project's files that a Python file imports, directly."""
    found: set[Path] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("animals10"):
            names = [f"{node.module}.{alias.name}" for alias in node.names] + [str(node.module)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.startswith("animals10")]
        else:
            continue
        for name in names:
            module = SOURCES / Path(*name.split("."))
            found |= {f for f in (module.with_suffix(".py"), module / "__init__.py") if f.is_file()}
    return found


def unit(file: Path) -> str:
    """Return what dvc.yaml would name for a file: its package, or itself at the top."""
    package, *inside = file.relative_to(SOURCES).parts
    return f"src/{package}/{inside[0]}" if package == "animals10" else f"src/{package}"


def closure(path: Path) -> set[str]:
    """Return the packages and top files that a script runs."""
    seen, queue = set[Path](), [path]
    while queue:
        for file in imported(queue.pop()) - seen:
            if unit(file).rpartition("/")[2] not in EXEMPT:
                seen.add(file)
                queue.append(file)
    return set(map(unit, seen))


@pytest.mark.parametrize("stage", STAGES)
def test_code_dependencies_are_exactly_what_is_imported(stage: str) -> None:
    if STAGES[stage].get("always_changed"):
        assert "deps" not in STAGES[stage]  # it runs whatever changed
        return
    declared = {dep for dep in STAGES[stage]["deps"] if dep.startswith("src/")}
    assert declared == closure(ROOT / "stages" / f"{stage}.py")
    assert len(STAGES[stage]["deps"]) == len(set(STAGES[stage]["deps"]))
    assert f"stages/{stage}.py" in STAGES[stage]["deps"]


@pytest.mark.parametrize("stage", STAGES)
def test_parameters_are_exactly_what_is_read(stage: str) -> None:
    script = (ROOT / "stages" / f"{stage}.py").read_text(encoding="utf-8")
    if stage == "check":
        return  # it runs whatever changed
    named = re.findall(r"\bparams\.(\w+(?:\.\w+)?)", script)
    read = {key for name in named for key in DECIDED_BY.get(name, [name])}
    declared = set(STAGES[stage]["params"])
    # A declared block covers its keys; a declared key covers itself alone.
    assert {key if key in declared else key.partition(".")[0] for key in read} == declared
    blocks = {key.partition(".")[0] for key in declared}
    assert len([key for key in blocks if isinstance(PARAMS[key], dict)]) <= 3


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=str)
def test_imports_lead_downwards_only(path: Path) -> None:
    place = path.relative_to(PACKAGE).parts
    if place[0] == "__main__.py":
        return
    above = set(ORDER[: ORDER.index(place[0]) + 1]) if place[0] in ORDER else set()
    names = {
        file.relative_to(PACKAGE).parts[0] for file in imported(path) if PACKAGE in file.parents
    }
    assert names & set(ORDER) <= above


def test_acceleration_is_imported_at_one_place() -> None:
    scripts = [*PACKAGE.rglob("*.py"), *(ROOT / "stages").glob("*.py")]
    acceleration = PACKAGE / "acceleration"
    users = {
        path
        for path in scripts
        if acceleration not in path.parents
        and any(acceleration in file.parents for file in imported(path))
    }
    assert users == {PACKAGE / "training" / "execution.py"}


@pytest.mark.parametrize(
    ("library", "packages"),
    [("mlflow", {"tracking"}), ("tensorflow", {"acceleration", "deployment", "training"})],
)
def test_packages_that_import_a_library(library: str, packages: set[str]) -> None:
    pattern = re.compile(rf"^\s*(import|from) {library}\b", re.MULTILINE)
    users = {
        path.relative_to(PACKAGE).parts[0]
        for path in PACKAGE.rglob("*.py")
        if pattern.search(path.read_text(encoding="utf-8"))
    }
    assert users == packages


def test_every_stage_script_is_a_stage() -> None:
    assert {path.stem for path in (ROOT / "stages").glob("*.py")} == set(STAGES)


def test_the_test_split_reaches_no_training_stage() -> None:
    for stage in ("train_cnn", "train_frozen", "finetune"):
        assert not [dep for dep in STAGES[stage]["deps"] if Path(dep).stem == "test"]
        assert "test" not in (ROOT / "stages" / f"{stage}.py").read_text(encoding="utf-8")
    for test in ("data/_stages/split/cnn/test", "data/_stages/split/transfer/test"):
        users = [name for name, stage in STAGES.items() if test in stage.get("deps", [])]
        assert users == ["evaluate", "robustness", "report", "export"]


def test_data_outputs_lie_where_no_users_files_are() -> None:
    for name, stage in STAGES.items():
        outs = [out if isinstance(out, str) else next(iter(out)) for out in stage.get("outs", [])]
        data = [out for out in outs if out.startswith("data/")]
        assert not [out for out in data if not f"{out}/".startswith(f"data/_stages/{name}/")]


def test_git_tracks_no_output_that_may_be_a_picture() -> None:
    for stage in STAGES.values():
        for out in [*stage.get("outs", []), *stage.get("plots", [])]:
            name, options = (out, {}) if isinstance(out, str) else next(iter(out.items()))
            tracked = options.get("cache", True) is False
            assert (
                not tracked or Path(name).suffix in (".csv", ".json") or name == "plots/confusion"
            )


def test_byte_code_is_no_dependency() -> None:
    cached = "src/animals10/data/__pycache__/images.cpython-311.pyc"
    command = [sys.executable, "-m", "dvc", "check-ignore", cached]
    assert (
        subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip() == cached
    )
