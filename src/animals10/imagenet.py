"""The ImageNet weights that Keras downloads and verifies, but for one file that its server does."""

import base64
import re
import sys

import keras
import requests

from animals10 import backbones
from animals10.errors import UserError

_MOBILENET_V2 = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"


def load(name: str) -> keras.Model:
    """Give a backbone with the ImageNet weights that Keras downloads, verifies and keeps.

    Args:
        name: as for `backbones.build`.

    Returns:
        A model whose weights `backbones.build` takes.

    Raises:
        UserError: the download failed, or what came has another checksum.
    """
    try:
        if name == "MobileNetV2":
            _fetch_mobilenet_v2()
        return backbones.assemble(name, 224, "imagenet")
    except Exception as error:  # urllib's, HTTP's and Keras's own
        raise UserError(
            f"backbone.weights = 'imagenet': those of {name} cannot be downloaded from Keras: "
            f"{' '.join(str(error).split())[:200]}; check the network, or give none or a file"
        ) from None


def _fetch_mobilenet_v2() -> None:
    """Fetch the one file of which Keras has no checksum, by the one that its server gives.

    See https://cloud.google.com/storage/docs/xml-api/reference-headers#xgooghash.
    """
    module = sys.modules[keras.applications.MobileNetV2.__module__]
    url = module.BASE_WEIGHT_PATH + _MOBILENET_V2
    answer = requests.head(url, timeout=30, allow_redirects=True)
    answer.raise_for_status()
    md5 = re.search(r"\bmd5=([^, ]+)", answer.headers.get("x-goog-hash", ""))
    if not md5:
        raise ValueError(f"the server of {url} tells no checksum of it")
    digest = base64.b64decode(md5[1]).hex()
    keras.utils.get_file(_MOBILENET_V2, url, cache_subdir="models", file_hash=digest)
