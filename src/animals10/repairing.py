"""What a kill or a full disk leaves that DVC does not get over by itself."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

from dvc.dvcfile import LOCK_FILE, Lockfile
from dvc.exceptions import DvcException
from dvc.lock import LockError
from dvc.repo import Repo

from animals10.errors import UserError

_RWLOCK = Path(".dvc/tmp/rwlock")
_OUTPUTS = ("data", "models", "metrics", "plots")
_OLD = 3600  # seconds


def repair() -> Iterator[str]:
    """Remove from the current folder's project what keeps `dvc repro` from running.

    DVC writes dvc.lock and its table of locks in place, so that a kill or a full disk may leave
    them empty or cut off, and then refuses to read them. What dvc.lock said comes back from DVC's
    run cache. Killed while it links an output, DVC leaves a temporary file beside it.

    Yields:
        A line about each damaged file.

    Raises:
        UserError: DVC is at work.
    """
    repo = Repo()
    readers = {
        Path(LOCK_FILE): Lockfile(repo, LOCK_FILE).load,
        _RWLOCK: lambda: json.loads(_RWLOCK.read_text(encoding="utf-8")),
    }
    try:
        with repo.lock:  # under which DVC writes dvc.lock
            for path in filter(Path.is_file, readers):
                try:
                    readers[path]()
                except (DvcException, ValueError):
                    path.unlink()
                    yield f"{path} was cut off by a kill or a full disk, and is removed"
    except LockError:
        raise UserError("DVC is at work in this folder; wait for its end") from None
    for path in (path for name in _OUTPUTS for path in Path(name).rglob(".*.tmp")):
        if time.time() - path.stat().st_mtime > _OLD:
            path.unlink(missing_ok=True)
