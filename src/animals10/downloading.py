"""One archive from the web, taken up again where an earlier try or an earlier run was cut.

Each URL has three names in the folder: `.part` (the bytes so far), `.json` (what the server said
of the file they belong to) and `.archive` (the whole file). Bytes are only ever added to a part
of which the server says that it still has the same file; else the part begins again at zero.
"""

import fcntl
import hashlib
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import requests
import urllib3
from tqdm import tqdm

from animals10.artifacts import write_json
from animals10.errors import UserError, without_secrets

_LONGEST_PAUSE = 60.0  # seconds
_BY_HAND = "check the address, or download the archive yourself and give its path"


class _Fault(Exception):
    """Why a try failed, and what to do; no further try can mend it."""


class _Passing(_Fault):
    """A fault that may be gone at the next try, `wait` seconds later at the earliest."""

    def __init__(self, why: str, wait: float = 0.0) -> None:
        super().__init__(f"{why}; check the network and run the same command again")
        self.wait = min(wait, _LONGEST_PAUSE)


class _Part:
    """The bytes that arrived so far, and what tells their file from a later one."""

    def __init__(self, stem: Path) -> None:
        self.path, self._note = stem.with_suffix(".part"), stem.with_suffix(".json")
        self.received = self.starts = 0  # bytes, and beginnings at zero, in this call
        try:
            self.about: dict[str, Any] = json.loads(self._note.read_bytes())
        except (FileNotFoundError, ValueError):
            self.about = {}

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def condition(self) -> dict[str, str]:
        """Return the headers that keep these bytes if the server's file is still theirs."""
        size, total = self.size, self.about.get("total") or 0
        etag, modified = self.about.get("ETag"), self.about.get("Last-Modified")
        if 0 < size == total:
            headers = {"If-None-Match": etag, "If-Modified-Since": modified}
        else:
            # A weak ETag (W/"…") says that the meaning is the same, not that the bytes are.
            strong = etag if etag and etag.startswith('"') else modified
            keeps = 0 < size < total and strong
            headers = {"Range": f"bytes={size}-", "If-Range": strong} if keeps else {}
        return {name: value for name, value in headers.items() if value}

    def continued_until(self, response: requests.Response) -> int:
        """Return the offset where a 206 ends, or 0 unless it goes on with this very file."""
        got = response.headers
        pieces = re.fullmatch(r"bytes (\d+)-(\d{1,18})/(\d+)", got.get("Content-Range", ""))
        same = all(got.get(name) in (None, self.about[name]) for name in ("ETag", "Last-Modified"))
        if response.status_code != 206 or not pieces or not same:
            return 0
        size, total = self.size, self.about["total"]
        goes_on = (pieces[1], pieces[3]) == (str(size), str(total))
        return int(pieces[2]) + 1 if goes_on and size <= int(pieces[2]) < total else 0

    def begin(self, response: requests.Response) -> None:
        """Drop the old bytes, then note what the new ones will belong to."""
        self.clear()
        self.starts += 1
        got = response.headers
        length = re.fullmatch(r"\d{1,18}", got.get("Content-Length", ""))
        total = int(length[0]) if length and "Transfer-Encoding" not in got else None
        self.note({name: got.get(name) for name in ("ETag", "Last-Modified")} | {"total": total})

    def note(self, about: dict[str, Any]) -> None:
        self.about = about
        write_json(self._note, about)

    def clear(self) -> None:
        # The bytes first: bytes beside the note of another file could be spliced to it.
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)
        self.about = {}


