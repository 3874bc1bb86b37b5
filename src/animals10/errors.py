"""How a command ends when its user made a mistake: one clear line, never a traceback."""

import signal
import sys
from collections.abc import Callable


class UserError(Exception):
    """A mistake that the user can mend; its text is the one line the user sees."""


def run(main: Callable[[], None]) -> None:
    """Run a command, and turn a user's mistake or Ctrl-C into one line and an exit code.

    An `OSError` (no space, no permission, a file gone) is the user's to mend as well, and SIGTERM
    ends a run as Ctrl-C does, temporary files removed.

    Args:
        main: the command, without arguments.

    Raises:
        SystemExit: with code 1 after a mistake, 130 after Ctrl-C or SIGTERM.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        main()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        print(f"error: {error}; mend that and run the same command again", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("stopped: run the same command again; finished stages are kept", file=sys.stderr)
        sys.exit(130)
