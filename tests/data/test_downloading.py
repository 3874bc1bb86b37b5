import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from data.download_server import CHANGED, CONTENT, CUT, MONDAY, TUESDAY, Answer, Server

import animals10
from animals10.data.downloading import download
from animals10.errors import UserError


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as httpd:
        threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True).start()
        yield httpd
        httpd.closing.set()
        httpd.shutdown()


def fetch(server: Server, folder: Path, *script: Answer, **options: Any) -> Path:
    server.script = [*script]
    return download(server.url, folder, **{"timeout": 10.0, "tries": 3, "pause": 0.01} | options)


def get(server: Server, folder: Path, *script: Answer, **options: Any) -> bytes:
    """Return what arrives from a server that is honest after the script."""
    path = fetch(server, folder, *script, Answer(), **options)
    assert path.parent == folder
    return path.read_bytes()


def refused(server: Server, folder: Path, *script: Answer, **options: Any) -> str:
    """Return the one line of a download that fails; the last answer is for all further tries."""
    with pytest.raises(UserError) as caught:
        fetch(server, folder, *script, **options)
    line = str(caught.value)
    assert line.startswith(f"fetch.source = '{server.url}' cannot be downloaded: ")
    assert "\n" not in line
    return line


def left(folder: Path) -> int:
    """Return how many bytes of an unfinished download are kept."""
    return sum(path.stat().st_size for path in folder.glob("*.part"))


def test_a_file_arrives_whole_and_asks_for_its_very_bytes(server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    assert get(server, folder) == CONTENT
    assert server.requests[0]["Accept-Encoding"] == "identity"
    assert "Range" not in server.requests[0]


def test_two_urls_are_two_files(server: Server, tmp_path: Path) -> None:
    paths = {download(f"{server.url}?{number}", tmp_path) for number in range(2)}
    assert len(paths) == 2


@pytest.mark.parametrize(
    ("etag", "modified", "validator"),
    [('"one"', MONDAY, '"one"'), (None, MONDAY, MONDAY), ('W/"one"', MONDAY, MONDAY)],
)
def test_a_cut_is_resumed_where_it_happened(
    etag: str | None, modified: str, validator: str, server: Server, tmp_path: Path
) -> None:
    rest = Answer(etag=etag, modified=modified)
    cut = Answer(etag=etag, modified=modified, sent=CUT)
    assert get(server, tmp_path, cut, rest) == CONTENT
    assert server.requests[1]["Range"] == f"bytes={CUT}-"
    assert server.requests[1]["If-Range"] == validator
    assert server.requests[1]["Accept-Encoding"] == "identity"
    assert server.sent == [CUT, len(CONTENT) - CUT]


@pytest.mark.parametrize("etag", [None, 'W/"one"'])
def test_without_a_validator_a_cut_begins_again(
    etag: str | None, server: Server, tmp_path: Path
) -> None:
    plain = Answer(etag=etag, modified=None)
    cut = Answer(etag=etag, modified=None, sent=CUT)
    assert get(server, tmp_path, cut, plain) == CONTENT
    assert "Range" not in server.requests[1]
    assert "kept" not in refused(server, tmp_path / "other", cut, tries=1)


def test_a_second_call_fetches_only_what_is_missing(server: Server, tmp_path: Path) -> None:
    line = refused(server, tmp_path, Answer(sent=CUT), tries=1)
    assert line.endswith("what arrived is kept, and the same command resumes there")
    assert left(tmp_path) == CUT
    assert get(server, tmp_path, tries=1) == CONTENT
    assert server.sent == [CUT, len(CONTENT) - CUT]


def test_a_killed_process_is_resumed(server: Server, tmp_path: Path) -> None:
    server.script = [Answer(sent=CUT, stall=60), Answer()]
    code = (
        "import sys, pathlib; from animals10.data.downloading import download; "
        "download(sys.argv[1], pathlib.Path())"
    )
    paths = {"PYTHONPATH": str(Path(animals10.__file__).parents[1])}
    command = [sys.executable, "-c", code, server.url]
    with subprocess.Popen(command, cwd=tmp_path, env=os.environ | paths) as process:
        deadline = time.monotonic() + 30
        while left(tmp_path) < CUT // 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    kept = left(tmp_path)
    assert CUT // 2 <= kept <= CUT
    assert get(server, tmp_path) == CONTENT
    assert server.sent[1:] == [len(CONTENT) - kept]


@pytest.mark.parametrize("sent", [CUT, 0])
def test_a_stall_is_given_up_and_resumed(sent: int, server: Server, tmp_path: Path) -> None:
    stall = Answer(sent=sent, stall=60)
    assert get(server, tmp_path, stall, timeout=0.4) == CONTENT
    assert server.sent[:2] == [sent, len(CONTENT) - sent]


def test_a_server_that_always_stalls_is_one_line(server: Server, tmp_path: Path) -> None:
    line = refused(server, tmp_path, Answer(sent=0, stall=60), timeout=0.2, tries=2)
    assert "no byte within 0.2 s; check the network and run the same command again" in line


def test_a_chunked_body_of_unknown_length_arrives_or_begins_again(
    server: Server, tmp_path: Path
) -> None:
    chunks = b"".join(b"%x\r\n%b\r\n" % (CUT, CONTENT[at : at + CUT]) for at in (0, CUT))
    # Beside it, HTTP says, a Content-Length (here, of the chunks and their frames) is void.
    headers: dict[str, str | None] = {"Transfer-Encoding": "chunked"}
    whole = Answer(content=chunks + b"0\r\n\r\n", headers=headers, ranges=False)
    cut = Answer(content=chunks, headers=headers)
    assert get(server, tmp_path, cut, whole) == CONTENT[: 2 * CUT]
    assert "Range" not in server.requests[1]
    assert get(server, tmp_path, whole) == CONTENT[: 2 * CUT]
    assert server.sent[-1] == 0


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_passing_errors_are_waited_out(status: int, server: Server, tmp_path: Path) -> None:
    error = Answer(status, headers={"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"})
    assert get(server, tmp_path, error, error) == CONTENT
    assert len(server.requests) == 3


def test_the_wait_that_the_server_asks_for_is_kept(server: Server, tmp_path: Path) -> None:
    begin = time.monotonic()
    assert get(server, tmp_path, Answer(503, headers={"Retry-After": "1"})) == CONTENT
    assert time.monotonic() - begin >= 1


def test_a_lasting_server_error_is_one_line(server: Server, tmp_path: Path) -> None:
    line = refused(server, tmp_path, Answer(500))
    assert "the server answered 500 Internal Server Error; check the network" in line
    assert "kept" not in line
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [401, 403, 404, 410, 416, 304, 204])
def test_other_statuses_are_refused_at_once(status: int, server: Server, tmp_path: Path) -> None:
    assert f"the server answered {status}" in refused(server, tmp_path, Answer(status))
    assert len(server.requests) == 1


