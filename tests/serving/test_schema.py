"""What schemathesis makes up by the API's description of itself, sent to a real server."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving.running import Server, serving

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
# Those that it expects for invalid data by itself, and 413: what is too large may be invalid too.
STATUSES = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429]


@pytest.fixture(scope="module")
def server(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(finished, tmp_path_factory.mktemp("schema") / "log") as running:
        yield running


def search(server: Server, folder: Path, *options: str) -> None:
    # No schema says which bytes are an image, so valid data may be refused.
    command = [
        *(str(SCHEMATHESIS), "run", f"{server.url}/openapi.json"),
        *("--exclude-checks", "positive_data_acceptance", "--no-color", *options),
    ]
    configuration = f"checks.negative_data_rejection.expected-statuses = {STATUSES}\n"
    (folder / "schemathesis.toml").write_text(configuration)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    tried = re.search(r"(\d+) generated, \1 passed", done.stdout)
    assert tried, done.stdout
    assert int(tried[1]) > 50
    assert "Traceback" not in server.log


def test_nothing_is_found_in_a_few_examples(server: Server, tmp_path: Path) -> None:
    search(server, tmp_path, "--seed", "1", "--max-examples", "10", "--phases", "fuzzing")


@pytest.mark.slow
def test_nothing_is_found_in_many_examples(server: Server, tmp_path: Path) -> None:
    search(server, tmp_path, "--max-examples", "200")
