"""PyTorch's weight files of 2020, read without PyTorch and without running what they name.

Such a file is a sequence of pickles (a magic number, a version, the machine, the tensors by name,
the keys of their storages), then each storage: its number of elements and their bytes. See
`_legacy_load` in PyTorch's torch/serialization.py.
"""

import pickle
import struct
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from animals10.errors import UserError

MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001
_STORAGES = {"FloatStorage": "<f4", "LongStorage": "<i8"}  # LongStorage counts batches


class _Tensor(NamedTuple):
    """Where a tensor lies: offset, shape and strides count elements of a storage."""

    storage: tuple[str, str]  # key and dtype
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read(path: Path) -> dict[str, np.ndarray]:
    """Read the tensors of a file.

    Args:
        path: of a state dictionary that PyTorch 1.0 to 1.5 saved.

    Returns:
        Arrays by name, float32 or int64.

    Raises:
        UserError: it is no such file, is cut off, or names anything but tensors.
    """
    try:
        with path.open("rb") as file:
            if (_load(file), _load(file)) != (MAGIC, VERSION):
                raise pickle.UnpicklingError("no file of PyTorch before 1.6")
            _load(file)  # of the machine that wrote it
            tensors = _load(file)
            dtypes = dict(tensor.storage for tensor in tensors.values())
            contents = {key: _elements(file, dtypes[key]) for key in _load(file)}
        return {name: _array(tensor, contents) for name, tensor in tensors.items()}
    except (pickle.UnpicklingError, EOFError, ValueError, KeyError, struct.error) as error:
        raise UserError(f"{path} cannot be read as weights of PyTorch: {error}") from None


class _Unpickler(pickle.Unpickler):
    """Knows ordered dictionaries, tensors and their storages; refuses whatever else is named."""

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for a class or function that a pickle names."""
        known: dict[tuple[str, str], Callable[..., Any]] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _rebuild,
        }
        if (module, name) in known:
            return known[module, name]
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        raise pickle.UnpicklingError(f"it names {module}.{name}, which is no tensor")

    def persistent_load(self, pid: Any) -> tuple[str, str]:
        """Return key and dtype of a storage."""
        kind, dtype, key, *_ = pid
        if kind != "storage" or dtype not in _STORAGES.values():
            raise pickle.UnpicklingError(f"it refers to a {kind}, which is no storage")
        return str(key), dtype


def _rebuild(
    storage: tuple[str, str], offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any
) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)


def _load(file: BinaryIO) -> Any:
    return _Unpickler(file).load()


def _elements(file: BinaryIO, dtype: str) -> np.ndarray:
    """Read a storage: its number of elements, and these."""
    (count,) = struct.unpack("<q", file.read(8))
    return np.frombuffer(file.read(max(0, count) * np.dtype(dtype).itemsize), dtype, count)


def _array(tensor: _Tensor, contents: dict[str, np.ndarray]) -> np.ndarray:
    """Copy a tensor out of its storage, in row-major order."""
    elements = contents[tensor.storage[0]]
    spans = [(size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides, strict=True)]
    if min(tensor.offset, *tensor.strides, 0) < 0 or tensor.offset + sum(spans) >= len(elements):
        raise ValueError("a tensor lies beyond its storage")
    strides = [stride * elements.itemsize for stride in tensor.strides]
    return np.lib.stride_tricks.as_strided(
        elements[tensor.offset :], tensor.shape, strides, writeable=False
    ).copy()
