"""compose.yaml: no service has more rights, doors or passwords than it needs."""

import re
import subprocess
from typing import Any

import pytest
import yaml
from conftest import ROOT
from deployment.image import stages

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
each_service = pytest.mark.parametrize("name", SERVICES)
# Of the compose specification, what is used: a misspelt key would be refused at the start.
KEYS = {
    *("build", "cap_drop", "command", "cpus", "depends_on", "environment", "healthcheck", "image"),
    *("mem_limit", "networks", "pids_limit", "ports", "read_only", "restart", "security_opt"),
    *("shm_size", "tmpfs", "user", "volumes"),
}


@each_service
def test_a_service_writes_only_into_volumes_and_has_no_privilege(name: str) -> None:
    service = SERVICES[name]
    assert set(service) <= KEYS
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    user = service.get("user") or stages()[service["build"]["target"]].last("USER")
    assert not user.startswith(("0", "root"))
    mounted = [volume.split(":") for volume in service.get("volumes", [])]
    assert all(source in COMPOSE["volumes"] or mode == ["ro"] for source, _, *mode in mounted)


@each_service
def test_a_service_is_pinned_limited_and_checked(name: str) -> None:
    service = SERVICES[name]
    assert re.search(r":\d+\.\d+(\.\d+)?$", service["image"])
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    if "build" in service:
        build = service["build"]
        assert (ROOT / build["dockerfile"]).is_file()
        group = build.get("args", {}).get("REQUIREMENTS", "serve")
        assert (ROOT / f"requirements-{group}.txt").is_file()
        assert stages()[build["target"]].command("HEALTHCHECK")
    else:
        assert service["healthcheck"]["test"][0] == "CMD"
    for needed, condition in service.get("depends_on", {}).items():
        assert condition == {"condition": "service_healthy"}
        assert needed in SERVICES


def test_only_this_machine_reaches_the_services() -> None:
    ports = {name: service.get("ports", []) for name, service in SERVICES.items()}
    assert ports == {
        "serve": ["127.0.0.1:8000:8000"],
        "mlflow": ["127.0.0.1:5000:5000"],
        "postgres": [],
        "storage": [],
    }
    for name, door in ports.items():
        if door:
            target = SERVICES[name]["build"]["target"]
            assert door[0].rpartition(":")[2] == stages()[target].last("EXPOSE")
    assert COMPOSE["networks"]["stores"] == {"internal": True}
    inside = {name for name, service in SERVICES.items() if "stores" in service.get("networks", [])}
    assert inside == {"mlflow", "postgres", "storage"}


def test_every_password_comes_from_a_file_that_git_ignores() -> None:
    secret = re.compile(r"PASSWORD|TOKEN|SECRET")
    values = [
        value
        for service in SERVICES.values()
        for key, value in service.get("environment", {}).items()
        if secret.search(key)
    ]
    assert len(values) == 5
    named = {re.fullmatch(r"\$\{(\w+):\?set it in \.env\}", value) for value in values}
    assert None not in named
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    offered = re.findall(r"^(\w+)=(.*)$", example, flags=re.MULTILINE)
    assert {name for name, _ in offered} == {match[1] for match in named if match}
    assert {value for _, value in offered} == {""}  # an empty one is refused
    ignored = subprocess.run(["git", "check-ignore", ".env"], cwd=ROOT, capture_output=True)
    assert ignored.returncode == 0
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    assert not re.search(r"://[^/\s@]*:[^/\s@]*@", text)  # nor in an address


def test_mlflow_and_its_stores_have_the_same_names() -> None:
    mlflow, postgres, storage = (SERVICES[name] for name in ("mlflow", "postgres", "storage"))
    options = dict(option.partition("=")[::2] for option in mlflow["command"])
    user = postgres["environment"]["POSTGRES_USER"]
    # A database is named as its user where nothing else is said.
    assert options["--backend-store-uri"] == f"postgresql+psycopg2://{user}@postgres/{user}"
    assert options["--artifacts-destination"] == f"s3://{storage['environment']['S3_BUCKET']}"
    assert mlflow["environment"]["PGPASSWORD"] == postgres["environment"]["POSTGRES_PASSWORD"]
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        assert mlflow["environment"][key] == storage["environment"][key]
    address = mlflow["environment"]["MLFLOW_S3_ENDPOINT_URL"]
    assert address == "http://storage:8333"
    assert "http://127.0.0.1:8333/healthz" in storage["healthcheck"]["test"]


def test_the_folder_is_mounted_in_which_a_champion_is_promoted() -> None:
    # Not models/champion: an engine would follow the link once and for all.
    assert SERVICES["serve"]["volumes"] == ["./models:/app/models:ro"]
