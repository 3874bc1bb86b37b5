"""Whether the user's own files, which DVC does not watch, changed since the last run."""

import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from tqdm import tqdm

from animals10 import manifest, pipeline, sources, weights, workspace
from animals10.errors import UserError
from animals10.names import hidden
from animals10.parameters import Parameters

_CACHE = ".inputs.json"  # in the user's project: what each file was when it was last hashed
Known = dict[str, list[int | str]]


def require(params: Parameters, recorded: Collection[str] = ()) -> dict[str, Path]:
    """Find the files that the parameters name, before any stage loses an output.

    Args:
        params: all of them.
        recorded: parameters whose files need not be here, as `read_recorded` returns them.

    Returns:
        By parameter, the folder or file of each that names one on this machine.

    Raises:
        UserError: one does not exist, is no manifest, or lies where a stage would remove it.
    """
    finders: dict[str, Callable[[], Path | None]] = {
        "fetch.source": lambda: sources.find(params.fetch.source),
        "fetch.manifest": lambda: sources.find_manifest(params.fetch),
        "backbone.weights": lambda: weights.find(params.backbone),
    }
    found: dict[str, Path] = {}
    for key, find in finders.items():
        try:
            path = find()
        except UserError:
            if key not in recorded:
                raise
        else:
            found |= {key: path} if path else {}
    for key, path in found.items():
        _require_own(key, path)
    if "fetch.manifest" in found:
        manifest.read(found["fetch.manifest"])
    if not Path(params.split.pinned).is_file():
        raise UserError(
            f"split.pinned = {params.split.pinned!r} is no file in the project; copy an earlier "
            "splits.csv there, or give pinned/none.csv"
        )
    _require_own("split.pinned", Path(params.split.pinned))
    return found


def read_recorded(path: Path, params: Parameters) -> dict[str, str]:
    """Read what the last run wrote, of the parameters that are as they were when fetch ran.

    Whoever has a project's outputs, say by `dvc pull`, needs no photos to run later stages.

    Args:
        path: of `digests`, written as JSON.
        params: those of now.
    """
    stages = pipeline.own_lock()["stages"]
    then = stages.get("fetch", {}).get("params", {}).get("params.yaml", {})
    now = params.model_dump()
    recorded: dict[str, str] = {}
    with suppress(OSError, ValueError):  # there is none, or no JSON
        recorded = json.loads(path.read_text(encoding="utf-8"))
    return {
        key: digest
        for key, digest in recorded.items()
        if key.split(".")[0] in then and pipeline.at(then, key) == pipeline.at(now, key)
    }


def left_behind() -> list[str]:
    """List the data that an earlier version of this pipeline made, by dvc.lock, and none uses."""
    made = pipeline.outs(pipeline.own_lock())
    return sorted(
        path
        for path in made
        if path.startswith("data/") and not Path(path).is_relative_to(workspace.STAGES)
    )


def _require_own(key: str, path: Path) -> None:
    """Refuse a path of the user's that a stage would remove, or that holds the project."""
    project, path = workspace.root(), path.resolve()
    if path.is_dir() and project.is_relative_to(path):
        raise UserError(
            f"{key} = {str(path)!r} is the project's own folder, or one around it; give a folder "
            "that holds nothing but photos, say data/photos"
        )
    for output in [workspace.STAGES, *_outputs()]:
        if path.is_relative_to((project / output).resolve()):
            raise UserError(
                f"{key} = {str(path)!r} is an output of the pipeline, or inside one ({output}), "
                "which a stage removes and writes anew; move it elsewhere, say to data/own, and "
                "give that path"
            )


def _outputs() -> list[Path]:
    stages: dict[str, Any] = pipeline.read_yaml(Path("dvc.yaml"))["stages"]
    lists = [
        stage.get(kind, []) for stage in stages.values() for kind in ("outs", "metrics", "plots")
    ]
    return [
        Path(out if isinstance(out, str) else next(iter(out))) for outs in lists for out in outs
    ]


def digests(inputs: dict[str, Path]) -> dict[str, str]:
    """Hash the user's files; those of the size and times that they had before only once.

    Args:
        inputs: as `require` returns them.

    Returns:
        By parameter, the sha256 of a file, or of a folder's names and sha256s, hidden ones left
        out.
    """
    cache = workspace.root() / _CACHE
    known = _read(cache)
    now: Known = {}
    result = {key: _digest(path, known, now) for key, path in sorted(inputs.items())}
    if now != known:
        # Each process its own: experiments in temporary copies share the cache.
        temporary = cache.with_name(f"{cache.name}.{os.getpid()}")
        with suppress(OSError):  # a read-only project; it is only a cache
            temporary.write_text(json.dumps(now), encoding="utf-8")
            temporary.replace(cache)
    return result


def _read(cache: Path) -> Known:
    with suppress(OSError, ValueError):
        content: Known = json.loads(cache.read_text(encoding="utf-8"))
        return content
    return {}


def _digest(path: Path, known: Known, now: Known) -> str:
    if path.is_file():
        return _hash([path], known, now)[0]
    listed = [entry for entry in sources.list_folder(path) if not hidden(entry.name)]
    files = [path / entry.name for entry in listed if not entry.name.endswith("/")]
    hashes = iter(_hash(files, known, now))
    lines = [[entry.name, "" if entry.name.endswith("/") else next(hashes)] for entry in listed]
    return hashlib.sha256(json.dumps(lines).encode()).hexdigest()


def _hash(files: Iterable[Path], known: Known, now: Known) -> list[str]:
    """Return the sha256 of each file; "" of one that cannot be read, which fetch rejects."""
    stamps = {str(file): _stamp(file) for file in files}
    same = {name for name, stamp in stamps.items() if known.get(name, [])[:-1] == stamp}
    now |= {name: known[name] for name in same}
    new = [name for name in stamps if name not in same]
    with (
        ThreadPoolExecutor() as pool,
        tqdm(total=len(new), desc="hash", unit="file", disable=None, leave=False) as bar,
    ):
        for name, digest in zip(new, pool.map(_sha256, new), strict=True):
            now[name] = [*stamps[name], digest]
            bar.update()
    return [str(now[name][-1]) for name in stamps]


def _stamp(file: Path) -> list[int | str]:
    with suppress(OSError):
        stat = file.stat()
        # The time of the last change too, as a copy may keep the time of modification.
        return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
    return [0, 0, 0]


def _sha256(name: str) -> str:
    with suppress(OSError):
        if Path(name).is_file():  # a pipe would be waited for
            with Path(name).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
    return ""
