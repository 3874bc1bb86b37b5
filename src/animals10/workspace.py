"""Where the user's project is, also from inside a temporary copy of it."""

from pathlib import Path

STAGES = Path("data/_stages")  # the outputs of stages, by stage; all else in data is the user's
_COPIES = (".dvc", "tmp", "exps")  # `dvc exp run --temp` and --queue run below this folder


def root(start: Path | None = None) -> Path:
    """Find the project that the user works in.

    An experiment in a temporary copy must find the user's files and MLflow store, which are not
    in the copy; DVC's own DVC_ROOT names the copy.

    Args:
        start: a project's folder or a temporary copy of it; the current folder by default.

    Returns:
        Absolute path of the folder that holds the user's `.dvc`.
    """
    start = (start or Path.cwd()).resolve()
    for folder in start.parents:
        if folder.parts[-3:] == _COPIES:
            return folder.parents[2]
    return start


def locate(text: str) -> Path:
    """Return the path that a parameter names: absolute, or from the user's project on."""
    try:
        return root() / Path(text).expanduser()
    except RuntimeError:  # ~somebody who has no home
        return root() / text
