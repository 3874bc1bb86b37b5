"""How a command ends when its user made a mistake: one clear line, never a traceback."""

import sys
from collections.abc import Callable


class UserError(Exception):
    """A mistake that the user can mend; its text is the one line the user sees."""


def run(main: Callable[[], None]) -> None:
    """Run a command, and turn a user's mistake or Ctrl-C into one line and an exit code.

    An `OSError` (no space, no permission, a file gone) is the user's to mend as well.

    Args:
        main: the command, without arguments.

    Raises:
        SystemExit: with code 1 after a mistake, 130 after Ctrl-C.
    """
    try:
        main()
    except (UserError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("stopped: run the same command again to go on", file=sys.stderr)
        sys.exit(130)
