"""A process that decodes large images: Pillow holds Python's lock while it takes memory for one.

What the processes say to each other are numbers and bytes, no pickles: it reads what strangers
send, and knows no secret of the server.
"""

import os
import select
import struct
import subprocess
import sys
import threading
from typing import IO

import numpy as np

from animals10.images.decoding import ImageError, examine
from animals10.serving.settings import TOKEN
from animals10.serving.threads import give_way

_REQUEST = struct.Struct(">5Q")  # size, three limits, bytes of the file that follows
_RESPONSE = struct.Struct(">?Q")  # whether the file is an image, bytes of the pixels or the reason
_IDLE = 60  # seconds, after which its memory is given back

Limits = tuple[int, int, int]  # as `examine` takes them


class ProcessEnded(Exception):
    """The process ended twice while it decoded an image, for example because memory ran out."""


class DecodingProcess:
    """Decodes one image at a time, for one thread; starts with the first, and ends when idle."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._current: threading.Event | None = None
        self._closed = False

    def examine(
        self, content: bytearray, size: int, limits: Limits, unwanted: threading.Event
    ) -> np.ndarray:
        """Decode an image file.

        Args:
            content: of the file.
            size: pixels of a side.
            limits: as `images.decoding.examine` takes them.
            unwanted: as of `drop`.

        Returns:
            uint8 RGB of shape (size, size, 3).

        Raises:
            ImageError: it cannot be used.
            ProcessEnded: see there; or nobody wants the image any longer.
        """
        self._current = unwanted
        for _ in range(2):  # a process may have ended for another reason than this image
            if self._closed or unwanted.is_set():
                break
            try:
                return self._ask(content, size, limits)
            except (OSError, EOFError):
                self._end()
        raise ProcessEnded

    def drop(self, unwanted: threading.Event) -> None:
        """End the decoding of an image that nobody waits for any longer.

        Args:
            unwanted: that `examine` was given.
        """
        unwanted.set()
        if self._current is unwanted:
            self._kill()

    def close(self) -> None:
        """End the process for good."""
        self._closed = True
        self._kill()

    def _ask(self, content: bytearray, size: int, limits: Limits) -> np.ndarray:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = _start()
        process = self._process
        assert process.stdin is not None  # noqa: S101 - for types
        assert process.stdout is not None  # noqa: S101
        process.stdin.write(_REQUEST.pack(size, *limits, len(content)))
        process.stdin.write(content)
        process.stdin.flush()
        good, length = _RESPONSE.unpack(_read(process.stdout, _RESPONSE.size))
        body = _read(process.stdout, length)
        if not good:
            raise ImageError(body.decode())
        return np.frombuffer(body, np.uint8).reshape(size, size, 3)

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()

    def _end(self) -> None:
        """Kill the process, wait for its end, and close its pipes."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


def _start() -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if name != TOKEN}
    return subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        start_new_session=True,  # Ctrl-C is for the server, with which this process ends
    )


def _read(stream: IO[bytes], length: int) -> bytes:
    content = stream.read(length)
    if len(content) < length:
        raise EOFError
    return content


def main() -> None:
    """Decode what comes, until nothing has come for a while or the server is gone."""
    give_way()
    requests, responses = sys.stdin.buffer, sys.stdout.buffer
    while select.select([requests], [], [], _IDLE)[0]:
        try:
            size, *limits, length = _REQUEST.unpack(_read(requests, _REQUEST.size))
            good, body = _respond(_read(requests, length), size, *limits)
        except (EOFError, MemoryError):
            return
        responses.write(_RESPONSE.pack(good, len(body)))
        responses.write(body)
        responses.flush()


def _respond(content: bytes, size: int, *limits: int) -> tuple[bool, bytes]:
    try:
        return True, examine(content, size, *limits)[0].tobytes()
    except ImageError as error:
        return False, str(error).encode()


if __name__ == "__main__":
    main()
