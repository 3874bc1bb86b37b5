"""A stage's output of any revision: from the workspace, DVC's cache or git.

Not by `dvc.api`, whose file system of a revision counts paths from the top of the repository, not
from the project's folder, and hangs in a clone without blobs (DVC 3.67).
"""

import subprocess
import sys
from functools import cache
from pathlib import Path

from animals10.errors import UserError
from animals10.pipeline import Lock, md5, outs
from animals10.tracking import provenance


def read(revision: str, lock: Lock, path: str) -> bytes:
    """Return what a file held when a revision's dvc.lock was written.

    Args:
        revision: of a commit, or "" for the workspace.
        lock: its dvc.lock.
        path: of an output that is a file, or of a file that git tracks.

    Raises:
        UserError: it is not here, or is not what dvc.lock says.
    """
    digest = outs(lock).get(path)
    cached = _cache() / digest[:2] / digest[2:] if digest else None
    if cached and cached.is_file():
        content = cached.read_bytes()
    elif not revision and Path(path).is_file():
        content = Path(path).read_bytes()
    else:
        content = provenance.read(revision, path).encode()
    if not content:
        raise UserError(
            f"{path} is not here: `dvc fetch --all-commits` brings it, where a remote has it"
        )
    if digest not in (None, md5(content)):
        raise UserError(f"{path} is not what dvc.lock says; `dvc repro` makes it")
    return content


@cache
def _cache() -> Path:
    """Return the folder in which DVC keeps files, by two digits and the rest of their md5.

    See https://dvc.org/doc/user-guide/project-structure/internal-files.
    """
    command = [sys.executable, "-m", "dvc", "cache", "dir"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return Path(done.stdout.strip()) / "files" / "md5"
