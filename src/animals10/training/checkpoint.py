"""Training that no kill sets back by more than an epoch: its whole state, kept after each.

Keras's BackupAndRestore keeps neither the random generators of dropout layers, nor the memory of
early stopping, nor the order of the data. Order and augmentation follow from (seed, epoch) here;
the rest is in a file per epoch, outside DVC's outputs, which DVC deletes before it runs a stage.
"""

import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np
from filelock import FileLock, Timeout

from animals10 import files

FOLDER = ".checkpoints"  # in the user's project, so that temporary copies resume as well
_KEPT_TRAININGS, _KEPT_EPOCHS = 3, 2
_DONE = "done"  # holds the md5 of the stage's first output
_SETTINGS = ("KERAS_", "TF_", "ONEDNN_", "XLA_", "JAX_", "OMP_")
_PACKAGES = ("keras", "numpy", "opencv-python-headless", keras.backend.backend())
_STOPPING = ("wait", "best", "best_epoch")  # what EarlyStopping remembers beside weights


@contextmanager
def checkpoints(stage: str) -> Iterator[Path]:
    """Give a stage's training its folder of checkpoints.

    The folder is named after all that the training depends on, so that no other resumes from it:
    the stage's dependencies and parameters in dvc.yaml, the packages that compute, and the
    settings of Keras and its backend in the environment. After success it stays until DVC has
    saved the outputs, so a kill before that costs no training.

    Args:
        stage: its name in dvc.yaml.

    Yields:
        The folder.
    """
    remove_saved()
    folder = files.root() / FOLDER / stage / _digest(stage)
    with _locked(folder) as alone:
        if not alone:  # another worker of the queue trains the very same, and keeps checkpoints
            with tempfile.TemporaryDirectory() as name:
                yield Path(name)
            return
        _remove_oldest(folder)
        yield folder
        output = next(out for out in _stage(stage)["outs"] if isinstance(out, str))
        with files.replacing(folder / _DONE) as temporary:
            temporary.write_text(files.md5(Path(output).read_bytes()), encoding="utf-8")


def remove_saved() -> None:
    """Remove the checkpoints of trainings whose outputs DVC has saved, as dvc.lock tells."""
    # As outputs alone: a later stage may have the same bytes of an earlier run as a dependency.
    saved = set(files.outs(files.own_lock()).values())
    for mark in (files.root() / FOLDER).glob(f"*/*/{_DONE}"):
        with suppress(FileNotFoundError):  # another worker was faster
            digest = mark.read_text(encoding="utf-8")  # empty after a power cut
            if digest in saved:
                _remove(mark.parent)


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Make a folder and lock it; yield False if another process has it."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "lock", blocking=False):
            yield True
    except Timeout:
        yield False


def _remove(folder: Path) -> None:
    with _locked(folder) as alone:
        if alone:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_oldest(own: Path) -> None:
    """Keep the newest unfinished trainings of a stage, and `own`."""
    with suppress(FileNotFoundError):  # another worker was faster
        others = [path for path in own.parent.iterdir() if path != own]
        others.sort(key=lambda path: max(file.stat().st_mtime for file in [path, *path.iterdir()]))
        for folder in others[: 1 - _KEPT_TRAININGS]:
            _remove(folder)


def _stage(name: str) -> dict[str, Any]:
    stage: dict[str, Any] = files.read_yaml(Path("dvc.yaml"))["stages"][name]
    return stage


def _digest(stage: str) -> str:
    values = files.read_yaml(Path("params.yaml"))
    facts = {
        "params": {key: files.at(values, key) for key in _stage(stage)["params"]},
        # As installed; versions.txt has what should be.
        "packages": [platform.python_version(), *map(version, _PACKAGES)],
        "settings": sorted(
            f"{key}={value}"
            for key, value in os.environ.items()
            if key.startswith(_SETTINGS) and not key.startswith("TF_CPP_")  # these are of messages
        ),
        "backend": [keras.backend.backend(), keras.config.floatx()],
        "deps": [files.dependency_md5(Path(path)) for path in _stage(stage)["deps"]],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


class EarlyStopping(keras.callbacks.EarlyStopping):
    """Keras's early stopping on the validation loss, which can resume with what it remembered."""

    def __init__(self, patience: int) -> None:
        super().__init__(monitor="val_loss", patience=patience, restore_best_weights=True)
        self.remembered: dict[str, Any] = {}

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Begin with what was remembered."""
        super().on_train_begin(logs)
        for name, value in self.remembered.items():
            setattr(self, name, value)


class Checkpoint(keras.callbacks.Callback):
    """Keeps a training's whole state after every epoch; the last of the callbacks.

    Args:
        folder: for `epoch-<number>.npz`.
        stopping: whose memory is kept as well.

    Attributes:
        rows: what Keras logged in each epoch so far.
        finished: the training came to its end, and the model has its best weights.
    """

    def __init__(self, folder: Path, stopping: EarlyStopping) -> None:
        super().__init__()
        self.folder = folder
        self.stopping = stopping
        self.rows: list[dict[str, float]] = []
        self.finished = False

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Write the state."""
        self.rows.append(dict(logs or {}))
        memory = {name: getattr(self.stopping, name) for name in _STOPPING}
        finished = self.model.stop_training or epoch + 1 == self.params["epochs"]
        facts = {"rows": self.rows, "stopping": memory, "finished": finished}
        arrays: dict[str, Any] = {
            f"state{index}": keras.ops.convert_to_numpy(variable)
            for index, variable in enumerate(_state(self.model))
        }
        best = self.stopping.best_weights or []
        arrays |= {f"best{i}": value for i, value in enumerate(best)}
        older = sorted(self.folder.glob("epoch-*.npz"))
        with files.replacing(self.folder / f"epoch-{epoch + 1:04d}.npz") as temporary:
            np.savez(temporary, facts=np.array(json.dumps(facts)), **arrays)
        for path in older[: 1 - _KEPT_EPOCHS]:
            path.unlink(missing_ok=True)

    def restore(self, model: keras.Model) -> None:
        """Resume from the newest readable state, if there is one.

        Args:
            model: compiled, its optimizer built; changed in place.
        """
        for path in sorted(self.folder.glob("epoch-*.npz"), reverse=True):
            try:
                with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                    arrays = dict(archive)
                facts = json.loads(str(arrays["facts"]))
                states = [arrays[f"state{index}"] for index in range(len(_state(model)))]
                kept = sum(key.startswith("best") for key in arrays)
                best = [arrays[f"best{index}"] for index in range(kept)]
            except Exception:  # noqa: S112
                # Damaged, say by a power cut: zipfile and numpy raise nearly anything.
                continue
            for variable, value in zip(_state(model), states, strict=True):
                variable.assign(value)
            self.rows, self.finished = facts["rows"], facts["finished"]
            self.stopping.remembered = facts["stopping"] | {"best_weights": best or None}
            if self.finished:
                model.set_weights(best)
            print(f"resumed after epoch {len(self.rows)}", flush=True)
            return


def _state(model: keras.Model) -> list[keras.Variable]:
    return [*model.variables, *model.optimizer.variables]
