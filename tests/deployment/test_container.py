"""The Containerfile, what it installs, and what it is given; no container engine is needed."""

import json
import re
import secrets
import subprocess
import sys
import tomllib
import urllib.request
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from conftest import ROOT, picture
from deployment.image import CONTAINERFILE, Image, stages
from docker.utils import exclude_paths
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pipeline.project import ENVIRONMENT

GROUPS = ["serve", "page", "mlflow"]
LARGEST = 400 * 10**6  # bytes of what is installed to serve


def pins(group: str) -> set[str]:
    text = (ROOT / f"requirements-{group}.txt").read_text(encoding="utf-8")
    return set(re.findall(r"^([\w.-]+)(?:\[.*\])?==", text, flags=re.MULTILINE))


@pytest.mark.parametrize("group", GROUPS)
def test_the_requirements_are_those_of_the_lock(group: str) -> None:
    command = ["uv", "export", "--quiet", "--frozen", "--only-group", group]
    done = subprocess.run(
        [*command, "--no-annotate", "--no-header"],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (ROOT / f"requirements-{group}.txt").read_text(encoding="utf-8") == done.stdout
    assert done.stdout.count("--hash=sha256:") >= len(pins(group))


def test_no_training_library_is_installed_to_serve() -> None:
    heavy = {"tensorflow", "keras", "mlflow", "mlflow-skinny", "dvc", "jax", "torch"}
    assert {"onnxruntime", "uvicorn"} <= pins("serve")
    assert not heavy & pins("serve")
    assert not heavy & pins("page")
    assert "gradio" in pins("page") - pins("serve")


def test_what_serving_imports_is_installed() -> None:
    modules = "animals10.deployment.command, animals10.serving.command"
    code = f"import sys, {modules}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, 'src')\n{code}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    names = {module.partition(".")[0] for module in done.stdout.split()}
    of_module = packages_distributions()
    loaded = {canonicalize_name(each) for name in names for each in of_module.get(name, [])}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    declared = {Requirement(line).name for line in project["project"]["dependencies"]}
    assert {"numpy", "onnxruntime", "pillow"} <= loaded & declared
    assert loaded & declared <= set(project["dependency-groups"]["serve"])


def test_hadolint_has_no_complaint() -> None:
    done = subprocess.run(["hadolint", CONTAINERFILE], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("", 0)


@pytest.mark.parametrize("target", ["server", "champion", "mlflow"])
def test_a_container_has_a_pinned_base_no_root_and_a_health_check(target: str) -> None:
    bases = {stage.base for stage in stages().values()} - set(stages())
    assert [base for base in bases if not re.search(r":[\w.-]+@sha256:[0-9a-f]{64}$", base)] == []
    stage = stages()[target]
    assert stage.last("USER") == "10001:10001"
    port = stage.last("EXPOSE")
    assert f"http://127.0.0.1:{port}/health" in stage.command("HEALTHCHECK")[-1]
    assert stage.command("ENTRYPOINT")[-1] == port


def test_only_code_requirements_and_champions_are_sent_to_the_engine(tmp_path: Path) -> None:
    wanted = [
        *(f"requirements-{group}.txt" for group in GROUPS),
        *("src/animals10/deployment/card.md.jinja", "src/animals10_sample/canvas.py"),
        *("models/champions/3/model.onnx", "models/champions/3/champion.json"),
    ]
    others = [
        *(".git/config", ".env", ".venv/bin/python", ".dvc/cache/files/md5/00/1", "mlflow.db"),
        *("data/photos/cat/1.jpg", "data/_stages/fetch/photos.zip", "mlruns/1/photo.jpg"),
        *("models/cnn.keras", "models/finetuned.onnx", "metrics/evaluate.json", "photo.jpg"),
        *("src/animals10/__pycache__/files.cpython-312.pyc", "shared/photos.zip", "tests/x.py"),
    ]
    for name in wanted + others:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "models/champion").symlink_to("champions/3")
    patterns = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    sent = exclude_paths(str(tmp_path), [line for line in patterns if line[:1] not in ("", "#")])
    links = {"models/champion"}
    assert {name for name in sent if not (tmp_path / name).is_dir()} - {"Dockerfile"} == set(wanted)
    assert links <= sent


@pytest.fixture(scope="module")
def context(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make what is sent to an engine, with a champion of the tiny pipeline."""
    folder = tmp_path_factory.mktemp("context")
    (folder / "src").symlink_to(ROOT / "src")
    for group in GROUPS:
        (folder / f"requirements-{group}.txt").symlink_to(ROOT / f"requirements-{group}.txt")
    (folder / "models/champions/1").mkdir(parents=True)
    (folder / "models/champions/1/model.onnx").write_bytes(
        (finished / "models/frozen.onnx").read_bytes()
    )
    (folder / "models/champion").symlink_to("champions/1")
    return folder


@pytest.fixture(scope="module")
def image(context: Path, tmp_path_factory: pytest.TempPathFactory) -> Image:
    """Build the image with the champion inside."""
    built = Image(tmp_path_factory.mktemp("image"), context, "champion", "serve")
    built.protect()
    return built


@pytest.mark.slow
def test_what_serves_takes_less_than_400_mb(image: Image) -> None:
    assert image.size() < LARGEST


@pytest.mark.slow
def test_the_image_has_its_own_packages_and_cannot_be_written(image: Image) -> None:
    code = "import importlib.util as u, sys; print(sys.prefix, u.find_spec('tensorflow'))"
    assert image.run(["python", "-c", code]).stdout.split() == [f"{image.app}/venv", "None"]
    for name in ("here", "models/champion/here", "src/animals10/here"):
        assert "Permission denied" in image.run(["touch", name]).stderr


@pytest.mark.slow
def test_the_image_predicts_by_its_champion(image: Image, finished: Path, tmp_path: Path) -> None:
    (tmp_path / "1.jpg").write_bytes(picture(1))
    command = ["python", "-m", "animals10", "predict", str(tmp_path / "1.jpg"), "--json"]
    done = image.run(command)
    assert (done.returncode, done.stderr) == (0, "")
    (row,) = map(json.loads, done.stdout.splitlines())
    outside = subprocess.run(
        [sys.executable, *command[1:], "--model", "frozen"],
        cwd=finished,
        env=ENVIRONMENT | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert row == json.loads(outside.stdout)


@pytest.mark.slow
def test_the_image_serves_and_its_health_check_sees_it(image: Image) -> None:
    assert image.run(image.stage.command("HEALTHCHECK")).returncode == 1  # nothing listens there
    token = secrets.token_hex()
    with image.serving(*image.stage.command("CMD"), ANIMALS10_TOKEN=token) as address:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "image/jpeg"}
        request = urllib.request.Request(f"{address}/predict", picture(1), headers)  # noqa: S310
        with urllib.request.urlopen(request) as response:  # noqa: S310
            (row,) = json.load(response)["predictions"]
    assert 0 < row["probability"] <= 1
