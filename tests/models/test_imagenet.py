"""Keras's ImageNet weights, from a server that stands in for Google's."""

import base64
import hashlib
import http.server
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest

from animals10.errors import UserError
from animals10.models import backbones, weights
from animals10.parameters import Backbone

FILES = {
    "EfficientNetB0": "efficientnetb0_notop.h5",
    "MobileNetV2": "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
}


class Google(http.server.SimpleHTTPRequestHandler):
    """Serves files with the MD5 that was noted beside them, as Google's storage does."""

    downloads = 0

    def do_GET(self) -> None:
        """Count."""
        Google.downloads += 1
        super().do_GET()

    def end_headers(self) -> None:
        """Add the checksum."""
        note = Path(f"{self.translate_path(self.path)}.md5")
        if note.is_file():
            self.send_header("x-goog-hash", f"crc32c=AAAAAA==, md5={note.read_text()}")
        super().end_headers()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the folder that is served where Keras looks for its weights."""
    served = tmp_path / "served"
    kept = tmp_path / "keras"
    served.mkdir()
    kept.mkdir()
    handler = partial(Google, directory=served)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        module = sys.modules[keras.applications.EfficientNetB0.__module__]
        monkeypatch.setattr(module, "BASE_WEIGHTS_PATH", url)
        module = sys.modules[keras.applications.MobileNetV2.__module__]
        monkeypatch.setattr(module, "BASE_WEIGHT_PATH", url)
        monkeypatch.setattr(sys.modules["keras.src.backend.config"], "_KERAS_DIR", str(kept))
        yield served
        server.shutdown()


def serve(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """Put random weights where Keras looks for the real ones, and return them."""
    keras.utils.set_random_seed(1)
    network, path = backbones.build(name, 32), folder / FILES[name]
    network.save(path)
    digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).digest()
    Path(f"{path}.md5").write_text(base64.b64encode(digest).decode())
    hashes = sys.modules[keras.applications.EfficientNetB0.__module__].WEIGHTS_HASHES
    monkeypatch.setitem(hashes, "b0", ("", digest.hex()))
    return list(network.get_weights())


@pytest.mark.parametrize("name", FILES)
def test_keras_downloads_once_and_the_pipeline_keeps_them(
    name: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = serve(name, folder, monkeypatch)
    given = Backbone(name=name, weights="imagenet")
    before = Google.downloads
    weights.provide(given, tmp_path / "weights")
    weights.provide(given, tmp_path / "weights")
    assert Google.downloads == before + 1
    file = weights.provided(tmp_path / "weights")
    loaded = backbones.build(name, 32, file).get_weights()
    assert len(loaded) == len(expected) > 100
    assert all(np.array_equal(a, b) for a, b in zip(loaded, expected, strict=True))


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_download_is_one_line_and_nothing_is_kept(
    name: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(name, folder, monkeypatch)
    (folder / FILES[name]).write_bytes((folder / FILES[name]).read_bytes()[:-1])
    given = Backbone(name=name, weights="imagenet")
    with pytest.raises(UserError, match=rf"{name} cannot be downloaded .* hash") as caught:
        weights.provide(given, tmp_path / "weights")
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "weights").iterdir())


def test_a_server_without_a_checksum_is_one_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve("MobileNetV2", folder, monkeypatch)
    (folder / f"{FILES['MobileNetV2']}.md5").unlink()
    with pytest.raises(UserError, match=r"tells no checksum"):
        weights.provide(Backbone(name="MobileNetV2", weights="imagenet"), tmp_path / "weights")


@pytest.mark.usefixtures("folder")  # what Keras downloaded before is elsewhere
def test_imagenet_without_a_network_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(
        UserError, match=r"those of MobileNetV3Small cannot be downloaded"
    ) as caught:
        weights.provide(Backbone(name="MobileNetV3Small", weights="imagenet"), tmp_path)
    assert "\n" not in str(caught.value)
