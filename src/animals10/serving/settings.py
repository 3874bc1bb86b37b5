"""What an operator may set, and what is allowed."""

import difflib
import os
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from animals10.errors import UserError
from animals10.images.decoding import LARGEST_JPEG, LARGEST_OTHER

TOKEN = "ANIMALS10_TOKEN"  # noqa: S105 - the environment variable's name
_SHORTEST = 16  # characters of a token
_MIB = 2**20

Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]


class Settings(BaseModel):
    """The limits of a server; docs/serving.md says what each is for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    connections: Annotated[int, Field(ge=8, le=10_000)] = 512
    queue: Annotated[int, Field(ge=16, le=4096)] = 128  # images admitted and not finished
    deadline: Seconds = 10.0  # from the last byte of a request to its response
    idle: Seconds = 10.0  # between two bytes of a request
    body_seconds: Seconds = 60.0  # for all of a body
    body_mib: Annotated[int, Field(ge=1, le=1024)] = 64
    file_mib: Annotated[int, Field(ge=1, le=256)] = 32
    held_mib: Annotated[int, Field(ge=1, le=65_536)] = 256  # of all bodies together
    files: Annotated[int, Field(ge=1, le=1024)] = 32  # of a request
    name_length: Annotated[int, Field(ge=1, le=4000)] = 255  # bytes
    jpeg_megapixels: Annotated[int, Field(ge=1, le=LARGEST_JPEG // 10**6)] = 100
    other_megapixels: Annotated[int, Field(ge=1, le=LARGEST_OTHER // 10**6)] = 50

    @property
    def body_bytes(self) -> int:
        """The largest body of a request."""
        return self.body_mib * _MIB

    @property
    def file_bytes(self) -> int:
        """The largest file in a body."""
        return self.file_mib * _MIB

    @property
    def held_bytes(self) -> int:
        """The bytes of all bodies that are in memory at once."""
        return self.held_mib * _MIB


def read(assignments: list[str]) -> Settings:
    """Read settings as the command line gives them.

    Args:
        assignments: each NAME=VALUE.

    Raises:
        UserError: a name is unknown, or a value is not allowed.
    """
    values = {}
    for assignment in assignments:
        name, separator, value = assignment.partition("=")
        if not separator:
            raise UserError(f"--set {assignment} is not allowed; give NAME=VALUE, as queue=64")
        values[name] = value
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        detail = error.errors()[0]
        name = str(detail["loc"][0])
        if detail["type"] == "extra_forbidden":
            nearest = difflib.get_close_matches(name, Settings.model_fields, n=1, cutoff=0)[0]
            raise UserError(f"--set {name}: no such setting; did you mean {nearest}?") from None
        rule = detail["msg"].removeprefix("Input ")
        raise UserError(f"--set {name}={detail['input']} is not allowed: {rule}") from None


def read_token() -> str | None:
    """Return the token that the environment holds, or None.

    Raises:
        UserError: it is too short to be a secret, or no header can hold it.
    """
    token = os.environ.get(TOKEN)
    if not token:
        return None
    if len(token) < _SHORTEST or not (token.isascii() and token.isprintable()) or " " in token:
        raise UserError(
            f"{TOKEN} must have at least {_SHORTEST} printable ASCII characters without spaces; "
            f"got {len(token)}; make one: python -c 'import secrets; print(secrets.token_hex())'"
        )
    return token
