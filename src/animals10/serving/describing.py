"""What the API says of itself: the texts of OpenAPI, and a page of them without a script."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from pydantic import BaseModel, Field

from animals10.serving import inference_request

WHERE = "the API is described at /docs"
_BINARY = {"type": "string", "format": "binary"}


class Error(BaseModel):
    """Why a request was not served."""

    detail: str = Field(description="one line")


class InferenceError(BaseModel):
    """Why a request was not served, as the Open Inference Protocol says it."""

    error: str = Field(description="one line")


class ModelIdentity(BaseModel):
    """The model that made a response."""

    name: str
    version: int | None = Field(description="of the champion; null where it is none")
    sha256: str = Field(description="of the model's file")


class Prediction(BaseModel):
    """A prediction, or an error; never both."""

    file: str = Field(description="the name that was sent, or `body`")
    error: str | None = Field(None, description="why the file cannot be used")
    class_: str | None = Field(None, alias="class", description="the most probable")
    probability: float | None = Field(None, description="calibrated")
    top: list[tuple[str, float]] | None = Field(None, description="pairs, most probable first")
    unsure: bool | None = Field(
        None, description="too improbable, or unlike the training photos: do not rely on it"
    )


class Predictions(BaseModel):
    """A row for each file, in their order."""

    model: ModelIdentity
    predictions: list[Prediction]


class ModelDescription(ModelIdentity):
    """The model, and what its predictions mean."""

    classes: list[str]
    image_size: int = Field(description="pixels of a side, to which every photo is resized")
    threshold: float = Field(description="the probability below which a prediction is unsure")
    unfamiliarity_threshold: float
    promoted: str | None = Field(description="when it became champion")
    problem: str | None = Field(description="why the champion of now is not served")


class State(BaseModel):
    """Of a server."""

    status: str


_TEXTS = {
    400: "The request is malformed: no file, a damaged form, a name that is too long",
    401: "The token is missing or wrong",
    404: "There is no such model or version here",
    408: "The body came too slowly",
    413: "Too many bytes, files or pixels",
    415: "It is no image, or of a format that is not read",
    422: "A parameter is not allowed, or the image is damaged",
    500: "A defect of the server",
    503: "The server is busy, starting or stopping; `Retry-After` says when to try again",
    504: "The deadline passed; nothing was predicted",
}


def _errors(*codes: int, model: type[BaseModel] = Error) -> dict[int | str, dict[str, Any]]:
    return {code: {"description": _TEXTS[code], "model": model} for code in codes}


def _good(model: type[BaseModel], description: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"description": description, "model": model}}


ABOUT: dict[str, Any] = {
    "title": "animals10",
    "version": "1",
    "description": "What is on photos, by an image classifier. Errors are one clear line.",
}
PREDICT: dict[str, Any] = {
    "summary": "Predict one or many images",
    "description": (
        "Send a form with parts named `files`, or one image as the body. JPEG, PNG, GIF (first "
        "frame), WEBP, BMP, TIFF and AVIF are read. Where some files cannot be used, their "
        "rows have `error`; when none can, the response is 413, 415 or 422.\n\n"
        "    curl -F files=@a.jpg -F files=@b.jpg http://127.0.0.1:8000/predict?top=3\n"
        "    curl --data-binary @a.jpg -H 'Content-Type: image/jpeg' http://127.0.0.1:8000/predict"
    ),
    "responses": _good(Predictions, "A row for each file")
    | _errors(400, 401, 408, 413, 415, 422, 500, 503, 504),
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["files"],
                        "additionalProperties": False,
                        "properties": {"files": {"type": "array", "minItems": 1, "items": _BINARY}},
                    }
                },
                "image/*": {"schema": _BINARY},
            },
        }
    },
}
LIVE: dict[str, Any] = {
    "summary": "Whether the process runs",
    "responses": _good(State, "It does") | _errors(500),
}
READY: dict[str, Any] = {
    "summary": "Whether requests are served",
    "responses": _good(State, "They are") | _errors(500, 503),
}
MODEL: dict[str, Any] = {
    "summary": "The model, its version and classes",
    "responses": _good(ModelDescription, "The model that is served now") | _errors(401, 500),
}
CARD: dict[str, Any] = {
    "summary": "The model's card, in Markdown",
    "responses": {200: {"description": "The card", "content": {"text/markdown": {}}}}
    | _errors(401, 500),
}
METRICS: dict[str, Any] = {
    "summary": "Metrics for Prometheus",
    "responses": {200: {"description": "The metrics", "content": {"text/plain": {}}}}
    | _errors(401, 500),
}

_PROTOCOL = "As the Open Inference Protocol, version 2, has it."


def _protocol(summary: str, *codes: int, description: str = _PROTOCOL) -> dict[str, Any]:
    return {
        "summary": summary,
        "description": description,
        "responses": {200: {"description": "As the protocol has it"}}
        | _errors(*codes, 500, model=InferenceError),
    }


V2 = _protocol("The server", 401)
V2_LIVE = _protocol("Whether the process runs")
V2_READY = _protocol("Whether requests are served", 503)
V2_MODEL = _protocol("Inputs and outputs of the model", 401, 404)
V2_MODEL_READY = _protocol("Whether the model is served", 401, 404)
V2_INFER = _protocol(
    "Predict",
    *(400, 401, 404, 408, 413, 503, 504),
    description=(
        "The input `image` is of datatype BYTES and shape [n]: the bytes of n image files, binary "
        "behind the JSON as Triton's extension has it, or in `data` as base64. Outputs are `class` "
        "(BYTES), `probability` (FP32), `unsure` (BOOL) and `probabilities` (FP32, [n, classes])."
    ),
)
V2_INFER["openapi_extra"] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": inference_request.schema()},
            "application/octet-stream": {"schema": _BINARY},
        },
    }
}


def page(openapi: dict[str, Any]) -> str:
    """Write a description as HTML that loads nothing, neither here nor from elsewhere."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    template = Path(__file__).with_name("docs.html.jinja").read_text(encoding="utf-8")
    return environment.from_string(template).render(openapi=openapi)
