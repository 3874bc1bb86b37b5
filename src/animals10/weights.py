"""Which pre-trained weights `backbone.weights` names, and how they come into the pipeline.

Apart from the backbones, so that no stage waits for Keras to learn that there are none.
"""

import hashlib
import shutil
from pathlib import Path

from animals10 import artifacts, workspace
from animals10.errors import UserError
from animals10.parameters import SMALLEST_IMAGE, Backbone

SAMPLE = Path("weights/efficientnetb0-creatures.weights.h5")
_FILE = "backbone.weights.h5"


def find(weights: str) -> Path | None:
    """Find the file of weights.

    Args:
        weights: `sample`, `imagenet`, `none`, or a path, relative to the user's project.

    Returns:
        The file; None for `imagenet` and `none`, which need none here.

    Raises:
        UserError: there is no such file, or the sample's is not the one that was committed.
    """
    if weights in ("none", "imagenet"):
        return None
    if weights == "sample":
        return _verified(SAMPLE)
    path = workspace.locate(weights)
    if not path.is_file():
        raise UserError(
            f"backbone.weights = {weights!r} is not a file; "
            "give sample, imagenet, none, or the path of a .weights.h5 file"
        )
    return path


def provide(backbone: Backbone, folder: Path) -> None:
    """Put the weights where DVC keeps them: one file in a folder that is empty for `none`.

    Args:
        backbone: its name and weights.
        folder: emptied first.

    Raises:
        UserError: as `find`; the file does not fit the backbone; or the download failed.
    """
    path = find(backbone.weights)
    if path and backbone.weights != "sample":
        from animals10 import backbones  # Keras takes seconds to import

        # Now, not after all photos are read.
        backbones.build(backbone.name, SMALLEST_IMAGE.get(backbone.name, 32), path)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if path:
        # Keras tells its formats apart by the name.
        name = _FILE if path.name.endswith(".weights.h5") else f"backbone{path.suffix}"
        with artifacts.replacing(folder / name) as temporary:
            shutil.copyfile(path, temporary)
    elif backbone.weights == "imagenet":
        from animals10 import imagenet  # Keras takes seconds to import

        model = imagenet.load(backbone.name)
        artifacts.write_weights(folder / _FILE, model)


def provided(folder: Path) -> Path | None:
    """Return the file that `provide` put into a folder, None for `none`."""
    return next(folder.glob("backbone.*"), None)


def _verified(path: Path) -> Path:
    """Return a committed file after comparing it with the SHA-256 committed beside it."""
    sums = path.with_name("SHA256SUMS")
    lines = sums.read_text(encoding="utf-8").splitlines() if sums.is_file() else []
    digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    if f"{digest}  {path.name}" not in lines:
        raise UserError(
            f"{path} is missing or damaged (its SHA-256 is not the one in {sums}); "
            f"run `git checkout -- {path.parent}`"
        )
    return path
