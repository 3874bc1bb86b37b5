"""Which file `backbone.weights` names.

Apart from the backbones, so that no stage waits for Keras to learn that there is none.
"""

from pathlib import Path

from animals10 import workspace
from animals10.errors import UserError


def find(weights: str) -> Path | None:
    """Find the file of weights.

    Args:
        weights: `none`, `imagenet`, or a path, relative to the user's project.

    Returns:
        The file; None for `none` and `imagenet`, which need none here.

    Raises:
        UserError: there is no such file.
    """
    if weights in ("none", "imagenet"):
        return None
    path = workspace.root() / Path(weights).expanduser()
    if not path.is_file():
        raise UserError(
            f"backbone.weights = {weights!r} is not a file; "
            "give none, imagenet, or the path of a .weights.h5 file"
        )
    return path
