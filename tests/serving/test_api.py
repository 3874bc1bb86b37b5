"""The HTTP API, of a real server with the models of a finished pipeline."""

import json
import pkgutil
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from conftest import ROOT, picture
from deployment.test_predict import objects, predict
from fastapi import FastAPI
from serving.running import FILES, TOKEN, Server, large_picture, refused, serving
from starlette.testclient import TestClient

from animals10 import serving as package
from animals10.serving.metrics import Measured, Metrics

EVERYWHERE = "0.0.0.0"  # noqa: S104


@pytest.fixture(scope="module")
def server(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(finished, tmp_path_factory.mktemp("api") / "log") as running:
        yield running


def test_a_prediction_is_that_of_predict(server: Server, finished: Path, tmp_path: Path) -> None:
    content = picture(4, (300, 200))
    (tmp_path / "a.jpg").write_bytes(content)
    printed = predict(finished, str(tmp_path / "a.jpg"), "--json", "--top", "3")
    (expected,) = objects(printed)
    form = server.post(("a.jpg", content), params={"top": 3}).json()
    assert form["predictions"] == [expected | {"file": "a.jpg"}]
    body = requests.post(f"{server.url}/predict?top=3", data=content, timeout=60).json()
    assert body == form | {"predictions": [expected | {"file": "body"}]}
    assert list(form["model"]) == ["name", "version", "sha256"]
    assert f"predicts: {form['model']['name']} (" in server.log


def test_each_of_several_files_has_a_row(server: Server) -> None:
    bad = [("page.jpg", b"<!doctype html>"), ("cut.jpg", picture(1)[:200])]
    response = server.post(*FILES, *bad)
    assert response.status_code == 200
    found = response.json()["predictions"]
    assert [row["file"] for row in found] == [name for name, _ in [*FILES, *bad]]
    assert all(list(row) == ["file", "class", "probability", "top", "unsure"] for row in found[:3])
    assert [row.get("error") for row in found[3:]] == [
        *("not an image: HTML page", "damaged image: truncated file"),
    ]


@pytest.mark.parametrize(
    ("content", "code", "detail"),
    [
        (b"hello", 415, "not an image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "unsupported format: SVG"),
        (picture(1)[:200], 422, "damaged image: truncated file"),
        (b"", 415, "empty file"),
    ],
)
def test_a_lone_file_that_is_no_image_is_refused(
    server: Server, content: bytes, code: int, detail: str
) -> None:
    response = server.post(("a.jpg", content))
    assert (response.status_code, response.json()) == (code, {"detail": detail})
    both = server.post(("a.jpg", content), ("b.jpg", content))
    assert both.status_code == code
    assert both.json() == {"detail": f'none of 2 files can be used; "a.jpg": {detail}'}


@pytest.mark.parametrize(
    ("top", "code"), [("0", 422), ("x", 422), ("1001", 422), ("1", 200), ("1000", 200)]
)
def test_the_number_of_classes_named_is_checked(server: Server, top: str, code: int) -> None:
    response = server.post(FILES[0], params={"top": top})
    assert response.status_code == code
    if code == 422:
        assert response.json()["detail"].startswith(f'top = "{top}" is not allowed: ')
    else:
        classes = server.get("/model").json()["classes"]
        assert len(response.json()["predictions"][0]["top"]) == min(int(top), len(classes))


def test_a_form_with_another_part_is_told_what_to_send(server: Server) -> None:
    response = requests.post(f"{server.url}/predict", files={"image": FILES[0]}, timeout=60)
    assert response.status_code == 400
    assert 'part "image"' in response.json()["detail"]
    empty = requests.post(f"{server.url}/predict", timeout=60)
    assert empty.status_code == 400
    assert empty.json()["detail"].startswith("there is no image")


def test_health_model_and_card_are_there(server: Server, finished: Path) -> None:
    assert server.get("/health/live").json() == {"status": "live"}
    assert server.get("/health/ready").json() == {"status": "ready"}
    assert requests.head(f"{server.url}/health/ready", timeout=60).status_code == 200
    model = server.get("/model").json()
    assert model["classes"] == json.loads((finished / "models/classes.json").read_text())
    assert (model["version"], model["problem"]) == (None, None)
    card = (finished / f"models/{model['name']}.md").read_text()
    assert server.get("/model/card").text == card


def test_an_error_of_our_own_is_counted_as_500() -> None:
    metrics = Metrics()
    app = FastAPI()
    app.add_middleware(Measured, metrics=metrics, route=lambda scope: "all")

    async def fail() -> None:
        raise RuntimeError("ours")

    app.add_api_route("/", fail)
    client = TestClient(app, raise_server_exceptions=False)
    assert client.get("/").status_code == 500
    counted = bytes(metrics.response().body).decode()
    assert 'animals10_requests_total{code="500",method="GET",route="all"} 1.0' in counted


def test_metrics_count_what_happens(server: Server) -> None:
    names = (
        r'requests_total\{code="200",method="POST",route="/predict"\}',
        r"predictions_total\{.*",
        "batch_images_sum",
        "unusable_images_total",
        r'refused_total\{reason="unusable"\}',
    )
    before = [server.metric(name) for name in names]
    server.post(*FILES)
    server.post(("page.jpg", b"<!doctype html>"))
    server.get("/anything-that-does-not-exist")
    gained = [server.metric(name) - value for name, value in zip(names, before, strict=True)]
    assert gained == [1, 3, 3, 1, 1]
    assert "anything" not in server.get("/metrics").text
    assert server.metric("queue_images") == 0
    assert server.metric(r"model_info\{.*") == 1


def test_the_documentation_loads_nothing(server: Server) -> None:
    text = server.get("/docs").text
    assert "POST /predict" in text
    assert not re.search(r"<script|<link(?! rel=\"icon\" href=\"data:)|src=|@import|url\(", text)
    assert set(server.get("/openapi.json").json()["paths"]) >= {"/predict", "/model", "/v2"}


def test_a_wrong_path_is_told_where_the_api_is_described(server: Server) -> None:
    response = server.get("/nowhere")
    assert (response.status_code, response.json()["detail"]) == (
        *(404, "Not Found; the API is described at /docs"),
    )
    assert server.get("/predict").status_code == 405


def test_a_token_is_asked_for_but_by_health(finished: Path, tmp_path: Path) -> None:
    environment = {"ANIMALS10_TOKEN": TOKEN}
    with serving(
        finished, tmp_path / "log", "--host", EVERYWHERE, environment=environment
    ) as running:
        here = f"http://127.0.0.1:{running.port}"
        assert requests.get(f"{here}/health/ready", timeout=60).status_code == 200
        for path in ("/metrics", "/model", "/docs", "/v2", "/v2/models/cnn"):
            response = requests.get(f"{here}{path}", timeout=60)
            assert response.status_code == 401
            assert response.headers["WWW-Authenticate"] == "Bearer"
        for wrong in (f"Bearer {TOKEN}x", "Bearer", TOKEN, f"Basic {TOKEN}"):
            headers = {"Authorization": wrong}
            assert requests.get(f"{here}/model", headers=headers, timeout=60).status_code == 401
        other = {"Authorization": f"bearer {TOKEN}"}  # as RFC 9110, 11.1, allows
        assert requests.get(f"{here}/model", headers=other, timeout=60).status_code == 200
        right = {"Authorization": f"Bearer {TOKEN}"}
        assert requests.get(f"{here}/model", headers=right, timeout=60).status_code == 200
        assert TOKEN not in running.log


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--host", EVERYWHERE], "error: --host 0.0.0.0 lets other machines in, which needs a"),
        (["--model", "nowhere.onnx"], "error: nowhere.onnx is no file; give champion, cnn"),
        (["--port", "99999"], "error: cannot listen on 127.0.0.1, port 99999: "),
    ],
)
def test_a_mistake_is_one_line(finished: Path, arguments: list[str], message: str) -> None:
    assert refused(finished, *arguments).startswith(message)


