"""The HTTP API: predictions, health, the model, metrics, and its own description."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Scope

from animals10.serving import describing, inference_protocol, uploads
from animals10.serving.access import Access
from animals10.serving.bodies import Bodies
from animals10.serving.metrics import Measured
from animals10.serving.refusals import Refusal, body, shortened
from animals10.serving.service import Row, Service

TOP = 2  # classes named, as by `predict`
_MOST = 1000


def create(service: Service, token: str | None = None) -> FastAPI:
    """Make the application: the API, with all limits around it and what is mounted on it.

    Args:
        service: that predicts; it runs while the application does.
        token: that all but health asks for, or None.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.start()
        yield
        await service.stop()

    app = FastAPI(
        **describing.ABOUT, lifespan=lifespan, docs_url=None, redoc_url=None, redirect_slashes=False
    )
    app.include_router(_router(service))
    app.include_router(inference_protocol.router(service))
    app.add_api_route("/docs", _documentation(app), include_in_schema=False)
    _handle_errors(app, service)
    refused = service.metrics.refuse
    # The last is the outermost.
    app.add_middleware(Access, token=token, refused=refused)
    app.add_middleware(Bodies, settings=service.settings, refused=refused)
    app.add_middleware(Measured, metrics=service.metrics, route=_route)
    return app


def _router(service: Service) -> APIRouter:
    router = APIRouter()

    @router.post("/predict", **describing.PREDICT)
    async def predict(
        request: Request, top: Annotated[int, Query(ge=1, le=_MOST, description="classes")] = TOP
    ) -> Response:
        files = await uploads.read(request, service.settings)
        model, rows = await service.predict(files, top, uploads.gone(request))
        _require_one(rows)
        return JSONResponse({"model": model.identity, "predictions": rows})

    @router.get("/health/live", **describing.LIVE)
    async def live() -> Response:
        return JSONResponse({"status": "live"})

    @router.get("/health/ready", **describing.READY)
    async def ready() -> Response:
        if not service.ready:
            raise Refusal(503, "the server is starting or stopping", "not ready")
        return JSONResponse({"status": "ready"})

    for path, endpoint in (("/health/live", live), ("/health/ready", ready)):
        router.add_api_route(path, endpoint, methods=["HEAD"], include_in_schema=False)

    @router.get("/model", **describing.MODEL)
    async def model() -> Response:
        return JSONResponse(describe_model(service))

    @router.get("/model/card", **describing.CARD)
    async def card() -> Response:
        return PlainTextResponse(service.following.current.card(), media_type="text/markdown")

    @router.get("/metrics", **describing.METRICS)
    async def metrics() -> Response:
        return service.metrics.response()

    return router


def describe_model(service: Service) -> dict[str, Any]:
    """Return what `/model` says: identity, classes, thresholds, promotion, and any problem."""
    model = service.following.current
    predictor = model.predictor
    return {
        **model.identity,
        "classes": predictor.classes,
        "image_size": predictor.size,
        "threshold": predictor.threshold,
        "unfamiliarity_threshold": predictor.unfamiliarity_threshold,
        "promoted": model.about.get("promoted"),
        # Without the paths of this machine, which the reason may name.
        "problem": service.following.problem
        and "the model that is chosen now cannot be served; the server's log says why"
        or None,
    }


def _require_one(rows: list[Row]) -> None:
    """Refuse a request none of whose files can be used."""
    if any("error" not in row for row in rows):
        return
    file, error = rows[0]["file"], rows[0]["error"]
    several = f"none of {len(rows)} files can be used; {shortened(file)}: {error}"
    raise Refusal(status(error), several if len(rows) > 1 else error, "unusable")


def status(error: str) -> int:
    """Return the status for a file that cannot be used, by the text of its `ImageError`."""
    if error.startswith("too large"):
        return 413
    return 422 if error.startswith(("damaged", "too")) else 415


def _documentation(app: FastAPI) -> Callable[[], Any]:
    async def documentation() -> Response:
        return HTMLResponse(describing.page(app.openapi()))

    return documentation


def _route(scope: Scope) -> str:
    """Name a request's route; there are few."""
    path = getattr(scope.get("route"), "path", None)
    return str(path) if path else "page" if scope.get("root_path") else "other"


def _handle_errors(app: FastAPI, service: Service) -> None:
    @app.exception_handler(Refusal)
    async def refuse(request: Request, error: Refusal) -> Response:
        service.metrics.refuse(error)
        return error.response(request.url.path)

    @app.exception_handler(ClientDisconnect)
    async def lose(request: Request, error: ClientDisconnect) -> Response:
        return await refuse(request, Refusal(499, "the client has gone", "client gone"))

    @app.exception_handler(RequestValidationError)
    async def explain(request: Request, error: RequestValidationError) -> Response:
        detail = error.errors()[0]
        name, given = detail["loc"][-1], shortened(str(detail["input"]))
        line = f"{name} = {given} is not allowed: {detail['msg'].removeprefix('Input ')}"
        return JSONResponse(body(request.url.path, line), 422)

    @app.exception_handler(HTTPException)
    async def answer(request: Request, error: HTTPException) -> Response:
        line = f"{error.detail}; {describing.WHERE}"
        return JSONResponse(body(request.url.path, line), error.status_code, error.headers)

    @app.exception_handler(Exception)
    async def fail(request: Request, error: Exception) -> Response:
        return JSONResponse(body(request.url.path, "internal error; see the server's log"), 500)
