"""The report in a browser: no request, nothing cut off at any width, dark and light."""

import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reporting.drawn import HOSTILE, SCRIPTS, make, page

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
LONG = "a name without any place at which a line could be broken".replace(" ", "_")
# The width that the page takes in a frame, and its title.
FRAME = """<!DOCTYPE html><title>waiting</title><iframe id=f src=report.html width={0} height=900>
</iframe><script>f.onload = () => {{
  const root = f.contentDocument.documentElement
  document.title = [root.scrollWidth, root.clientWidth, f.contentDocument.title].join(" ")
}}</script>"""

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no browser")


class Served:
    """A folder that a server gives, and the paths that were asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.asked = folder, list[str]()
        asked = self.asked

        class Handler(SimpleHTTPRequestHandler):
            def log_message(self, format: str, *arguments: object) -> None:
                asked.append(self.path)

        handler = partial(Handler, directory=str(folder))
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("page")
    names = [*HOSTILE, *SCRIPTS, LONG]
    found = make(folder / "project", names)
    (folder / "report.html").write_text(page(found), encoding="utf-8")
    site = Served(folder)
    thread = threading.Thread(target=site.server.serve_forever)
    thread.start()
    yield site
    site.server.shutdown()
    thread.join()
    site.server.server_close()


def browse(folder: Path, *arguments: str) -> str:
    assert BROWSER
    command = [
        BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
        f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=3000", *arguments,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return done.stdout


@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_is_cut_off_or_run(served: Served, tmp_path: Path, width: int) -> None:
    (served.folder / "frame.html").write_text(FRAME.format(width))
    served.asked.clear()
    text = browse(tmp_path, "--dump-dom", f"{served.url}/frame.html")
    found = re.search(r"<title>(\d+) (\d+) (.*)</title>", text)
    assert found, text[:500]
    needed, given, title = found.groups()
    assert int(needed) <= int(given)
    assert title.startswith("Report: ")  # no name was run as a script
    assert set(served.asked) <= {"/frame.html", "/report.html", "/favicon.ico"}


def test_it_is_dark_where_that_is_preferred(served: Served, tmp_path: Path) -> None:
    brightness = {}
    for scheme in ("light", "dark"):
        target = tmp_path / f"{scheme}.png"
        setting = f"--blink-settings=preferredColorScheme={int(scheme == 'light')}"
        size = "--window-size=600,800"
        browse(tmp_path, setting, size, f"--screenshot={target}", f"{served.url}/report.html")
        brightness[scheme] = float(np.median(np.asarray(Image.open(target).convert("L"))))
    assert brightness["light"] > 240
    assert brightness["dark"] < 60


def test_it_can_be_printed(served: Served, tmp_path: Path) -> None:
    target = tmp_path / "report.pdf"
    browse(tmp_path, f"--print-to-pdf={target}", f"{served.url}/report.html")
    pages = len(re.findall(rb"/Type\s*/Page\b", target.read_bytes()))
    assert 3 <= pages <= 15
