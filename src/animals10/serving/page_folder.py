"""The folder of what people upload to the page: of this user alone, and gone with the process."""

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

_PREFIX = "animals10-page-"


def make() -> "tempfile.TemporaryDirectory[str]":
    """Make a folder that is removed when the process ends; remove those of killed servers."""
    _remove_left()
    # Gradio's own is shared between users and stays.
    return tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-")


def _remove_left() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError, ValueError):  # somebody else's, or gone meanwhile
            process = int(folder.name.removeprefix(_PREFIX).partition("-")[0])
            if folder.stat().st_uid == os.getuid() and not _runs(process):
                shutil.rmtree(folder)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)  # which only asks
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        pass
    return True
