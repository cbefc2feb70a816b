"""Keep what one walk through a span passes to the next on disk, so that memory does not grow with the span's length."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import socket
import tempfile
import zlib
from contextlib import suppress
from pathlib import Path
from types import TracebackType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
import torch
from torch import Tensor

from stcolor_core.errors import OutputError
from stcolor_core.files.locks import FileLock

__all__ = ["Scratch"]

T = TypeVar("T")

_VARIABLE = "STCOLOR_SCRATCH"
# Other hosts may share the folder, and a lock may hold for one host only: each host removes only folders of its own.
_PREFIX = f"stcolor-{re.sub('[^A-Za-z0-9]', '', socket.gethostname())[:32]}-"
_LOCK = "in-use.lock"
# Bytes of the disk, or a twentieth of a small one: a full system disk stops other programs, or is memory (tmpfs).
_LEFT_FREE = 2**28
_PACKED = "zlib"
_SMALL = 2**16  # bytes of a tensor below which compressing it saves nothing worth having
_SAMPLE, _WORTHWHILE = 2**14, 0.5  # bytes that are tried first, and the share to which they must shrink


class Scratch:
    """A temporary folder of dataclasses, one file for each frame, which is removed when the `with` block ends.

    Fields of the dataclasses are tensors, arrays, numbers, strings, None, other dataclasses, or tuples of one of these.
    The folder lies in $STCOLOR_SCRATCH, else where Python's tempfile puts it. It is locked while its process lives.
    Folders of killed processes of this host are removed.

    Raises:
        OutputError: If the folder cannot be written, or if its disk is nearly full.
    """

    def __init__(self) -> None:
        parent = Path(os.environ.get(_VARIABLE) or tempfile.gettempdir())
        try:
            parent.mkdir(exist_ok=True)
            _sweep(parent)
            self._folder = tempfile.TemporaryDirectory(prefix=_PREFIX, dir=parent, ignore_cleanup_errors=True)
            self._lock = FileLock(Path(self._folder.name) / _LOCK)
            if self._lock.acquire():
                self._lock.mark_locked()
        except OSError as error:
            raise _cannot_write(parent, str(error.strerror)) from None

    def __enter__(self) -> Scratch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.close()
        self._folder.cleanup()

    def save(self, name: str, frame: int, value: object) -> None:
        """Save a dataclass for a frame.

        Args:
            name: Groups the dataclasses of one type.
            frame: The frame number.
            value: The dataclass.

        Raises:
            OutputError: If the folder cannot be written, or if its disk is nearly full.
        """
        path = self._path(name, frame)
        try:
            disk = shutil.disk_usage(path.parent)
            if disk.free < min(_LEFT_FREE, disk.total // 20):
                raise _cannot_write(path.parent.parent, f"its disk has only {disk.free >> 20} MiB left")
            torch.save(_to_plain(value), path)
        except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
            raise _cannot_write(path.parent.parent, str(error).splitlines()[0]) from None

    def take(self, name: str, frame: int, kind: type[T], *, device: torch.device) -> T:
        """Return a dataclass that `save` saved, and remove its file.

        Args:
            name: As for `save`.
            frame: As for `save`.
            kind: Its class.
            device: The device of its tensors.
        """
        value = self.load(name, frame, kind, device=device)
        self._path(name, frame).unlink()
        return value

    def load(self, name: str, frame: int, kind: type[T], *, device: torch.device) -> T:
        """Return a dataclass that `save` saved, and keep its file.

        Args:
            name: As for `save`.
            frame: As for `save`.
            kind: Its class.
            device: The device of its tensors.
        """
        plain = torch.load(self._path(name, frame), map_location="cpu", weights_only=True)
        value: T = _from_plain(kind, plain, device)
        return value

    def _path(self, name: str, frame: int) -> Path:
        return Path(self._folder.name) / f"{name}.{frame}.pt"


def _cannot_write(folder: Path, reason: str) -> OutputError:
    return OutputError(
        f"The scratch folder {folder} cannot be written ({reason}). Free space there, or set {_VARIABLE} to a "
        "folder on a larger disk. Finished frames are kept; run again to continue."
    )


def _sweep(parent: Path) -> None:
    """Remove the folders of processes that have ended: their lock is marked as locked, and free."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # of another user, or being removed right now
            if (folder / _LOCK).stat().st_size == 0:
                continue
            lock = FileLock(folder / _LOCK, create=False)
            abandoned = lock.acquire()
            lock.close()
            if abandoned:
                shutil.rmtree(folder, ignore_errors=True)


def _to_plain(value: Any) -> Any:
    """Convert to types that `torch.load(weights_only=True)` accepts: tensors, dictionaries, lists, numbers, strings."""
    if dataclasses.is_dataclass(value):
        return {field.name: _to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, np.ndarray):
        return _pack(torch.from_numpy(np.ascontiguousarray(value)))
    if isinstance(value, Tensor):
        return _pack(value)
    if isinstance(value, tuple):
        return [_to_plain(item) for item in value]
    return value


def _pack(tensor: Tensor) -> Any:
    """Return a tensor, or its compressed bytes if that halves them: search windows do, flow does not.

    The bytes are sorted by their place in a number, so that those that hardly change stand together.
    """
    size = tensor.element_size()
    if tensor.numel() * size < _SMALL:
        return tensor
    numbers = tensor.cpu().contiguous().reshape(-1).view(torch.uint8).reshape(-1, size)
    start = len(numbers) // 2
    sample = numbers[start : start + _SAMPLE // size].T.numpy().tobytes()
    if len(zlib.compress(sample, 1)) > _WORTHWHILE * len(sample):
        return tensor
    packed = torch.frombuffer(bytearray(zlib.compress(numbers.T.numpy().tobytes(), 1)), dtype=torch.uint8)
    return {_PACKED: packed, "like": torch.empty(0, dtype=tensor.dtype), "shape": list(tensor.shape)}


def _unpack(value: Any) -> Tensor:
    """Invert `_pack`."""
    if isinstance(value, Tensor):
        return value
    like = value["like"]
    data = np.frombuffer(zlib.decompress(value[_PACKED].numpy()), np.uint8)
    numbers = data.reshape(like.element_size(), -1).T.copy()
    return torch.from_numpy(numbers).reshape(-1).view(like.dtype).reshape(value["shape"])


def _from_plain(hint: Any, value: Any, device: torch.device) -> Any:
    """Invert `_to_plain`, by the declared type of the field."""
    if value is None:
        return None
    if get_origin(hint) in (Union, UnionType):
        hint = next(option for option in get_args(hint) if option is not type(None))
    if dataclasses.is_dataclass(hint):
        hints = get_type_hints(hint)
        return hint(**{name: _from_plain(hints[name], item, device) for name, item in value.items()})  # type: ignore[operator]
    if get_origin(hint) is tuple:
        return tuple(_from_plain(get_args(hint)[0], item, device) for item in value)
    if hint is Tensor:
        return _unpack(value).to(device)
    return _unpack(value).numpy() if isinstance(value, Tensor) or _is_packed(value) else value


def _is_packed(value: Any) -> bool:
    return isinstance(value, dict) and _PACKED in value