def download(
    url: str,
    folder: Path,
    sha256: str | None = None,
    *,
    timeout: float = 30.0,
    tries: int = 5,
    pause: float = 1.0,
) -> Path:
    """Download a file, or what is missing of it, or nothing where the server's is unchanged.

    Only one process at a time may download a URL into a folder; see `alone`.

    Args:
        url: http or https; a user and a password in it are never shown.
        folder: where the file and, until it is whole, its part are kept; made when missing.
        sha256: the expected digest in hex, if known.
        timeout: seconds without a byte after which a try is given up.
        tries: how many tries in a row may fail without a new byte, and how often the file may
            begin again at zero.
        pause: seconds after a failed try; doubled at each further one in a row, 60 at most.

    Returns:
        The path of the whole file, which ends in `.archive`.

    Raises:
        UserError: the file cannot be had, is a web page, or is not the one expected.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / hashlib.sha256(url.encode()).hexdigest()
    final, part = stem.with_suffix(".archive"), _Part(stem)
    if final.exists():
        final.replace(part.path)  # a part that lacks nothing, if the server's file is unchanged
    try:
        _fill(part, url, timeout, tries, pause)
        if sha256:
            _verify(part, sha256)
    except _Fault as fault:
        kept = "; what arrived is kept, and the same command goes on from there"
        raise UserError(
            f"fetch.source = {without_secrets(url)!r} cannot be downloaded: {fault}"
            f"{kept if part.condition() else ''}"
        ) from None
    part.path.replace(final)
    return final


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until no other process downloads into a folder, and keep others waiting.

    Args:
        folder: made when missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # ends with the process, however that ends
        yield


def _fill(part: _Part, url: str, timeout: float, tries: int, pause: float) -> None:
    fruitless = 0
    while True:
        received = part.received
        try:
            _try(part, url, timeout)
            return
        except _Passing as fault:
            fruitless = 1 if part.received > received else fruitless + 1
            if fruitless >= tries or part.starts > tries:
                raise
            doubled = pause * 2 ** min(fruitless - 1, 30)
            time.sleep(max(min(doubled, _LONGEST_PAUSE), fault.wait))


def _try(part: _Part, url: str, timeout: float) -> None:
    condition = part.condition()
    with _get(url, condition, timeout) as response:
        status, pieces = response.status_code, _pieces(response, timeout)
        if status == 304 and condition and "Range" not in condition:
            return
        if status == 200:
            # A sign-in page must not cost what arrived so far, so the part is given up after it.
            pieces = _without_page(pieces, response)
            part.begin(response)
            until = part.about["total"]
        elif status not in (206, 416) or "Range" not in condition:
            raise _refusal(response)
        elif not (until := part.continued_until(response)):
            response.close()
            part.clear()
            _try(part, url, timeout)
            return
        _store(part, pieces, until)


def _get(url: str, condition: dict[str, str], timeout: float) -> requests.Response:
    headers = {"Accept-Encoding": "identity", **condition}
    try:
        return requests.get(url, headers=headers, stream=True, timeout=timeout)
    except requests.Timeout:
        raise _Passing(f"no answer within {timeout:g} s") from None
    except requests.ConnectionError as error:
        raise _Passing(_cause(error)) from None
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        # Its text may hold the whole URL, password included.
        raise _Fault(f"the address leads nowhere ({type(error).__name__}); {_BY_HAND}") from None


def _cause(error: BaseException) -> str:
    while error.__context__:
        error = error.__context__
    return " ".join(str(error).split()) or type(error).__name__


def _refusal(response: requests.Response) -> _Fault:
    status = response.status_code
    why = f"the server answered {status} {response.reason}".strip()
    if status in (408, 429) or status >= 500:
        seconds = re.fullmatch(r"\d{1,18}", response.headers.get("Retry-After", ""))
        return _Passing(why, float(seconds[0]) if seconds else 0.0)
    return _Fault(f"{why}; {_BY_HAND}")


def _pieces(response: requests.Response, timeout: float) -> Iterator[bytes]:
    try:
        # Raw: requests' own iterator waits for full blocks, and a stall would lose their bytes.
        while piece := response.raw.read1(2**16, decode_content=False):
            yield piece
    except urllib3.exceptions.ReadTimeoutError:
        raise _Passing(f"no byte within {timeout:g} s") from None
    except urllib3.exceptions.HTTPError as error:
        raise _Passing(f"the connection was cut: {_cause(error)}") from None


def _without_page(pieces: Iterator[bytes], response: requests.Response) -> Iterator[bytes]:
    head = start = b""
    while len(start) < len("<!doctype html") and (piece := next(pieces, b"")):
        head += piece
        start = head.lstrip(b"\xef\xbb\xbf \t\r\n\f\v").lower()
    html = response.headers.get("Content-Type", "").lower().startswith("text/html")
    if html or start.startswith((b"<!doctype html", b"<html")):
        raise _Fault(
            "the server answered with a web page (to sign in?), not with an archive; "
            "give the address of the archive itself, or download it yourself and give its path"
        )
    return chain([head], pieces)


def _store(part: _Part, pieces: Iterator[bytes], until: int | None) -> None:
    size, total = part.size, part.about["total"]
    bar = tqdm(total=total, initial=size, unit="B", unit_scale=True, desc="download", disable=None)
    with bar, part.path.open("ab") as file:
        for piece in pieces:
            size += len(piece)
            if until is not None and size > until:
                part.clear()
                raise _Fault(f"the server sent more bytes than it promised; {_BY_HAND}")
            file.write(piece)
            part.received += len(piece)
            bar.update(len(piece))
    if total is None:
        part.note(part.about | {"total": size})
    elif size < total:
        raise _Passing(f"the connection was cut after {size:,} of {total:,} bytes")


def _verify(part: _Part, expected: str) -> None:
    with part.path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected.lower():
        part.clear()
        raise _Fault(
            f"its sha256 is {found}, not {expected} as expected; the file is removed: "
            "correct the expected digest, or run the same command again"
        )
