"""The image files of a request: the parts of a form, or the body itself."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from animals10.serving.refusals import Refusal, shortened
from animals10.serving.settings import Settings

FIELD = "files"
BODY = "body"  # the name of an image that is the body itself
_HEADERS = 8  # of a part


@dataclass
class Upload:
    """A file as it was sent: its name, and its bytes."""

    name: str
    content: bytearray = field(default_factory=bytearray)


async def read(request: Request, settings: Settings) -> list[Upload]:
    """Read the files of a request, none of them larger than allowed, at least one.

    Raises:
        Refusal: there are too many, a name is too long, the form is damaged or has other fields.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind == b"multipart/form-data":
        uploads = await _read_form(request.stream(), options.get(b"boundary", b""), settings)
        if not uploads:
            raise Refusal(400, f"the form has no file; name each file's part {FIELD}", "form")
        return uploads
    upload = Upload(BODY)
    async for chunk in request.stream():
        upload.content += chunk
        require_size(upload, settings)
    if not upload.content:
        raise Refusal(
            400, f"there is no image; send a form with {FIELD}, or an image as the body", "form"
        )
    return [upload]


async def gone(request: Request) -> None:
    """Return when the client has closed the connection; the body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def require_size(upload: Upload, settings: Settings) -> None:
    """Refuse a file that is larger than allowed."""
    if len(upload.content) > settings.file_bytes:
        raise Refusal(
            413,
            f"{shortened(upload.name)} is larger than {settings.file_mib} MiB; send a smaller file",
            "large file",
        )


async def _read_form(
    stream: AsyncIterator[bytes], boundary: bytes, settings: Settings
) -> list[Upload]:
    if not boundary:
        raise Refusal(400, "the form's Content-Type has no boundary", "form")
    form = _Form(settings)
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": form.begin,
                "on_header_field": form.header_name,
                "on_header_value": form.header_value,
                "on_header_end": form.header_end,
                "on_headers_finished": form.headers_finished,
                "on_part_data": form.data,
                "on_end": form.end,
            },
            max_header_count=_HEADERS,
            # Beside the name: the other words of Content-Disposition.
            max_header_size=settings.name_length + 512,
        )
        async for chunk in stream:
            parser.write(chunk)
        parser.finalize()
    except FormParserError:
        raise Refusal(400, _damaged(settings), "form") from None
    if not form.ended:
        raise Refusal(400, "the form has no end: its last boundary is missing", "form")
    return form.uploads


def _damaged(settings: Settings) -> str:
    return f"the form is damaged, or a name is longer than {settings.name_length} bytes"


class _Form:
    """What the parser found so far."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._header, self._value = b"", b""
        self._disposition = b""
        self.uploads: list[Upload] = []
        self.ended = False

    def begin(self) -> None:
        if len(self.uploads) == self._settings.files:
            raise Refusal(
                413, f"more than {self._settings.files} files; send several requests", "many files"
            )
        self._header, self._value, self._disposition = b"", b"", b""

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header, self._value = b"", b""

    def headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        field_name = options.get(b"name", b"").decode("utf-8", "replace")
        name = options.get(b"filename", b"")
        if field_name != FIELD or b"filename" not in options:
            missing = "" if b"filename" in options else ", without a filename"
            raise Refusal(
                400,
                f"the form has a part {shortened(field_name)}{missing}; give files alone, each as "
                f"a part {FIELD} with a filename",
                "form",
            )
        if len(name) > self._settings.name_length:
            allowed = self._settings.name_length
            raise Refusal(400, f"a file's name is longer than {allowed} bytes", "long name")
        self.uploads.append(Upload(name.decode("utf-8", "replace")))

    def data(self, data: bytes, start: int, end: int) -> None:
        self.uploads[-1].content += data[start:end]
        require_size(self.uploads[-1], self._settings)

    def end(self) -> None:
        self.ended = True
