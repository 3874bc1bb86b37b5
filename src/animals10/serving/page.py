"""A page for people, on the same server: photos in, predictions and heat maps out, by Gradio."""

import asyncio
import base64
import io
from collections.abc import AsyncIterator, Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from fastapi import FastAPI
from jinja2 import Environment, StrictUndefined
from PIL import Image
from starlette.routing import Match, Mount
from starlette.types import Scope

import animals10_sample
from animals10.serving import heatmap
from animals10.serving.refusals import Refusal
from animals10.serving.service import Predicted, Row, Service, describe
from animals10.serving.settings import Settings
from animals10.serving.uploads import Upload, require_size

TOP = 3
_EXAMPLES = 6
_KEPT = 600  # seconds that Gradio keeps a photo, which it writes to a temporary folder
_TITLE = "What is on this photo?"
# Of Gradio's many routes, those that this page uses.
_USED = (
    *("/config", "/assets/", "/static/", "/svelte/", "/theme.css", "/favicon.ico"),
    *("/gradio_api/upload", "/gradio_api/queue/", "/gradio_api/file=", "/gradio_api/heartbeat/"),
    *("/gradio_api/startup-events", "/gradio_api/info", "/gradio_api/cancel", "/manifest.json"),
)
_FOLDER = Path(__file__).parent
# Not for programs, which have the API; and not one after the other, which the batcher decides.
_EVENT: dict[str, Any] = {"api_visibility": "private", "concurrency_limit": None}
Read = Callable[[list[str]], list[Upload]]
Photos = list[tuple[str, str | None]] | None  # of a gallery: paths and captions


def mount(app: FastAPI, service: Service, folder: Path) -> None:
    """Put the page at `/`, under the limits of the application.

    Args:
        app: as `api.create` makes it.
        service: that predicts.
        folder: for the examples.
    """
    examples = folder / "examples"
    paths = _draw_examples(examples)
    gr.set_static_paths([examples])
    gr.mount_gradio_app(
        app,
        _page(service, folder, paths),
        "/",
        footer_links=[],
        run_history=False,
        max_file_size=service.settings.file_bytes,
        ssr_mode=False,
        enable_monitoring=False,
        theme=gr.themes.Default(
            font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
        ),
        css_paths=[_FOLDER / "page.css"],
    )
    whole = app.router.routes.pop()
    assert isinstance(whole, Mount)  # noqa: S101 - for the types
    app.router.routes.append(_OnlyUsed(whole.path, whole.app))


