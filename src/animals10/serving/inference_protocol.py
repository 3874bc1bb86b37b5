"""The Open Inference Protocol, version 2, as clients of KServe and Triton use it.

Sources: https://github.com/kserve/open-inference-protocol, and Triton's extension for binary data,
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

import base64
import binascii
import json
import re
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError

from animals10.images.decoding import ImageError
from animals10.serving import describing
from animals10.serving.following import Model
from animals10.serving.inference_request import Inference, Input, Output
from animals10.serving.refusals import Refusal, shortened
from animals10.serving.service import Predicted, Service
from animals10.serving.uploads import Upload, gone, require_size

INPUT = "image"
_LENGTH = "inference-header-content-length"  # bytes of the JSON before the binary data
_DIGITS = re.compile("[0-9]{1,12}")
_DATATYPES = {
    "class": "BYTES",
    "probability": "FP32",
    "unsure": "BOOL",
    "probabilities": "FP32",
}


def router(service: Service) -> APIRouter:
    """Make the routes below /v2."""
    routes = APIRouter(tags=["Open Inference Protocol"])

    @routes.get("/v2", **describing.V2)
    async def server() -> Response:
        extensions = ["binary_tensor_data"]
        return JSONResponse({"name": "animals10", "version": "2", "extensions": extensions})

    @routes.get("/v2/health/live", **describing.V2_LIVE)
    async def live() -> Response:
        return JSONResponse({"live": True})

    @routes.get("/v2/health/ready", **describing.V2_READY)
    async def ready() -> Response:
        return JSONResponse({"ready": service.ready}, 200 if service.ready else 503)

    @routes.get("/v2/models/{name}", **describing.V2_MODEL)
    @routes.get("/v2/models/{name}/versions/{version}", **describing.V2_MODEL)
    async def metadata(name: str, version: str | None = None) -> Response:
        return JSONResponse(_metadata(_model(service, name, version)))

    @routes.get("/v2/models/{name}/ready", **describing.V2_MODEL_READY)
    @routes.get("/v2/models/{name}/versions/{version}/ready", **describing.V2_MODEL_READY)
    async def model_ready(name: str, version: str | None = None) -> Response:
        model = _model(service, name, version)
        return JSONResponse({"name": model.name, "ready": service.ready})

    @routes.post("/v2/models/{name}/infer", **describing.V2_INFER)
    @routes.post("/v2/models/{name}/versions/{version}/infer", **describing.V2_INFER)
    async def infer(request: Request, name: str, version: str | None = None) -> Response:
        _model(service, name, version)
        inference, binary = _parse(await request.body(), request.headers.get(_LENGTH))
        files = _files(inference.inputs[0], binary, service)
        model, outcomes = await service.outcomes(files, gone(request))
        service.report(model, files, outcomes, 1)
        return _response(inference, model, _all_good(files, outcomes))

    return routes


def _model(service: Service, name: str, version: str | None) -> Model:
    """Return the model served, if it is the one that a path names."""
    model = service.following.current
    if name != model.name or version not in (None, _version(model)):
        wanted = name if version is None else f"{name}, version {version}"
        served = f"{model.name}, version {_version(model)}"
        raise Refusal(404, f"{shortened(wanted)} is not served here; {served} is", "model")
    return model


def _version(model: Model) -> str:
    return str(model.version or 1)


def _metadata(model: Model) -> dict[str, Any]:
    shapes = {"probabilities": [-1, len(model.predictor.classes)]}
    return {
        "name": model.name,
        "versions": [_version(model)],
        "platform": "onnxruntime_onnx",
        "inputs": [{"name": INPUT, "datatype": "BYTES", "shape": [-1]}],
        "outputs": [
            {"name": name, "datatype": datatype, "shape": shapes.get(name, [-1])}
            for name, datatype in _DATATYPES.items()
        ],
    }


def _parse(content: bytes, length: str | None) -> tuple[Inference, bytes]:
    """Split a body into its JSON and the binary data behind it."""
    if length is not None and not (_DIGITS.fullmatch(length) and int(length) <= len(content)):
        raise Refusal(400, f"{_LENGTH} = {shortened(length)} is not in the body", "inference")
    end = len(content) if length is None else int(length)
    try:
        return Inference.model_validate_json(content[:end]), content[end:]
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, detail["loc"])) or "the body"
        message = f"{shortened(place)} is not allowed: {detail['msg'].removeprefix('Input ')}"
        raise Refusal(400, message, "inference") from None


def _files(images: Input, binary: bytes, service: Service) -> list[Upload]:
    settings, size = service.settings, images.parameters.binary_data_size
    count = int(np.prod(images.shape, dtype=object))
    if count > settings.files:
        raise Refusal(413, f"{count} images; {settings.files} are allowed", "many files")
    if size is None:
        contents = [_from_base64(text) for text in images.data or []]
    else:
        contents = _elements(binary[:size]) if size == len(binary) else []
    if len(contents) != count:
        raise Refusal(
            400, f"shape {images.shape} does not fit the {len(contents)} images given", "inference"
        )
    files = [Upload(str(number), bytearray(each)) for number, each in enumerate(contents)]
    for file in files:
        require_size(file, settings)
    return files


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refusal(400, "data must be image files in base64", "inference") from None


def _elements(binary: bytes) -> list[bytes]:
    """Split BYTES: each element has its length before it, four bytes, little-endian."""
    found, begin = [], 0
    while begin + 4 <= len(binary):
        end = begin + 4 + int.from_bytes(binary[begin : begin + 4], "little")
        found.append(binary[begin + 4 : end])
        begin = end
    return found if begin == len(binary) else []


def _all_good(files: list[Upload], outcomes: list[Predicted | ImageError]) -> list[Predicted]:
    """Return the predictions; the protocol has no form for an image that has none."""
    good = [outcome for outcome in outcomes if isinstance(outcome, Predicted)]
    for file, outcome in zip(files, outcomes, strict=True):
        if isinstance(outcome, ImageError):
            raise Refusal(400, f"image {file.name}: {outcome}", "unusable")
    return good


def _response(inference: Inference, model: Model, predicted: list[Predicted]) -> Response:
    values = _values(model, predicted)
    wanted = inference.outputs or [Output.model_validate({"name": name}) for name in _DATATYPES]
    outputs, binary = [], b""
    for output in wanted:
        array = values[output.name]
        described: dict[str, Any] = {
            "name": output.name,
            "datatype": _DATATYPES[output.name],
            "shape": list(array.shape),
        }
        given = output.parameters
        if given.binary_data if given else inference.parameters.binary_data_output:
            content = _bytes(array)
            described["parameters"] = {"binary_data_size": len(content)}
            binary += content
        else:
            described["data"] = array.ravel().tolist()
        outputs.append(described)
    body = {"model_name": model.name, "model_version": _version(model), "outputs": outputs}
    if inference.id is not None:
        body["id"] = inference.id
    return _encoded(body, binary)


def _values(model: Model, predicted: list[Predicted]) -> dict[str, np.ndarray]:
    rows = [model.predictor.describe("", each.outputs, 0, 1) for each in predicted]
    return {
        "class": np.array([row["class"] for row in rows], dtype=object),
        "probability": np.array([row["probability"] for row in rows], np.float32),
        "unsure": np.array([row["unsure"] for row in rows], bool),
        "probabilities": np.concatenate([each.outputs.probabilities for each in predicted]),
    }


def _bytes(array: np.ndarray) -> bytes:
    if array.dtype != object:
        return array.tobytes()
    encoded = [str(text).encode() for text in array.ravel()]
    return b"".join(len(each).to_bytes(4, "little") + each for each in encoded)


def _encoded(body: dict[str, Any], binary: bytes) -> Response:
    if not binary:
        return JSONResponse(body)
    text = json.dumps(body).encode()
    headers = {_LENGTH: str(len(text))}
    return Response(text + binary, media_type="application/octet-stream", headers=headers)
