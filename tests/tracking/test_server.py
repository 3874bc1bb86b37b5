"""The record through compose.yaml's MLflow server, on a real PostgreSQL and an S3 server."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import psycopg2
import pytest
import yaml
from conftest import ROOT
from deployment.image import Image
from moto.server import ThreadedMotoServer
from tracking import small_project
from tracking.small_project import runs, train

from animals10.tracking import store

pytestmark = [
    pytest.mark.slow,
    # MLflow's own, when it loads a model
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning"),
]
MLFLOW = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]["mlflow"]
PASSWORD = "pass/word @1"  # noqa: S105  # which no address could hold as it is


@pytest.fixture
def postgres() -> Iterator[str]:
    """Start a PostgreSQL with the user and the database mlflow; yield its host and port."""
    if not shutil.which("initdb") or not shutil.which("pg_ctl"):
        pytest.skip("PostgreSQL's initdb and pg_ctl are not in PATH")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    # Not in pytest's folder, into which only this user can look; PostgreSQL refuses root.
    with tempfile.TemporaryDirectory() as folder:
        data, prefix = f"{folder}/data", []
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            prefix = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}"]
            prefix += ["--clear-groups"]
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)

        def run(*command: str, given: str | None = None) -> None:
            # Not to a pipe, which the server would keep open.
            with Path(f"{folder}/log").open("a") as log:
                subprocess.run(
                    [*prefix, *command], cwd=folder, input=given, text=True, stdout=log, check=True
                )

        Path(f"{folder}/password").write_text(PASSWORD)
        Path(f"{folder}/password").chmod(0o644)
        run("initdb", "-D", data, "-U", "mlflow", "-A", "scram-sha-256", "--no-sync",
            f"--pwfile={folder}/password")  # fmt: skip
        run("postgres", "--single", "-D", data, "postgres", given="CREATE DATABASE mlflow\n")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        run("pg_ctl", "-D", data, "-w", "-o", options, "start")
        yield f"127.0.0.1:{port}"
        run("pg_ctl", "-D", data, "-m", "immediate", "stop")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Start an S3 server with the bucket mlflow; yield the bucket."""
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(key, "test")
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.resource("s3", "us-east-1", endpoint_url=f"http://{host}:{port}")
    yield client.create_bucket(Bucket="mlflow")
    server.stop()


@pytest.fixture
def image(tmp_path: Path) -> Image:
    """Build the image of the MLflow server."""
    built = Image(tmp_path, ROOT, MLFLOW["build"]["target"], "mlflow")
    built.protect()
    return built


def test_a_training_is_recorded_in_postgresql_and_s3(
    postgres: str,
    bucket: Any,
    image: Image,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    values: dict[str, Any],
) -> None:
    small_project.make(tmp_path_factory, monkeypatch, values)
    command = [part.replace("@postgres/", f"@{postgres}/") for part in MLFLOW["command"]]
    address = bucket.meta.client.meta.endpoint_url
    secrets = {"PGPASSWORD": PASSWORD, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    variables = MLFLOW["environment"] | secrets | {"MLFLOW_S3_ENDPOINT_URL": address}
    with image.serving(*command, **variables) as server:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
        train()
        client, _ = store.connect()
        (stage,) = runs().query("`tags.level` == 'stage'")["run_id"]
        found = client.download_artifacts(stage, "plots/history/cnn.csv")
        assert Path(found).read_text() == Path("plots/history/cnn.csv").read_text()
        assert store.connect().find_models(stage)
    keys = [item.key for item in bucket.objects.all()]
    assert [key for key in keys if key.endswith(f"/{stage}/artifacts/plots/history/cnn.csv")]
    assert [key for key in keys if key.endswith("/MLmodel")]
    host, _, port = postgres.partition(":")
    with (
        psycopg2.connect(
            host=host, port=port, user="mlflow", password=PASSWORD, dbname="mlflow"
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT count(*) FROM runs WHERE run_uuid = %s", [stage])
        assert cursor.fetchone() == (1,)
    connection.close()
