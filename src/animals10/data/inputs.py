"""Whether the user's own files, which DVC does not watch, changed since the last run."""

import hashlib
import json
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from tqdm import tqdm

from animals10 import files
from animals10.data import manifest, sources
from animals10.data.names import hidden
from animals10.errors import UserError
from animals10.parameters import Parameters

# By parameter, what finds its file, or names what it is elsewhere, so that it cannot change.
Finders = dict[str, Callable[[], Path | str | None]]
Found = dict[str, Path | str | None]
RECORD = Path("data/_stages/check/inputs.json")
PINS = Path("data/_stages/check/pins.json")  # of each name on a hub that was used: what it meant
_CACHE = ".inputs.json"  # in the user's project: what each file was when it was last hashed


def require(
    params: Parameters, recorded: Collection[str] = (), others: Finders | None = None
) -> Found:
    """Find the files that the parameters name, before any stage loses an output.

    Args:
        params: all of them.
        recorded: parameters whose files need not be here, as `read_recorded` returns them.
        others: by further parameters, what finds their files.

    Returns:
        By parameter, the folder or file that it names on this machine, what a finder names
        elsewhere, or None where it names no file; nothing of what is recorded and not here.

    Raises:
        UserError: one does not exist, is no manifest, or lies where a stage would remove it; or
            outputs would be written out of the project.
    """
    _require_inside()
    finders: Finders = {
        "fetch.source": lambda: sources.find(params.fetch.source),
        "fetch.manifest": lambda: manifest.find(params.fetch),
        **(others or {}),
    }
    found = _find(finders, recorded)
    if table := found.get("fetch.manifest"):
        manifest.read(Path(table))
    pinned = Path(params.split.pinned)
    if not pinned.is_file():
        raise UserError(
            f"split.pinned = {params.split.pinned!r} is no file in the project; copy an earlier "
            "splits.csv there, or give pinned/none.csv"
        )
    for key, path in {**found, "split.pinned": pinned}.items():
        if isinstance(path, Path):
            _require_own(key, path.resolve())
    return found


def _find(finders: Finders, recorded: Collection[str]) -> Found:
    found: Found = {}
    for key, find in finders.items():
        try:
            found[key] = find()
        except UserError:
            if key not in recorded:
                raise
    return found


def read_recorded(path: Path, params: Parameters) -> dict[str, str]:
    """Read what the last run wrote, of the parameters that are as they were when fetch ran.

    Whoever has a project's outputs, say by `dvc pull`, needs no photos to run later stages.

    Args:
        path: of `digests`, written as JSON.
        params: those of now.
    """
    then = files.own_lock()["stages"].get("fetch", {}).get("params", {}).get("params.yaml", {})
    now = params.model_dump()
    return {
        key: digest
        for key, digest in read_json(path).items()
        if files.find(then, key) == files.at(now, key)
    }


def read_pin() -> str | None:
    """Return the commit or version that `backbone.name` was pinned to, if it is a hub's preset."""
    return read_json(RECORD).get("backbone.name")


def left_behind() -> list[str]:
    """List the data that an earlier version of this pipeline made, by dvc.lock, and none uses."""
    made = files.outs(files.own_lock()).keys() - _outputs()
    return sorted(path for path in made if path.startswith("data/") and Path(path).exists())


def _require_own(key: str, path: Path) -> None:
    """Refuse a path of the user's that a stage would remove, or that holds the project."""
    project = files.root()
    if path.is_dir() and project.is_relative_to(path):
        raise UserError(
            f"{key} = {str(path)!r} is the project's own folder, or one around it; give a folder "
            "that holds nothing but photos, say data/photos"
        )
    for output in [str(files.STAGES), *_outputs()]:
        if path.is_relative_to((project / output).resolve()):
            raise UserError(
                f"{key} = {str(path)!r} is an output of the pipeline, or inside one ({output}), "
                "which a stage removes and writes anew; move it elsewhere, say to data/own, and "
                "give that path"
            )


def _require_inside() -> None:
    """Refuse a link in the place of a folder of outputs, which DVC fails on after a stage ran."""
    project = Path.cwd().resolve()
    for folder in sorted({str(Path(output).parent) for output in _outputs()}):
        if not Path(folder).resolve().is_relative_to(project):
            raise UserError(
                f"{folder} leads out of the project by a link, but DVC keeps outputs in it; make "
                "it a folder. Links to photos may lie in it, say data/photos, and `dvc cache dir` "
                "moves what takes the space"
            )


def _outputs() -> list[str]:
    stages: dict[str, Any] = files.read_yaml(Path("dvc.yaml"))["stages"]
    return [
        out if isinstance(out, str) else next(iter(out))
        for stage in stages.values()
        for kind in ("outs", "metrics", "plots")
        for out in stage.get(kind, [])
    ]


def digests(inputs: Found) -> dict[str, str]:
    """Hash the user's files; those of the size and times that they had before only once.

    Args:
        inputs: as `require` returns them.

    Returns:
        By parameter, the sha256 of a file, or of a folder's names and sha256s, hidden ones left
        out; or what is named elsewhere.
    """
    cache = files.root() / _CACHE
    known = read_json(cache)
    now: dict[str, list[Any]] = {}
    result = {key: _digest(path, known, now) for key, path in sorted(inputs.items()) if path}
    if now != known:
        with suppress(OSError):  # a read-only project; it is only a cache
            files.write_json(cache, now)
    return result


def _digest(path: Path | str, known: dict[str, Any], now: dict[str, list[Any]]) -> str:
    if isinstance(path, str):
        return path
    if path.is_file():
        return _hash([path], known, now)[0]
    names = [entry.name for entry in sources.list_folder(path) if not hidden(entry.name)]
    listed = [name for name in names if not name.endswith("/")]
    hashes = dict(zip(listed, _hash([path / name for name in listed], known, now), strict=True))
    lines = [[name, hashes.get(name, "")] for name in names]
    return hashlib.sha256(json.dumps(lines).encode()).hexdigest()


def _hash(paths: list[Path], known: dict[str, Any], now: dict[str, list[Any]]) -> list[str]:
    """Return the sha256 of each file; "" of one that cannot be read, which fetch rejects."""
    stamps = {str(path): _stamp(path) for path in paths}
    now |= {name: known[name] for name in stamps if known.get(name, [])[:-1] == stamps[name]}
    new = [name for name in stamps if name not in now]
    with ThreadPoolExecutor() as pool:
        hashes = pool.map(_sha256, new)
        bar = tqdm(hashes, "hash", len(new), unit="file", disable=None, leave=False)
        now |= {name: [*stamps[name], sha256] for name, sha256 in zip(new, bar, strict=True)}
    return [now[name][-1] for name in stamps]


def _stamp(path: Path) -> list[int]:
    with suppress(OSError):
        stat = path.stat()
        # The time of the last change too, as a copy may keep the time of modification.
        return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
    return [0, 0, 0]


def _sha256(name: str) -> str:
    with suppress(OSError):
        if Path(name).is_file():  # a pipe would be waited for
            with Path(name).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
    return ""


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object that an earlier run wrote; empty where there is none."""
    with suppress(OSError, ValueError):
        content = json.loads(path.read_text(encoding="utf-8"))
        return content if isinstance(content, dict) else {}
    return {}
