"""What a kill or a full disk leaves that DVC does not get over by itself."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

from dvc.dvcfile import LOCK_FILE, Lockfile
from dvc.exceptions import DvcException
from dvc.lock import LockError
from dvc.repo import Repo
from dvc.scm import SCMError

from animals10.errors import UserError

_SCHEMA = "2.0"  # of dvc.lock
_RWLOCK = Path(".dvc/tmp/rwlock")
_OUTPUTS = ("data/_stages", "models", "metrics", "plots")
_OLD = 3600  # seconds


def repair() -> Iterator[str]:
    """Move out of the way what keeps `dvc repro` from running in the current folder's project.

    DVC writes dvc.lock and its table of locks in place, so that a kill or a full disk may leave
    them empty or cut off, and then refuses to read them. What dvc.lock said comes back from DVC's
    run cache. Killed while it links an output, DVC leaves a temporary file beside it.

    Yields:
        A line about each damaged file.

    Raises:
        UserError: DVC is at work, or dvc.lock is whole, but a person must decide what it says; or
            the folder is in no git repository.
    """
    try:
        repo = Repo()
    except SCMError as error:
        raise UserError(
            f"{error}, and DVC tells results apart by commits; clone the project, or make it one: "
            "`git init && git add --all && git commit --message start`"
        ) from None
    readers = {
        Path(LOCK_FILE): Lockfile(repo, LOCK_FILE).load,
        _RWLOCK: lambda: json.loads(_RWLOCK.read_text(encoding="utf-8")),
    }
    try:
        with repo.lock:  # under which DVC writes dvc.lock
            for path in filter(Path.is_file, readers):
                _require_ours(path)
                try:
                    readers[path]()
                except (DvcException, ValueError):
                    kept = Path(repo.tmp_dir or ".", f"{path.name}.damaged")
                    path.replace(kept)
                    shown = kept.relative_to(Path.cwd())
                    yield f"{path} was cut off by a kill or a full disk, and is now {shown}"
    except LockError:
        raise UserError("DVC is at work in this folder; wait for its end") from None
    for path in (path for name in _OUTPUTS for path in Path(name).rglob(".*.tmp")):
        if time.time() - path.stat().st_mtime > _OLD:
            path.unlink(missing_ok=True)


def _require_ours(path: Path) -> None:
    """Refuse a file that no kill left as it is: one in conflict, or of a later DVC."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if re.search(r"^(<{7}|>{7}) ", text, re.MULTILINE):
        raise UserError(
            f"{path} has the marks of a merge conflict; keep one side, by `git checkout --ours "
            f"{path}` or --theirs, and run the same command again: what differs runs anew or "
            "comes from DVC's cache"
        )
    schema = re.match(r"schema: '([\d.]+)'\n", text)
    if schema and schema[1] != _SCHEMA:
        raise UserError(
            f"{path} has schema {schema[1]}, and this DVC reads {_SCHEMA}: another version of DVC "
            "wrote it; use that one, or `git checkout` an earlier file"
        )
