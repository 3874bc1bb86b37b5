"""One archive from the web, resumed where an earlier try or an earlier run was cut.

Each URL has two files in the folder: `.part` (the bytes so far) and `.json` (what the server said
of the file they belong to). Bytes are added to a part only while the server still has the same
file; else the part begins again at zero.
"""

import hashlib
import json
import re
import time
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from tqdm import tqdm
from urllib3.exceptions import HTTPError, LocationValueError, ReadTimeoutError
from urllib3.util import Retry

from animals10.errors import UserError, without_secrets
from animals10.files import write_json

_LONGEST_PAUSE = 60  # seconds
_TRANSIENT = (408, 429, 500, 502, 503, 504)  # statuses that may be gone at the next try
_VALIDATORS = ("ETag", "Last-Modified")
_AGAIN = "check the network and run the same command again"
_BY_HAND = "check the address, or download the archive yourself and give its path"


class _Failure(Exception):
    """Why a download failed, and what to do."""


class _Cut(_Failure):
    """The connection broke within the file, which the next try resumes."""

    def __init__(self, why: str) -> None:
        super().__init__(f"{why}; {_AGAIN}")


class _Part:
    """The bytes that arrived so far, and what tells their file from a later one."""

    def __init__(self, stem: Path) -> None:
        self.path, self._json = stem.with_suffix(".part"), stem.with_suffix(".json")
        try:
            self.about: dict[str, Any] = json.loads(self._json.read_bytes())
        except (FileNotFoundError, ValueError):
            self.about = {}

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def condition(self) -> dict[str, str]:
        """Return the headers that keep these bytes if the server's file is still theirs."""
        etag, modified = map(self.about.get, _VALIDATORS)
        size, total = self.size, self.about.get("total") or 0
        # A weak ETag (W/"…") says that the meaning is the same, not that the bytes are.
        strong = etag if etag and etag.startswith('"') else modified
        if 0 < size < total and strong:
            return {"Range": f"bytes={size}-", "If-Range": strong}
        whole = {"If-None-Match": etag, "If-Modified-Since": modified} if 0 < size == total else {}
        return {name: value for name, value in whole.items() if value}

    def is_continued_by(self, response: requests.Response) -> bool:
        """Tell whether a response holds all missing bytes of this very file."""
        headers = response.headers
        same = all(headers.get(name) in (None, self.about[name]) for name in _VALIDATORS)
        total = self.about["total"]
        missing = f"bytes {self.size}-{total - 1}/{total}"
        return response.status_code == 206 and same and headers.get("Content-Range") == missing

    def begin(self, response: requests.Response) -> None:
        """Drop the old bytes, then note what the new ones will belong to."""
        self.clear()
        headers = response.headers
        length = re.fullmatch(r"\d{1,18}", headers.get("Content-Length", ""))
        total = int(length[0]) if length and "Transfer-Encoding" not in headers else None
        self.note({name: headers.get(name) for name in _VALIDATORS} | {"total": total})

    def note(self, about: dict[str, Any]) -> None:
        self.about = about
        write_json(self._json, about)

    def clear(self) -> None:
        # The bytes first: bytes beside the note of another file could be spliced to it.
        self.path.unlink(missing_ok=True)
        self._json.unlink(missing_ok=True)
        self.about = {}