def test_a_taken_port_is_one_line(finished: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port}: [Errno 98]" in refused(finished, "--port", str(port))


def test_a_full_queue_is_told_at_once(finished: Path, tmp_path: Path) -> None:
    several = [("a.jpg", large_picture(1))] * 10
    with serving(finished, tmp_path / "log", "--set", "queue=16") as running:
        with ThreadPoolExecutor(8) as pool:
            done = [
                each.result() for each in [pool.submit(running.post, *several) for _ in range(8)]
            ]
        codes = {response.status_code: response for response in done}
        assert set(codes) == {200, 503}
        assert codes[503].headers["Retry-After"] == "1"
        assert codes[503].json() == {"detail": "the server is busy; try again"}
        assert running.metric(r'refused_total\{reason="queue full"\}') >= 1
        assert running.metric("queue_images") == 0
        assert running.post(FILES[0]).status_code == 200


def test_work_whose_deadline_has_passed_is_dropped(finished: Path, tmp_path: Path) -> None:
    with serving(finished, tmp_path / "log", "--set", "deadline=0.001") as running:
        response = running.post(*[("a.jpg", large_picture(1))] * 10)
        assert response.status_code == 504
        assert response.json()["detail"].startswith("not done within 0.001 seconds")
        time.sleep(1)
        assert running.metric("batch_images_sum") == 0
        assert running.metric("queue_images") == 0


