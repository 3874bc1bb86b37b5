"""How a command ends before its time: with one clear line, never a traceback."""

import errno
import logging
import os
import re
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from types import FrameType
from typing import NoReturn

_STOPPED = b"stopped: run the same command again; what is finished is kept\n"
_PATIENCE = 4.0  # seconds for cleaning up
# What no program can prevent: a full disk, a folder without permission, a broken drive.
OUTSIDE = (
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO,
    errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENAMETOOLONG, errno.ESTALE,
)  # fmt: skip
_stderr = os.dup(2)
_stop_printed = threading.Event()


class UserError(Exception):
    """A mistake that the user can fix; its text is the one line that the user sees."""


def run(main: Callable[[], None]) -> None:
    """Run a command, and turn a user's mistake or a stop into one line and an exit code.

    A full disk, a missing permission and the like are the user's to fix as well. Of any other
    `OSError`, which may be a defect of this program, the line names a file with the traceback.
    Ctrl-C and SIGTERM remove this process's temporary files, and end it within 5 seconds; those
    of processes that it began are taken away by the next run.

    Args:
        main: the command, without arguments.

    Raises:
        SystemExit: with code 1 after a mistake, 130 after a stop.
    """
    _handle_signals(lambda: sys.exit(130))
    os.dup2(_stderr, 2)
    try:
        main()
    except UserError as error:
        _end(str(error))
    except BrokenPipeError:  # as of `| head`, which has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        if error.errno in OUTSIDE:
            _end(f"{error}; fix that and run the same command again")
        _end(f"{error}; {kept_traceback()}")


def _end(message: str) -> NoReturn:
    print(f"error: {without_secrets(message)}", file=sys.stderr)
    if os.environ.get("DVC_EXP_NAME") and ".dvc" not in Path.cwd().parts:  # not a temporary copy
        print(
            "the experiment has changed params.yaml and outputs: `git checkout . && dvc checkout` "
            "goes back to the last commit",
            file=sys.stderr,
        )
    sys.exit(1)


def kept_traceback() -> str:
    """Write the traceback of the exception that is handled to a file; say where, in a clause."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="animals10-", suffix=".log", delete=False, encoding="utf-8"
    ) as file:
        file.write(without_secrets(traceback.format_exc()))
    return f"its traceback, for a report if no file of yours explains it, is in {file.name}"


def without_secrets(text: str) -> str:
    """Take passwords and queries, which may be tokens, out of the URLs in a text."""
    named = re.sub(r"(?<=//)[^/?#\s'\"]*@", "", text)
    return re.sub(r"(https?://[^\s?'\"]*\?)[^\s'\"]+", r"\1…", named)


def guard_imports() -> None:
    """Let Ctrl-C and SIGTERM end a command, with one line, from here until it runs.

    A stage ends likewise when the DVC that runs it is gone, lest it trains on beside the next.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # which may not know all letters of a class's name
            stream.reconfigure(errors="backslashreplace")
    _silence_tensorflow()
    # At once: what imports a module may swallow any exception that a signal raises.
    _handle_signals(lambda: os._exit(130))
    _limit_patience()
    if "DVC_STAGE" in os.environ:
        follow_parent(os.getppid())


def _silence_tensorflow() -> None:
    """Hide TensorFlow's messages; `TF_CPP_MIN_LOG_LEVEL=0` in the environment shows them.

    Those of its import, which no variable silences, go to the file descriptor 2. It leads nowhere
    until `run`, while Python's errors are still seen.
    """
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace")
    _hide_descriptor()


def _hide_descriptor() -> None:
    if os.environ["TF_CPP_MIN_LOG_LEVEL"] != "0":
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)


@contextmanager
def quiet_import() -> Iterator[None]:
    """Hide what TensorFlow prints when it is imported within a running command."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    _hide_descriptor()
    try:
        yield
    finally:
        os.dup2(_stderr, 2)


def follow_parent(parent: int) -> None:
    """End this process as SIGTERM does, within a second after the one that started it is gone.

    Args:
        parent: the process that started it, which may be gone already.
    """
    threading.Thread(target=_stop_without, args=[parent], daemon=True).start()


def _handle_signals(action: Callable[[], None]) -> None:
    process = os.getpid()

    def stop(number: int, frame: FrameType | None) -> None:
        if os.getpid() != process:  # one that was forked, and whose parent is stopped too
            os._exit(130)
        _print_stop()
        action()

    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:  # as a shell's background jobs have it
            signal.signal(number, stop)


def _print_stop() -> None:
    if not _stop_printed.is_set():
        _stop_printed.set()
        os.write(_stderr, _STOPPED)  # unlike print, allowed in the midst of a print


def _limit_patience() -> None:
    """End the process some seconds after a signal, even in a long call that handles none."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write)

    def leave() -> None:
        while os.read(read, 1)[0] not in (signal.SIGINT, signal.SIGTERM):
            pass  # another signal's, which is written as it comes
        time.sleep(_PATIENCE)
        _print_stop()
        os._exit(130)

    threading.Thread(target=leave, daemon=True).start()


def _stop_without(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)
