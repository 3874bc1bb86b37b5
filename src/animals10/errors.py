"""How a command ends before its time: with one clear line, never a traceback."""

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

_STOPPED = b"stopped: run the same command again; finished stages and epochs are kept\n"
_PATIENCE = 4.0  # seconds for cleaning up
_told = threading.Event()


class UserError(Exception):
    """A mistake that the user can mend; its text is the one line the user sees."""


def run(main: Callable[[], None]) -> None:
    """Run a command, and turn a user's mistake or a stop into one line and an exit code.

    An `OSError` (no space, no permission, a file gone) is the user's to mend as well. Ctrl-C and
    SIGTERM remove this process's temporary files, and end it within 5 seconds; those of processes
    that it began are taken away by the next run.

    Args:
        main: the command, without arguments.

    Raises:
        SystemExit: with code 1 after a mistake, 130 after a stop.
    """
    _handle_signals(lambda: sys.exit(130))
    gc.freeze()
    gc.enable()
    try:
        main()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        print(f"error: {error}; mend that and run the same command again", file=sys.stderr)
        sys.exit(1)


def guard_imports() -> None:
    """Let Ctrl-C and SIGTERM end a command, with one line, from here until it runs.

    A stage ends likewise when the DVC that runs it is gone, lest it trains on beside the next.
    """
    gc.disable()  # until it runs: a quarter of the imports' time, in which nothing is garbage
    # At once: what imports a module may swallow any exception that a signal raises.
    _handle_signals(lambda: os._exit(130))
    _limit_patience()
    if "DVC_STAGE" in os.environ:
        follow_parent(os.getppid())


def follow_parent(parent: int) -> None:
    """End this process as SIGTERM does, within a second after the one that started it is gone.

    Args:
        parent: the process that started it, which may be gone already.
    """
    threading.Thread(target=_stop_without, args=[parent], daemon=True).start()


def _handle_signals(action: Callable[[], None]) -> None:
    def stop(number: int, frame: FrameType | None) -> None:
        _tell()
        action()

    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:  # as a shell's background jobs have it
            signal.signal(number, stop)


def _tell() -> None:
    if not _told.is_set():
        _told.set()
        os.write(2, _STOPPED)  # unlike print, allowed in the midst of a print


def _limit_patience() -> None:
    """End the process some seconds after a signal, even in a long call that handles none."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write)

    def leave() -> None:
        while os.read(read, 1)[0] not in (signal.SIGINT, signal.SIGTERM):
            pass  # another signal's, which is written as it comes
        time.sleep(_PATIENCE)
        _tell()
        os._exit(130)

    threading.Thread(target=leave, daemon=True).start()


def _stop_without(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)