def test_the_work_of_a_client_that_went_away_is_dropped(server: Server) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'
    body = (part + large_picture(1) + b"\r\n") * 16 + b"--x--\r\n"
    head = (
        "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    before = server.metric("batch_images_sum")
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head.encode() + body)
        while server.metric("queue_images") == 0:
            time.sleep(0.01)
    end = time.monotonic() + 20
    while not server.metric(r'refused_total\{reason="client gone"\}'):
        assert time.monotonic() < end
        time.sleep(0.01)
    assert server.metric("queue_images") == 0
    assert server.metric("batch_images_sum") - before < 16


@pytest.mark.parametrize("path", ["/predict", "/v2/models/{name}/infer"])
def test_a_client_that_leaves_while_it_sends_is_no_error(server: Server, path: str) -> None:
    path = path.format(name=server.get("/model").json()["name"])
    name = r'refused_total\{reason="client gone"\}'
    before, log = server.metric(name), server.log
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\n".encode())
        connection.sendall(b"Content-Length: 100\r\n\r\nabc")
    end = time.monotonic() + 20
    while server.metric(name) == before:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert server.log == log


def test_what_is_over_its_deadline_leaves_no_word_in_the_log(
    finished: Path, tmp_path: Path
) -> None:
    with serving(finished, tmp_path / "log", "--set", "deadline=0.001") as running:
        log = running.log
        assert running.post(*FILES).status_code == 504
        assert running.post(*FILES).status_code == 504
        assert running.log == log


def test_a_stop_ends_what_is_being_served_and_no_more(finished: Path, tmp_path: Path) -> None:
    with serving(finished, tmp_path / "log") as running:
        with ThreadPoolExecutor(1) as pool:
            last = pool.submit(running.post, *[("a.jpg", large_picture(1))] * 8)
            while not running.metric("queue_images"):
                time.sleep(0.01)
            assert running.stop() == 0
            assert last.result().status_code == 200
        assert "Traceback" not in running.log
        with pytest.raises(requests.ConnectionError):
            running.get("/health/live")


def test_no_heavy_library_is_imported() -> None:
    names = {each.name for each in pkgutil.iter_modules(package.__path__)} - {"page"}
    modules = [f"animals10.serving.{name}" for name in sorted(names)]
    heavy = {"tensorflow", "keras", "mlflow", "pandas", "sklearn", "scipy", "dvc", "onnx", "gradio"}
    code = f"import sys, {', '.join(modules)}\nprint(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
