"""The page in a browser: real uploads and clicks, no request elsewhere, at both widths."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from conftest import picture
from playwright.sync_api import Browser, FloatRect, Locator, Page, expect, sync_playwright
from serving.hostile import exchange, png
from serving.running import TOKEN, Server, serving

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
PATIENCE = 30_000  # milliseconds
FAKE_CAMERA = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no browser")


@pytest.fixture(scope="module")
def server(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("page") / "log"
    temporary = {"TMPDIR": str(log.parent)}
    limits = ["--set", "body_mib=4", "--set", "files=4"]
    with serving(finished, log, *limits, page=True, environment=temporary) as running:
        yield running
        (folder,) = log.parent.glob("animals10-*")
        assert list(folder.rglob("a.jpg"))
        assert folder.stat().st_mode & 0o777 == 0o700
        assert running.stop() == 0
        assert "During handling" not in running.log
        refused = ("InvalidPathError: Cannot move", "gradio.exceptions.Error: ")
        assert running.log.count("Traceback") == sum(map(running.log.count, refused))
        assert not list(log.parent.glob("animals10-*"))
        assert not list(log.parent.rglob("*.jpg"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=BROWSER, args=["--no-sandbox", *FAKE_CAMERA]
        )
        yield launched
        launched.close()


@pytest.fixture
def page(server: Server, browser: Browser) -> Iterator[Page]:
    with browser.new_context(viewport={"width": 390, "height": 844}) as context:
        opened, asked = context.new_page(), list[str]()
        opened.set_default_timeout(PATIENCE)
        opened.on("request", lambda request: asked.append(request.url))
        visit(opened, server)
        yield opened
        here = (server.url, "data:", "blob:")
        assert asked
        assert not [url for url in asked if not url.startswith(here)]


def visit(page: Page, server: Server) -> None:
    """Open the page, and wait until it is alive: a click before that is lost."""
    page.goto(server.url)
    expect(page.locator("#about")).to_contain_text("By the model", timeout=PATIENCE)


def rows(page: Page, count: int) -> list[str]:
    """Return the texts of the predictions, when there are as many as expected."""
    found = page.locator(".results article")
    expect(found).to_have_count(count, timeout=PATIENCE)
    return found.all_inner_texts()


def test_an_example_is_predicted_by_one_click_and_explained_on_request(page: Page) -> None:
    expect(page.locator("#heat")).to_be_hidden()
    page.locator("#examples button").nth(2).click()
    (text,) = rows(page, 1)
    assert text.count("%") == 3
    page.locator("#heat").click()
    heat = page.locator(".results img[alt^='heat map']")
    expect(heat).to_have_count(1, timeout=PATIENCE)
    assert heat.evaluate("image => image.naturalWidth") > 0
    expect(page.locator(".results")).to_contain_text("Red parts decide")


def test_several_uploads_have_the_predictions_of_the_api(
    page: Page, server: Server, tmp_path: Path
) -> None:
    files = [("a.jpg", picture(1)), ("b.png", picture(2, kind="PNG")), ("bad.jpg", b"<svg>")]
    for name, content in files:
        (tmp_path / name).write_bytes(content)
    page.set_input_files("#photos input[type=file]", [tmp_path / name for name, _ in files])
    shown = rows(page, 3)
    box, label = map(_box, (page.locator("#photos"), page.locator("#photos label").first))
    for image in page.locator("#photos .grid-container img").all()[:3]:
        assert _box(image)["x"] + _box(image)["width"] <= box["x"] + box["width"]
        assert _box(image)["y"] >= label["y"] + label["height"]
    expected = server.post(*files).json()["predictions"]
    for text, row in zip(shown, expected, strict=True):
        assert row["file"] in text
        if "error" in row:
            assert row["error"] in text
            continue
        assert row["class"] in text
        assert f"{100 * row['probability']:.1f} %" in text
        assert ("Unsure." in text) == row["unsure"]
    assert any(row.get("unsure") for row in expected)
    page.locator("#heat").click()
    expect(page.locator(".results img[alt^='heat map']")).to_have_count(2, timeout=PATIENCE)
    assert "unsupported format: SVG" in rows(page, 3)[2]


def _box(found: Locator) -> FloatRect:
    box = found.bounding_box()
    assert box
    return box


def test_more_photos_than_allowed_are_refused_in_words(page: Page, tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}.jpg").write_bytes(picture(number))
    page.set_input_files("#photos input[type=file]", sorted(tmp_path.iterdir()))
    expect(page.locator(".results")).to_contain_text("more than 4 photos", timeout=PATIENCE)


def test_the_name_of_a_file_is_no_markup(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "<img src=x onerror=document.title=1>.jpg"
    path.write_bytes(picture(1))
    page.set_input_files("#photos input[type=file]", path)
    rows(page, 1)
    assert page.locator(".results img").count() == 1
    assert page.title() == "What is on this photo?"


def test_the_camera_takes_a_photo(page: Page) -> None:
    page.get_by_role("tab", name="Camera or clipboard").click()
    page.locator("#camera").get_by_text("Click to Access Webcam").click()
    page.wait_for_function("document.querySelector('#camera video')?.videoWidth > 0")
    page.locator("#camera button[aria-label='capture photo']").click()
    rows(page, 1)


def test_a_photo_is_pasted(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate(
        """async bytes => {
            const photo = new Blob([new Uint8Array(bytes)], {type: "image/png"});
            await navigator.clipboard.write([new ClipboardItem({"image/png": photo})]);
        }""",
        list(picture(1, kind="PNG")),
    )
    page.get_by_role("tab", name="Camera or clipboard").click()
    page.locator("#camera button[aria-label='Paste from clipboard']").click()
    rows(page, 1)


def test_the_keyboard_is_enough(page: Page) -> None:
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('#examples') !== null"):
            break
    page.keyboard.press("Enter")
    rows(page, 1)
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "heat":
            break
    page.keyboard.press("Enter")
    expect(page.locator(".results img[alt^='heat map']")).to_have_count(1, timeout=PATIENCE)


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (390, "light"), (1280, "light")])
def test_nothing_is_cut_off_in_any_light(
    server: Server, browser: Browser, width: int, scheme: str
) -> None:
    size = {"width": width, "height": 900}
    with browser.new_context(viewport=size, color_scheme=scheme) as context:  # type: ignore[arg-type]
        page = context.new_page()
        visit(page, server)
        page.locator("#examples button").nth(5).click(timeout=PATIENCE)
        rows(page, 1)
        page.get_by_text("The model's card").click()
        expect(page.locator("#card")).to_contain_text("accuracy", timeout=PATIENCE)
        root = "document.documentElement"
        assert page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth")
        for box in page.locator("#examples img, .results article").all():
            edges = box.bounding_box()
            assert edges
            assert edges["x"] >= 0
            assert edges["x"] + edges["width"] <= width
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        light = sum(map(int, colour.removeprefix("rgb(").removesuffix(")").split(","))) > 384
        assert light == (scheme == "light")


def test_uploads_of_the_page_have_the_limits_of_the_api(server: Server) -> None:
    place = f"{server.url}/gradio_api/upload"
    large = requests.post(place, files={"files": ("a.png", bytes(5 * 2**20))}, timeout=60)
    assert large.status_code == 413
    assert large.json() == {"detail": "the body is larger than 4 MiB; send less"}
    head = b"POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999\r\n\r\n"
    assert exchange(server.port, head)[0] == 413
    bomb = requests.post(place, files={"files": ("a.png", png(30_000, 30_000))}, timeout=60)
    assert bomb.status_code == 200  # it is kept, and refused when it is to be decoded


@pytest.mark.parametrize(
    "path",
    ["/login", "/gradio_api/proxy=http://127.0.0.1:1", "/gradio_api/call/predict", "/monitoring"],
)
def test_what_the_page_does_not_use_is_not_there(server: Server, path: str) -> None:
    response = server.get(path)
    assert (response.status_code, response.json()["detail"]) == (
        *(404, "Not Found; the API is described at /docs"),
    )
    assert requests.put(f"{server.url}/predict", timeout=60).status_code == 405


def test_files_of_this_machine_are_not_given_out(server: Server, finished: Path) -> None:
    for path in ("/etc/passwd", f"{finished}/params.yaml", f"{finished}/models/cnn.onnx"):
        assert server.get(f"/gradio_api/file={path}").status_code in (403, 404)


def call(server: Server, number: int, data: list[object]) -> str:
    """Call a function of the page as a client may that is no browser; return its result."""
    place, session = f"{server.url}/gradio_api/queue", "of-this-test"
    body = {"data": data, "fn_index": number, "session_hash": session}
    assert requests.post(f"{place}/join", json=body, timeout=60).status_code == 200
    url = f"{place}/data?session_hash={session}"
    with requests.get(url, stream=True, timeout=60) as events:
        return next(line.decode() for line in events.iter_lines() if b"_completed" in line)


def test_no_image_of_this_machine_is_predicted_for_its_path(server: Server, tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").write_bytes(picture(1))
    file = {"path": str(tmp_path / "secret.jpg"), "meta": {"_type": "gradio.FileData"}}
    for upload, given in ((1, [{"image": file, "caption": None}]), (3, file)):
        assert '"success":false' in call(server, upload, [given])
        assert "secret" not in call(server, upload + 1, [None])


def test_no_address_is_downloaded(server: Server) -> None:
    file = {"path": "https://example.org/a.jpg", "meta": {"_type": "gradio.FileData"}}
    for upload, given in ((1, [{"image": file, "caption": None}]), (3, file)):
        assert "only uploads are taken" in call(server, upload, [given])


def test_without_the_page_a_line_says_why(finished: Path, tmp_path: Path) -> None:
    (tmp_path / "gradio.py").write_text("raise ImportError('not here')")
    source = Path(__file__).parents[2] / "src"
    for environment, line in (
        ({"ANIMALS10_TOKEN": TOKEN}, "there is no page, since a browser cannot send the token"),
        ({"PYTHONPATH": f"{tmp_path}:{source}"}, "there is no page, since Gradio cannot be imp"),
    ):
        log = tmp_path / "log"
        with serving(finished, log, page=True, environment=environment) as running:
            assert line in running.log
            assert running.get("/health/ready").status_code == 200
            assert running.get("/").status_code in (401, 404)