def download(
    url: str, folder: Path, *, timeout: float = 30.0, tries: int = 5, pause: float = 1.0
) -> Path:
    """Download a file, or what is missing of it, or nothing where the server's is unchanged.

    Only one process at a time may download a URL into a folder.

    Args:
        url: http or https; a user and a password in it are never shown.
        folder: where the file is kept; made when missing.
        timeout: seconds without a byte after which a try fails.
        tries: how many tries in a row may fail without a new byte.
        pause: seconds after a failed try; doubled at each further one in a row, 60 at most.

    Returns:
        The path of the whole file.

    Raises:
        UserError: the download failed, or brought a web page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    part = _Part(folder / hashlib.sha256(url.encode()).hexdigest())
    try:
        _complete(part, url, timeout, tries, pause)
    except _Failure as failure:
        kept = "; what arrived is kept, and the same command resumes there"
        raise UserError(
            f"fetch.source = {without_secrets(url)!r} cannot be downloaded: {failure}"
            f"{kept if part.condition() else ''}"
        ) from None
    return part.path


def _complete(part: _Part, url: str, timeout: float, tries: int, pause: float) -> None:
    largest, failed = part.size, 0
    with _session(tries, pause) as session:
        while True:
            try:
                _try(part, session, url, timeout)
                return
            except _Cut:
                # Larger than ever: a part that begins again grows, too, and may do so for ever.
                failed = 1 if part.size > largest else failed + 1
                largest = max(largest, part.size)
                if failed >= tries:
                    raise
                time.sleep(min(pause * 2 ** (failed - 1), _LONGEST_PAUSE))


def _session(tries: int, pause: float) -> requests.Session:
    """Return a session that tries again until a server responds, as late as that asks for."""
    retry = Retry(
        tries - 1,
        backoff_factor=pause,
        backoff_max=_LONGEST_PAUSE,
        retry_after_max=_LONGEST_PAUSE,
        status_forcelist=_TRANSIENT,
        raise_on_status=False,
    )
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry))
    return session


def _try(part: _Part, session: requests.Session, url: str, timeout: float) -> None:
    condition = part.condition()
    resumes = "If-Range" in condition
    headers = {"Accept-Encoding": "identity", **condition}
    try:
        with session.get(url, headers=headers, stream=True, timeout=timeout) as response:
            status = response.status_code
            if status == 200:
                _begin(part, response)
            elif resumes and part.is_continued_by(response):
                _store(part, b"", response)
            elif resumes and status in (206, 416):
                part.clear()
                raise _Cut("the server's file has changed")
            elif status != 304 or resumes or not condition:
                advice = _AGAIN if status in _TRANSIENT else _BY_HAND
                raise _Failure(f"the server answered {status} {response.reason}; {advice}")
    except ReadTimeoutError:
        raise _Cut(f"no byte within {timeout:g} s") from None
    except requests.ConnectionError as error:
        raise _Failure(f"{_cause(error)}; {_AGAIN}") from None
    except (requests.RequestException, LocationValueError) as error:
        # Its text may hold the whole URL, password included.
        raise _Failure(f"the address leads nowhere ({type(error).__name__}); {_BY_HAND}") from None
    except HTTPError as error:
        raise _Cut(f"the connection was cut: {_cause(error)}") from None


def _cause(error: BaseException) -> str:
    while error.__context__:
        error = error.__context__
    return " ".join(str(error).split()) or type(error).__name__


def _begin(part: _Part, response: requests.Response) -> None:
    # A sign-in page must not cost what arrived so far: the part is given up only after it.
    head = response.raw.read(1024, decode_content=False)
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n\f\v").lower()
    html = response.headers.get("Content-Type", "").lower().startswith("text/html")
    if html or start.startswith((b"<!doctype html", b"<html")):
        raise _Failure(
            "the server answered with a web page (to sign in?), not with an archive; "
            "give the address of the archive itself, or download it yourself and give its path"
        )
    part.begin(response)
    _store(part, head, response)


def _store(part: _Part, head: bytes, response: requests.Response) -> None:
    size, total = part.size, part.about["total"]
    # Not requests' own iterator, which waits for full blocks: a stall would lose their bytes.
    rest = iter(partial(response.raw.read1, 2**16, decode_content=False), b"")
    bar = tqdm(total=total, initial=size, unit="B", unit_scale=True, desc="download", disable=None)
    with bar, part.path.open("ab") as file:
        for piece in chain([head], rest):
            size += file.write(piece)
            bar.update(len(piece))
    if total is None:
        part.note(part.about | {"total": size})
    elif size > total:
        part.clear()
        raise _Failure(f"the server sent more bytes than it promised; {_BY_HAND}")
    elif size < total:
        raise _Cut(f"the connection was cut after {size:,} of {total:,} bytes")