def test_a_refused_request_costs_no_bytes(server: Server, tmp_path: Path) -> None:
    assert "kept" in refused(server, tmp_path, Answer(sent=CUT), Answer(403))
    assert get(server, tmp_path) == CONTENT
    assert server.sent[-1] == len(CONTENT) - CUT


def test_no_server_at_all_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/photos.zip"
    with pytest.raises(UserError, match=r"cannot be downloaded: \[Errno 111\] Connection refused;"):
        download(url, tmp_path, tries=2, pause=0.01)


@pytest.mark.parametrize("url", ["http://", "http://host:port/", f"http://{'a' * 70}.com/"])
def test_an_impossible_url_is_one_line_at_once(url: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"'{url}' cannot be downloaded: the address leads nowhere"):
        download(url, tmp_path)


def test_progress_sets_the_count_of_tries_back(server: Server, tmp_path: Path) -> None:
    slow = [Answer(sent=20_000), Answer(500)] * 6
    assert get(server, tmp_path, *slow, tries=3) == CONTENT
    assert len(server.requests) == 13


def test_a_server_without_ranges_sends_all_again(server: Server, tmp_path: Path) -> None:
    assert get(server, tmp_path, Answer(sent=CUT), Answer(ranges=False)) == CONTENT
    assert server.sent == [CUT, len(CONTENT)]


