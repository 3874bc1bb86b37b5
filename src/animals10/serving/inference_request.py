"""A request of the Open Inference Protocol, as its JSON must be."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

_LARGEST = 10**6  # of a shape's numbers; `settings.files` allows far fewer


class Parameters(BaseModel):
    """Of a request, an input or an output; others are ignored, as the protocol wants."""

    binary_data: bool = False
    binary_data_output: bool = False
    binary_data_size: Annotated[int, Field(ge=0)] | None = None


class Input(BaseModel):
    """The image files: as text, base64 in `data`; binary, `binary_data_size` bytes."""

    name: Literal["image"]
    shape: Annotated[
        list[Annotated[int, Field(ge=1, le=_LARGEST)]], Field(min_length=1, max_length=2)
    ]
    datatype: Literal["BYTES"]
    parameters: Parameters = Parameters()
    data: list[str] | None = None


class Output(BaseModel):
    """An output that is wanted."""

    name: Literal["class", "probability", "unsure", "probabilities"]
    parameters: Parameters | None = None


class Inference(BaseModel):
    """A request."""

    id: str | None = None
    parameters: Parameters = Parameters()
    inputs: Annotated[list[Input], Field(min_length=1, max_length=1)]
    outputs: list[Output] = []


def schema() -> dict[str, Any]:
    """Return the JSON schema of a request in one piece, as an OpenAPI operation can hold it."""
    whole = Inference.model_json_schema()
    return _inlined(whole, whole.pop("$defs"))


def _inlined(value: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_inlined(each, definitions) for each in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        return _inlined(definitions[value["$ref"].rpartition("/")[2]], definitions)
    return {key: _inlined(each, definitions) for key, each in value.items()}
