"""The Open Inference Protocol, by Triton's own client and by plain JSON."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import requests
from conftest import picture
from serving.running import FILES, Server, serving
from tritonclient import http as triton
from tritonclient.utils import InferenceServerException


@pytest.fixture(scope="module")
def server(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("v2") / "log"
    with serving(finished, log, "--model", "frozen") as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(f"127.0.0.1:{server.port}") as each:
        yield each


def images(*contents: bytes) -> triton.InferInput:
    given = triton.InferInput("image", [len(contents)], "BYTES")
    given.set_data_from_numpy(np.array(contents, dtype=object))
    return given


def test_a_client_sees_that_server_and_model_are_ready(
    client: triton.InferenceServerClient,
) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("frozen")
    assert client.is_model_ready("frozen", "1")
    assert not client.is_model_ready("cnn")
    assert not client.is_model_ready("frozen", "2")
    assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    described = client.get_model_metadata("frozen")
    assert described["inputs"] == [{"name": "image", "datatype": "BYTES", "shape": [-1]}]


@pytest.mark.parametrize("binary", [True, False])
def test_a_client_receives_what_predict_returns(
    server: Server, client: triton.InferenceServerClient, binary: bool
) -> None:
    names = ("class", "probability", "unsure", "probabilities")
    wanted = [triton.InferRequestedOutput(name, binary_data=binary) for name in names]
    given = images(*(content for _, content in FILES))
    for outputs in (wanted, None):
        result = client.infer("frozen", [given], outputs=outputs, request_id="7")
        rows = server.post(*FILES).json()["predictions"]
        classes = [
            name.decode() if binary or outputs is None else name
            for name in result.as_numpy("class")
        ]
        assert classes == [row["class"] for row in rows]
        assert result.as_numpy("unsure").tolist() == [row["unsure"] for row in rows]
        found = result.as_numpy("probability")
        assert np.abs(found - [row["probability"] for row in rows]).max() < 1e-5
        assert np.abs(result.as_numpy("probabilities").max(axis=1) - found).max() < 1e-5
        assert result.get_response()["id"] == "7"


def test_json_takes_base64(server: Server) -> None:
    text = base64.b64encode(picture(1)).decode()
    body = {"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": [text]}]}
    response = requests.post(f"{server.url}/v2/models/frozen/infer", json=body, timeout=60).json()
    outputs = {each["name"]: each for each in response["outputs"]}
    (row,) = server.post(FILES[0]).json()["predictions"]
    assert outputs["class"]["data"] == [row["class"]]
    assert response["model_name"] == "frozen"


def test_a_client_is_told_which_image_is_none(client: triton.InferenceServerClient) -> None:
    with pytest.raises(InferenceServerException, match="image 1: not an image: HTML page"):
        client.infer("frozen", [images(picture(1), b"<!doctype html>")])
    with pytest.raises(InferenceServerException, match='"cnn" is not served here; frozen'):
        client.infer("cnn", [images(picture(1))])
    with pytest.raises(InferenceServerException, match="33 images; 32 are allowed"):
        client.infer("frozen", [images(*[picture(1)] * 33)])


GOOD = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [""]}


@pytest.mark.parametrize(
    ("body", "length"),
    [
        (b"", None),
        (b"{", None),
        (b"[]", None),
        (json.dumps({"inputs": []}), None),
        (json.dumps({"inputs": [GOOD, GOOD]}), None),
        (json.dumps({"inputs": [GOOD | {"name": "x"}]}), None),
        (json.dumps({"inputs": [GOOD | {"datatype": "FP32"}]}), None),
        (json.dumps({"inputs": [GOOD | {"shape": [0]}]}), None),
        (json.dumps({"inputs": [GOOD | {"shape": [10**30, 10**30]}]}), None),
        (json.dumps({"inputs": [GOOD | {"shape": [10**4000, 10**4000]}]}), None),
        (json.dumps({"inputs": [GOOD | {"shape": [2]}]}), None),
        (json.dumps({"inputs": [GOOD | {"data": ["ü"]}]}), None),
        (json.dumps({"inputs": [GOOD | {"parameters": {"binary_data_size": 4}}]}), None),
        (json.dumps({"inputs": [GOOD], "outputs": [{"name": "x"}]}), None),
        (json.dumps({"inputs": [GOOD]}), "9999999"),
        (json.dumps({"inputs": [GOOD]}), "9" * 5000),
        (json.dumps({"inputs": [GOOD]}), "-1"),
        (json.dumps({"inputs": [GOOD]}), "0"),
        ("[" * 100_000, None),
    ],
)  # fmt: skip
def test_a_malformed_request_is_one_line(
    server: Server, body: bytes | str, length: str | None
) -> None:
    headers = {} if length is None else {"Inference-Header-Content-Length": length}
    content = body.encode() if isinstance(body, str) else body
    response = requests.post(
        f"{server.url}/v2/models/frozen/infer", data=content, headers=headers, timeout=60
    )
    assert response.status_code in (400, 413)
    assert list(response.json()) == ["error"]
    assert "\n" not in response.json()["error"]
    assert len(response.json()["error"]) < 300
