"""Every module that a stage runs is among its dependencies, so that an edit reruns it."""

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "animals10"


STAGES: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


def imported(path: Path) -> set[Path]:
    """Return the project's files that a Python file imports, directly."""
    found: set[Path] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("animals10"):
            names = [f"{node.module}.{alias.name}" for alias in node.names] + [str(node.module)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            module = ROOT / "src" / Path(*name.split("."))
            found |= {f for f in (module.with_suffix(".py"), module / "__init__.py") if f.is_file()}
    # What is recorded decides no result.
    return {
        file
        for file in found - {PACKAGE / "__init__.py"}
        if not file.is_relative_to(PACKAGE / "tracking")
    }


def closure(path: Path) -> set[Path]:
    """Return all files that a script runs; the drawing package, which changes as one, as one."""
    seen, queue = set[Path](), [path]
    while queue:
        file = queue.pop()
        if file not in seen:
            seen.add(file)
            queue.extend(imported(file))
    drawing = PACKAGE / "drawing"
    return {drawing if file.is_relative_to(drawing) else file for file in seen}


@pytest.mark.parametrize("stage", STAGES)
def test_code_dependencies_are_exactly_what_is_imported(stage: str) -> None:
    if STAGES[stage].get("always_changed"):
        assert "deps" not in STAGES[stage]  # it runs whatever changed
        return
    paths = {(ROOT / dep).resolve() for dep in STAGES[stage]["deps"]}
    declared = {path for path in paths if path.is_relative_to(PACKAGE)} | (
        {path for path in paths if path.is_relative_to(ROOT / "stages")}
    )
    data = {path for path in declared if path.suffix not in (".py", "")}
    assert declared - data == closure(ROOT / "stages" / f"{stage}.py")


def test_every_stage_script_is_a_stage() -> None:
    assert {path.stem for path in (ROOT / "stages").glob("*.py")} == set(STAGES)


def test_the_test_split_reaches_no_training_stage() -> None:
    for stage in ("train_cnn", "train_frozen", "finetune"):
        assert not [dep for dep in STAGES[stage]["deps"] if Path(dep).stem == "test"]
        assert "test" not in (ROOT / "stages" / f"{stage}.py").read_text(encoding="utf-8")
    test = "data/_stages/split/test"
    assert [name for name, stage in STAGES.items() if test in stage.get("deps", [])] == ["evaluate"]


def test_data_outputs_lie_where_no_users_files_are() -> None:
    for name, stage in STAGES.items():
        outs = [out if isinstance(out, str) else next(iter(out)) for out in stage["outs"]]
        data = [out for out in outs if out.startswith("data/")]
        assert not [out for out in data if not out.startswith(f"data/_stages/{name}/")]


def test_git_tracks_no_output_that_may_be_a_picture() -> None:
    for stage in STAGES.values():
        for out in [*stage.get("outs", []), *stage.get("plots", [])]:
            name, options = (out, {}) if isinstance(out, str) else next(iter(out.items()))
            tracked = options.get("cache", True) is False
            assert not tracked or Path(name).suffix in (".csv", ".json"), name


def test_byte_code_is_no_dependency() -> None:
    cached = "src/animals10/drawing/__pycache__/animals.cpython-311.pyc"
    command = [sys.executable, "-m", "dvc", "check-ignore", cached]
    assert (
        subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip() == cached
    )
