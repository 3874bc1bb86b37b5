"""The source `kaggle`, with a server in Kaggle's place."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from data import kaggle_server

from animals10.data import sources
from animals10.errors import UserError
from animals10.parameters import Fetch

FETCH = Fetch(
    source="kaggle", manifest=None, seed=1, images_per_class=3, sha256=None, smallest_side=1
)


class Kaggle(kaggle_server.Handler):
    """Answers what kagglehub asks to download a data set without an account."""

    archive = b""
    cuts = 0  # how many answers break off in the middle

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.endswith("/GetDataset"):
            self.reply(json.dumps({"currentVersionNumber": 2}).encode(), "application/json")
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


@pytest.fixture
def kaggle(photos: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Kaggle]]:
    path = photos.parent / "animals10.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for photo in sorted(photos.rglob("*.jpg")):
            archive.write(photo, Path("raw-img") / photo.relative_to(photos))
        archive.writestr("translate.py", "translate = {}")
    Kaggle.archive, Kaggle.cuts = path.read_bytes(), 0
    monkeypatch.setattr("time.sleep", lambda _: None)
    with kaggle_server.serve(Kaggle, photos.parent / "cache", monkeypatch):
        yield Kaggle


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
