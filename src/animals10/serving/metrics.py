"""What Prometheus reads: requests, queue, batches, predictions, the model."""

import time
from collections.abc import Callable, Iterable

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from animals10.deployment.predictor import BATCH
from animals10.serving.following import Model
from animals10.serving.refusals import Refusal

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

disable_created_metrics()  # type: ignore[no-untyped-call] # series that nobody reads

_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class Metrics:
    """The metrics of one server; docs/serving.md lists them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = self._counter("requests", "Requests", "method", "route", "code")
        self.seconds = self._histogram(
            "request_seconds", "From head to response", _SECONDS, "route"
        )
        self.batches = self._histogram("batch_images", "Images of a batch", range(1, BATCH + 1))
        self.inference = self._histogram("batch_seconds", "The model's time for a batch", _SECONDS)
        self.refused = self._counter("refused", "Requests that were not served", "reason")
        self.unusable = self._counter("unusable_images", "Files that are no usable image")
        self.predictions = self._counter("predictions", "Predictions", "class_name")
        self.unsure = self._counter("unsure", "Predictions that are unsure")
        self.model = self._gauge("model_info", "The model served", "name", "version", "sha256")
        self.queue = self._gauge("queue_images", "Images admitted and not finished")
        self.problem = self._gauge("model_problem", "1 while the chosen model is not served")

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"animals10_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"animals10_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: Iterable[float], *labels: str) -> Histogram:
        return Histogram(
            f"animals10_{name}", text, labels, registry=self.registry, buckets=tuple(buckets)
        )

    def serve(self, model: Model) -> None:
        """Name the model served, and no other."""
        self.model.clear()
        self.model.labels(model.name, str(model.version or ""), model.sha256).set(1)

    def refuse(self, refusal: Refusal) -> None:
        """Count a refusal."""
        self.refused.labels(refusal.reason).inc()

    def batch(self, images: int, seconds: float) -> None:
        """Count a batch."""
        self.batches.observe(images)
        self.inference.observe(seconds)

    def response(self) -> Response:
        """Return all metrics in Prometheus's text format."""
        return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)


class Measured:
    """An ASGI middleware that counts and times requests by their route, not by their path.

    Args:
        app: what handles the requests.
        metrics: where they are counted.
        route: the name of a request's route; there are few.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, route: Callable[[Scope], str]) -> None:
        self._app, self._metrics, self._route = app, metrics, route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin, code = time.perf_counter(), "none"

        async def sent(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except Exception:
            code = "500"  # Starlette's response outside of all middleware
            raise
        finally:
            method = scope["method"] if scope["method"] in _METHODS else "other"
            route = self._route(scope)
            self._metrics.requests.labels(method, route, code).inc()
            self._metrics.seconds.labels(route).observe(time.perf_counter() - begin)