@pytest.mark.parametrize("etags", [["one"], ["one", "two", "three", "four", "five", "six"]])
def test_beginning_again_comes_to_an_end(etags: list[str], server: Server, tmp_path: Path) -> None:
    cuts = [Answer(etag=f'"{etag}"', ranges=False, sent=CUT) for etag in etags]
    assert "the connection was cut" in refused(server, tmp_path, *cuts)
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    "later",
    [
        Answer(content=CHANGED, etag='"two"', modified=TUESDAY),
        Answer(content=CHANGED, etag='"two"', modified=TUESDAY, conditions=False),
        Answer(content=CHANGED, etag=None, modified=TUESDAY, conditions=False),
        Answer(content=CHANGED[:150_000]),
        Answer(content=CHANGED + CHANGED),
        Answer(content=CHANGED[: CUT // 2], conditions=False),
        Answer(content=CHANGED, headers={"Content-Range": f"bytes {CUT + 1}-199999/200000"}),
        Answer(content=CHANGED, headers={"Content-Range": f"bytes {CUT}-200000/200000"}),
        Answer(content=CHANGED, headers={"Content-Range": f"bytes {CUT}-119999/200000"}),
        Answer(content=CHANGED, headers={"Content-Range": f"bytes {CUT}-199999/*"}),
        Answer(content=CHANGED, headers={"Content-Range": None}),
    ],
    ids=[
        "another ETag",
        "another ETag, If-Range ignored",
        "another date, If-Range ignored",
        "shorter",
        "longer",
        "shorter than the part",
        "another range",
        "a range past the end",
        "a range that ends before",
        "no total",
        "no range named",
    ],
)
def test_two_files_are_never_spliced(later: Answer, server: Server, tmp_path: Path) -> None:
    whole = Answer(content=later.content, etag=later.etag, modified=later.modified)
    assert get(server, tmp_path, Answer(sent=CUT), later, whole) == later.content
    assert server.sent[-1] == len(later.content)


@pytest.mark.parametrize("note", [None, "", "{broken"])
def test_bytes_without_their_note_are_not_used(
    note: str | None, server: Server, tmp_path: Path
) -> None:
    refused(server, tmp_path, Answer(sent=CUT), tries=1)
    for path in tmp_path.glob("*.json"):
        path.unlink() if note is None else path.write_text(note)
    assert get(server, tmp_path, Answer(content=CHANGED)) == CHANGED


def test_a_promise_too_long_is_a_cut(server: Server, tmp_path: Path) -> None:
    lie = Answer(headers={"Content-Length": "200010", "Content-Range": None})
    line = refused(server, tmp_path, lie)
    assert "the connection was cut" in line


def test_a_promise_too_short_is_refused_where_it_can_be_seen(
    server: Server, tmp_path: Path
) -> None:
    span: dict[str, str | None] = {"Content-Range": f"bytes {CUT}-199999/200000"}
    lie = Answer(content=CONTENT + b"more", headers=span)
    line = refused(server, tmp_path, Answer(sent=CUT), lie)
    assert "sent more bytes than it promised" in line
    assert left(tmp_path) == 0
    # By the rules of HTTP, what follows the promised bytes is no part of the file.
    short = Answer(headers={"Content-Length": "1000"})
    assert get(server, tmp_path, short) == CONTENT[:1000]


@pytest.mark.parametrize(
    ("page", "kind"),
    [
        (b"<p>sign in</p>", "text/html; charset=utf-8"),
        (b"\xef\xbb\xbf\r\n  <!DocType HTML><p>sign in</p>", "application/zip"),
        (b"\n<HTML><p>sign in</p></html>", "application/zip"),
    ],
)
def test_a_web_page_is_refused_and_costs_no_bytes(
    page: bytes, kind: str, server: Server, tmp_path: Path
) -> None:
    answer = Answer(content=page, headers={"Content-Type": kind}, etag=None, modified=None)
    assert "answered with a web page (to sign in?)" in refused(server, tmp_path, answer)
    assert len(server.requests) == 1
    assert not list(tmp_path.iterdir())
    refused(server, tmp_path, Answer(sent=CUT), answer)
    assert left(tmp_path) == CUT
    assert get(server, tmp_path) == CONTENT


@pytest.mark.parametrize(
    ("etag", "modified"), [('"one"', MONDAY), ('"one"', None), ('W/"one"', None), (None, MONDAY)]
)
def test_a_finished_file_is_fetched_again_only_when_it_changed(
    etag: str | None, modified: str | None, server: Server, tmp_path: Path
) -> None:
    same = Answer(etag=etag, modified=modified)
    for _ in range(2):
        assert get(server, tmp_path, same) == CONTENT
    assert server.sent == [len(CONTENT), 0]
    new = Answer(content=CHANGED, etag=etag and '"two"', modified=modified and TUESDAY)
    assert get(server, tmp_path, new) == CHANGED
    assert server.sent == [len(CONTENT), 0, len(CHANGED)]


def test_a_finished_file_without_validators_is_fetched_again(
    server: Server, tmp_path: Path
) -> None:
    plain = Answer(etag=None, modified=None)
    assert get(server, tmp_path, plain) == CONTENT
    assert get(server, tmp_path, Answer(content=CHANGED, etag=None, modified=None)) == CHANGED


def test_a_finished_file_outlives_a_server_that_is_away(server: Server, tmp_path: Path) -> None:
    get(server, tmp_path)
    assert "what arrived is kept" in refused(server, tmp_path, Answer(500))
    assert get(server, tmp_path) == CONTENT
    assert server.sent[-1] == 0


def test_a_password_in_the_url_is_used_but_never_shown(server: Server, tmp_path: Path) -> None:
    server.script = [Answer(404)]
    url = server.url.replace("//", "//user:p@ss@")
    with pytest.raises(UserError) as caught:
        download(url, tmp_path)
    assert f"'{server.url}' cannot" in str(caught.value)
    assert "p@ss" not in str(caught.value)
    assert server.requests[0]["Authorization"].startswith("Basic ")
