"""Every module that a stage runs is among its dependencies, so that an edit reruns it."""

import ast
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
    return found - {PACKAGE / "__init__.py"}


def closure(path: Path) -> set[str]:
    """Return the names, as in dvc.yaml, of all that a script runs."""
    seen, queue = set[Path](), [path]
    while queue:
        file = queue.pop()
        if file not in seen:
            seen.add(file)
            queue.extend(imported(file))
    return {
        (file if file.parent in (PACKAGE, ROOT / "stages") else file.parent)
        .relative_to(ROOT)
        .as_posix()
        for file in seen
    }


@pytest.mark.parametrize("stage", STAGES)
def test_code_dependencies_are_exactly_what_is_imported(stage: str) -> None:
    declared = {dep for dep in STAGES[stage]["deps"] if dep.startswith(("src/", "stages/"))}
    assert declared == closure(ROOT / "stages" / f"{stage}.py")


def test_every_stage_script_is_a_stage() -> None:
    assert {path.stem for path in (ROOT / "stages").glob("*.py")} == set(STAGES)


def test_the_test_split_reaches_no_training_stage() -> None:
    for stage in ("train_cnn", "train_frozen", "finetune"):
        assert not {"data/test", "data/features/test.npy"} & set(STAGES[stage]["deps"])
        assert "test" not in (ROOT / "stages" / f"{stage}.py").read_text(encoding="utf-8")
    readers = {name for name, stage in STAGES.items() if "data/features/test.npy" in stage["deps"]}
    assert readers <= {"evaluate"}