class _OnlyUsed(Mount):
    """Gradio without what the page does not use, so that other paths are the API's to answer."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        path = scope["path"]
        if path == "/" or path.startswith(_USED):
            return super().matches(scope)
        return Match.NONE, {}


def _draw_examples(folder: Path) -> list[str]:
    rng, paths = np.random.default_rng(7), []
    folder.mkdir()
    for name in animals10_sample.CLASSES[:_EXAMPLES]:
        path = folder / f"{name}.png"
        Image.fromarray(animals10_sample.draw(name, rng)).save(path)
        paths.append(str(path))
    return paths


def _page(service: Service, folder: Path, examples: list[str]) -> gr.Blocks:
    with gr.Blocks(title=_TITLE, analytics_enabled=False, delete_cache=(60, _KEPT)) as page:
        gr.Markdown(f"# {_TITLE}")
        about = gr.Markdown(elem_id="about")
        with gr.Tab("Photos"):
            photos = _gallery("Drop photos, or choose some", 200, "photos", interactive=True)
        with gr.Tab("Camera or clipboard"):
            # Of less than 282 pixels, Gradio's prompt covers the buttons below it.
            camera = gr.Image(
                sources=["webcam", "clipboard"], type="filepath", height=300, buttons=[],
                label="Take a photo, or paste one", elem_id="camera",
            )  # fmt: skip
        gr.Markdown("Or choose an example, which this project has drawn:")
        drawn = _gallery("Examples", None, "examples", interactive=False, value=list(examples))
        results = gr.HTML(elem_id="results")
        heat = gr.Button("Show which parts decide", visible=False, elem_id="heat")
        with gr.Accordion("The model's card", open=False):
            card = gr.Markdown(elem_id="card")
        page.load(partial(_about, service), None, [about, card], **_EVENT)
        for source in (photos, camera):
            _take_no_address(source)
        read = partial(_read, service.settings, folder)
        _connect(service, read, examples, [photos, camera, drawn], results, heat)
    page.queue(max_size=service.settings.queue, api_open=False)
    # Else Gradio copies any file of this machine that a client names into the folder of uploads: of
    # a page that is mounted, not launched, it checks no path.
    page.has_launched = True
    return page


def _gallery(label: str, height: int | None, name: str, **options: Any) -> gr.Gallery:
    return gr.Gallery(
        label=label,
        height=height,
        elem_id=name,
        type="filepath",
        sources=["upload"],
        columns=_EXAMPLES,
        fit_columns=False,
        show_label=options["interactive"],
        allow_preview=False,
        object_fit="cover",
        buttons=[],
        **options,
    )


def _take_no_address(component: Any) -> None:
    """Refuse URLs in the place of uploads, which Gradio would download."""
    keep = component.async_move_resource_to_block_cache

    async def keep_upload(path: str | Path | None) -> str | None:
        if path is not None and not Path(path).is_absolute():
            raise gr.Error("only uploads are taken")
        return await keep(path)

    component.async_move_resource_to_block_cache = keep_upload


def _connect(
    service: Service,
    read: Read,
    examples: list[str],
    sources: list[Any],
    results: gr.HTML,
    heat: gr.Button,
) -> None:
    """Let what is chosen at any source be predicted, and explained on request."""
    photos, camera, drawn = sources
    chosen = gr.State([])  # paths of what was chosen last

    def choose(event: gr.SelectData) -> list[str]:
        return [examples[event.index]]

    def several(gallery: Photos) -> list[str]:
        return [path for path, _ in gallery or []]

    def one(path: str | None) -> list[str]:
        return [path] if path else []

    for event, take, source in (
        (photos.change, several, photos),
        (camera.change, one, camera),
        (drawn.select, choose, None),
    ):
        taken = event(take, source, chosen, **_EVENT)
        taken.then(partial(_predict, service, read), chosen, [results, heat], **_EVENT)
    heat.click(partial(_explain, service, read), chosen, results, **_EVENT)


async def _predict(service: Service, read: Read, paths: list[str]) -> tuple[str, Any]:
    """Return the predictions as HTML, and whether heat maps of them can be asked for."""
    if not paths:
        return "", gr.update(visible=False)
    try:
        uploads = await asyncio.to_thread(read, paths)
        model, outcomes = await service.outcomes(uploads)
    except Refusal as refusal:
        return _render(problem=refusal.detail), gr.update(visible=False)
    rows = service.report(model, uploads, outcomes, TOP)
    shown = [
        (row, _picture(outcome.image) if isinstance(outcome, Predicted) else "")
        for row, outcome in zip(rows, outcomes, strict=True)
    ]
    usable = any(picture for _, picture in shown)
    return _render(shown), gr.update(visible=usable)


async def _explain(service: Service, read: Read, paths: list[str]) -> AsyncIterator[str]:
    """Yield the predictions as HTML, with one more heat map at a time."""
    shown: list[tuple[Row, str]] = []
    try:
        uploads = await asyncio.to_thread(read, paths)
        model, outcomes = await service.outcomes(uploads)
        rows = describe(model, uploads, outcomes, TOP)
        for row, outcome in zip(rows, outcomes, strict=True):
            picture = ""
            if isinstance(outcome, Predicted):
                falls = await heatmap.explain(service, model, outcome)
                picture = _picture(heatmap.overlaid(outcome.image, falls))
            shown.append((row, picture))
            yield _render(shown, heat=True)
    except Refusal as refusal:
        yield _render(shown, problem=refusal.detail, heat=True)


def _read(settings: Settings, folder: Path, paths: list[str]) -> list[Upload]:
    """Read files that were uploaded, or are examples."""
    if len(paths) > settings.files:
        raise Refusal(413, f"more than {settings.files} photos; choose fewer", "many files")
    uploads = []
    for path in map(Path, paths):
        if not (path.resolve().is_relative_to(folder.resolve()) and path.is_file()):
            raise Refusal(400, "the photo is no longer here; choose it again", "form")
        upload = Upload(path.name[: settings.name_length], bytearray(path.read_bytes()))
        require_size(upload, settings)
        uploads.append(upload)
    return uploads


def _about(service: Service) -> tuple[str, str]:
    """Return a line on the model, and its card; both in Markdown."""
    model = service.following.current
    version = f", version {model.version}" if model.version else ""
    since = str(model.about.get("promoted", ""))[:10]
    date = f", champion since {since}" if since else ""
    return f"By the model **{model.name}**{version}{date}.", model.card() or "It has no card."


def _picture(image: "np.ndarray | Image.Image") -> str:
    """Write what the model sees as the address of an image."""
    content = io.BytesIO()
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture.save(content, "WEBP", quality=85)
    return f"data:image/webp;base64,{base64.b64encode(content.getvalue()).decode()}"


def _render(shown: Iterable[tuple[Row, str]] = (), problem: str = "", heat: bool = False) -> str:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    template = environment.from_string(_FOLDER.joinpath("results.html.jinja").read_text("utf-8"))
    return template.render(shown=list(shown), problem=problem, heat=heat)
