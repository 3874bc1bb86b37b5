"""The source `kaggle`, with a server in Kaggle's place that kagglehub knows as its test one."""

import http.server
import json
import logging
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from animals10.data import sources
from animals10.errors import UserError
from animals10.parameters import Fetch

FETCH = Fetch(
    source="kaggle", manifest=None, seed=1, images_per_class=3, sha256=None, smallest_side=1
)


class Kaggle(http.server.BaseHTTPRequestHandler):
    """Answers what kagglehub asks to download a data set without an account."""

    archive = b""
    cuts = 0  # how many answers break off in the middle

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.endswith("/GetDataset"):
            body = json.dumps({"currentVersionNumber": 2}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        else:
            self.do_GET()

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/zip")
        self.send_header("Content-Length", str(len(self.archive)))
        self.end_headers()
        end = len(self.archive) // 2 if Kaggle.cuts else None
        Kaggle.cuts = max(0, Kaggle.cuts - 1)
        self.wfile.write(self.archive[:end])
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def kaggle(photos: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Kaggle]]:
    path = photos.parent / "animals10.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for photo in sorted(photos.rglob("*.jpg")):
            archive.write(photo, Path("raw-img") / photo.relative_to(photos))
        archive.writestr("translate.py", "translate = {}")
    Kaggle.archive, Kaggle.cuts = path.read_bytes(), 0
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "TEST")  # http://localhost:7777
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(photos.parent / "cache"))
    monkeypatch.setattr("time.sleep", lambda _: None)
    logging.getLogger("kagglehub").setLevel(logging.ERROR)
    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 7777), Kaggle)
    except OSError:
        pytest.skip("port 7777 is taken")
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Kaggle
        server.shutdown()


def names() -> set[str]:
    with sources.open_source(FETCH) as entries:
        return {entry.name for entry in entries if not entry.name.endswith("/")}


def test_the_data_set_is_downloaded_without_an_account(kaggle: type[Kaggle]) -> None:
    assert len(names()) == 13
    assert "raw-img/cat/0.jpg" in names()


def test_a_cut_download_is_tried_again(kaggle: type[Kaggle]) -> None:
    kaggle.cuts = 2
    assert len(names()) == 13
    assert kaggle.cuts == 0


def test_a_download_that_never_succeeds_is_one_line(kaggle: type[Kaggle]) -> None:
    kaggle.cuts = 99
    with pytest.raises(UserError, match="'kaggle': .* cannot be downloaded: ") as caught:
        names()
    assert "\n" not in str(caught.value)
