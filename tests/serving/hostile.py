"""Requests of those who mean harm, as bytes for a socket."""

import io
import socket
import struct
import time
import zlib
from collections.abc import Callable, Iterator

from conftest import picture
from PIL import Image

FORM = "multipart/form-data; boundary=x"
Case = tuple[int, bytes]  # the status that is due, and the request


def request(body: bytes, kind: str = "image/png", length: int | None = None) -> bytes:
    length = len(body) if length is None else length
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {length}\r\n\r\n".encode() + body


def form(*parts: tuple[str, bytes], end: bytes = b"--x--\r\n") -> bytes:
    body = b"".join(
        f'--x\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'.encode()
        + content
        + b"\r\n"
        for name, content in parts
    )
    return request(body + end, FORM)


def png(width: int, height: int) -> bytes:
    """Return a PNG that says to have so many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1_000_000), 9)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def scans(count: int, size: tuple[int, int] = (2000, 1500)) -> bytes:
    """Return a progressive JPEG whose last scan is repeated."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(picture(1, size))).save(buffer, "JPEG", progressive=True)
    content = buffer.getvalue()
    last = content.rindex(b"\xff\xda")
    return content[:-2] + content[last:-2] * count + content[-2:]


GOOD = picture(1)
CASES: dict[str, Case] = {
    "bomb": (413, request(png(30_000, 30_000))),
    "bomb within twice the limit": (413, request(png(10_000, 5_001))),
    "bomb in a form": (413, form(("a.png", png(60_000, 60_000)))),
    "bomb of scans": (422, request(scans(200))),
    "truncated": (422, request(GOOD[: len(GOOD) // 2])),
    "SVG": (415, request(b'<?xml version="1.0"?><svg><script>alert(1)</script></svg>')),
    "polyglot of HTML and JPEG": (415, request(b"<html><!--" + GOOD + b"--></html>")),
    "polyglot of GIF and script": (422, request(b"GIF89a/*\0\0\0\0*/=1;alert(1)//")),
    "polyglot of zip and JPEG": (415, request(b"PK\x03\x04" + GOOD)),
    "1 byte": (415, request(b"\xff")),
    "HTML": (415, form(("a.jpg", b"<!doctype html><script>alert(1)</script>"))),
    "nothing": (400, request(b"")),
    "a name of a megabyte": (400, form(("n" * 2**20, GOOD))),
    "a name of 256 bytes": (400, form(("n" * 256, GOOD))),
    "a path of a megabyte": (400, b"GET /" + b"a" * 2**20 + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
    "a header of a megabyte": (400, b"GET / HTTP/1.1\r\nA: " + b"a" * 2**20 + b"\r\n\r\n"),
    "too many parts": (413, form(*[("a.jpg", GOOD)] * 33)),
    "ten thousand parts": (413, form(*[("", b"")] * 10_000)),
    "a part without a name": (400, request(b"--x\r\n\r\n\r\n--x--\r\n", FORM)),
    "a hundred headers": (400, request(b"--x\r\n" + b"a: b\r\n" * 99, FORM)),
    "no boundary": (400, request(b"--x", "multipart/form-data")),
    "a form cut off": (400, form(("a.jpg", GOOD), end=b"")),
    "a declared terabyte": (413, request(b"", length=2**40)),
    "a length below zero": (400, request(GOOD, length=-1)),
    "a length that is too short": (422, request(GOOD, length=len(GOOD) // 2)),
    "two lengths": (400, request(GOOD).replace(b"Host: x", b"Content-Length: 3")),
    "length and chunks": (400, request(GOOD).replace(b"Host: x", b"Transfer-Encoding: x")),
    "no HTTP": (400, b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + bytes(100) + b"\r\n\r\n"),
}  # fmt: skip


def chunks(count: int, size: int = 2**16) -> Iterator[bytes]:
    """Yield a request whose body has no declared length."""
    head = "POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    yield head.encode()
    for _ in range(count):
        yield f"{size:x}\r\n".encode() + bytes(size) + b"\r\n"


def status(connection: socket.socket) -> int:
    """Return the status of the response that a connection gives; 0 where it is closed."""
    first = connection.makefile("rb").readline().split()
    return int(first[1]) if first else 0


def exchange(port: int, *parts: bytes, patience: float = 30) -> tuple[int, float]:
    """Send a request, and return the status and the seconds until it came."""
    return send(port, iter(parts), patience)


def send(port: int, parts: Iterator[bytes], patience: float = 30) -> tuple[int, float]:
    """Do as `exchange` does with parts that are made when they are sent."""
    with socket.create_connection(("127.0.0.1", port), timeout=patience) as connection:
        begin = time.monotonic()
        try:
            for part in parts:
                connection.sendall(part)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the response may have come before
        return status(connection), time.monotonic() - begin


def trickle(port: int, head: bytes, pause: float, enough: Callable[[], bool]) -> tuple[int, float]:
    """Send a head and then a byte after each pause, until the server ends it."""
    with socket.create_connection(("127.0.0.1", port), timeout=pause) as connection:
        begin = time.monotonic()
        connection.sendall(head)
        while not enough():
            try:
                return status(connection), time.monotonic() - begin
            except TimeoutError:
                connection.sendall(b"a")
        return -1, time.monotonic() - begin
