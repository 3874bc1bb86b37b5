"""The model that is served, and its successor when `models/champion` changes."""

import asyncio
import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from animals10.deployment import choosing, reference
from animals10.deployment.predictor import Predictor
from animals10.errors import UserError
from animals10.serving.threads import workers

_State = list[tuple[Path, int, int, int]]
_RECORD = "champion.json"
_AGAIN = 30.0  # seconds until a model that could not be loaded is tried again
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Model:
    """A model in memory, and what identifies it.

    `about` is what champion.json says, or empty where the model is no champion.
    """

    predictor: Predictor
    sha256: str
    about: dict[str, Any]

    @property
    def name(self) -> str:
        """The name that the export gave it."""
        return self.predictor.metadata.get("name") or self.predictor.path.stem

    @property
    def version(self) -> int | None:
        """The champion's version, or None where the model is no champion."""
        return self.about.get("version")

    @property
    def identity(self) -> dict[str, Any]:
        """What each response says of its model."""
        return {"name": self.name, "version": self.version, "sha256": self.sha256}

    def card(self) -> str:
        """Return the model's card, in Markdown, or "" where there is none."""
        path = self.predictor.path.with_suffix(".md")
        return path.read_text(encoding="utf-8") if path.is_file() else ""


def load(path: Path) -> Model:
    """Load a model, and check it by all that lies beside it.

    Args:
        path: of the file, which may be reached by a link that changes meanwhile.

    Raises:
        UserError: it is damaged, or predicts otherwise than when it was exported.
    """
    real = path.resolve()
    record = real.with_name(_RECORD)
    try:
        sha256 = hashlib.sha256(real.read_bytes()).hexdigest()
        about = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
    except (OSError, ValueError) as error:
        raise UserError(f"{real} cannot be loaded: {error}") from None
    if not isinstance(about, dict):
        raise UserError(f"{record} is no JSON object; promote the model again")
    if about.get("sha256", sha256) != sha256:
        raise UserError(f"{real} is not the model that {record} describes; promote it again")
    predictor = Predictor(real)
    if predictor.path.with_suffix(".reference.npz").is_file():
        reference.check(predictor)  # which makes the first prediction quick as well
    return Model(predictor, sha256, about)


class Following:
    """The current model; `follow` replaces it when another is chosen.

    Args:
        wanted: as `choosing.find` takes it.
        changed: is called with each model, also the first.

    Attributes:
        current: the model.
        note: what the user should know of the choice, or "".
        problem: why the model that is chosen now is not served, or "".

    Raises:
        UserError: there is no such model, or it is damaged.
    """

    def __init__(self, wanted: str | None, changed: Callable[[Model], None]) -> None:
        self._wanted, self._changed = wanted, changed
        path, self.note = choosing.find(wanted)
        self._loaded = self._tried = _state(path)
        self._again = 0.0  # when to try `_tried` again, on the clock of the event loop
        # ONNX Runtime's threads have the priority of the one that loads.
        self._thread = workers(1, "load")
        self.current = self._thread.submit(load, path).result()
        self.problem = ""
        changed(self.current)

    async def follow(self, every: float = 1.0) -> None:
        """Look for another model again and again, until cancelled.

        Args:
            every: seconds between two looks.
        """
        while True:
            await asyncio.sleep(every)
            try:
                await self._look()
            except Exception as error:  # whatever lies there, the next look may find better
                self._fail(str(error) or type(error).__name__)

    async def _look(self) -> None:
        path, note = choosing.find(self._wanted)
        if note and self.current.version:
            raise UserError(f"{choosing.CHAMPION} is gone; promote a model, or start anew")
        state, now = _state(path), asyncio.get_running_loop().time()
        if state == self._loaded:
            self.problem = ""
        elif state != self._tried or now >= self._again:
            self._tried, self._again = state, now + _AGAIN
            await self._replace(path, state)

    async def _replace(self, path: Path, state: _State) -> None:
        loop = asyncio.get_running_loop()
        model = await loop.run_in_executor(self._thread, load, path)
        self.current, self._loaded, self.problem = model, state, ""
        _log.warning("serving %s now", model.identity)
        self._changed(model)

    def _fail(self, why: str) -> None:
        if why != self.problem:
            _log.warning("%s is served on: %s", self.current.identity, why)
        self.problem = why


def _state(path: Path) -> _State:
    """Return what changes with a model: where its links lead, its file, and what lies beside it."""
    real = path.resolve()
    beside = (real.with_suffix(".reference.npz"), real.with_name(_RECORD))
    stats = {each: each.stat() for each in (real, *beside) if each == real or each.exists()}
    return [(each, stat.st_ino, stat.st_mtime_ns, stat.st_size) for each, stat in stats.items()]
