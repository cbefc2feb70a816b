"""Keep what one walk through a span passes to the next on disk, so that memory does not grow with the span's length."""

from __future__ import annotations

import dataclasses
import math
import os
import re
import shutil
import socket
import tempfile
import threading
import zlib
from contextlib import suppress
from pathlib import Path
from types import TracebackType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
import torch
from torch import Tensor

from stcolor_core.errors import BadRequest, OutputError, ScratchLimit
from stcolor_core.files.locks import FileLock

__all__ = ["Scratch"]

T = TypeVar("T")

_VARIABLE, _LIMIT_VARIABLE = "STCOLOR_SCRATCH", "STCOLOR_SCRATCH_LIMIT"
_GIB = 2**30
_SHARE = 0.5  # of the disk's free space that one run may fill unless the limit is set
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
    Folders of killed processes of this host are removed. It holds at most $STCOLOR_SCRATCH_LIMIT GiB, or half of what
    was free on its disk.

    Raises:
        BadRequest: If the limit is no size.
        OutputError: If the folder cannot be written, or if its disk is nearly full.
    """

    def __init__(self) -> None:
        parent = Path(os.environ.get(_VARIABLE) or tempfile.gettempdir())
        try:
            parent.mkdir(exist_ok=True)
            self._limit = _limit(parent)
            _sweep(parent)
            self._folder = tempfile.TemporaryDirectory(prefix=_PREFIX, dir=parent, ignore_cleanup_errors=True)
            self._lock = FileLock(Path(self._folder.name) / _LOCK)
            if self._lock.acquire():
                self._lock.mark_locked()
        except OSError as error:
            raise _cannot_write(parent, str(error.strerror)) from None
        self._parent, self._held, self._counting = parent, 0, threading.Lock()
        self._expected: set[str] = set()  # names whose total has been estimated

    def __enter__(self) -> Scratch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.close()
        self._folder.cleanup()

    def save(self, name: str, frame: int, value: object, *, of: int = 1) -> None:
        """Save a dataclass for a frame.

        Args:
            name: Groups the dataclasses of one type.
            frame: The frame number.
            value: The dataclass.
            of: How many of the name there will be at a time, so that too many are refused with the first one.

        Raises:
            ScratchLimit: If the folder would hold too much.
            OutputError: If the folder cannot be written, or if its disk is nearly full.
        """
        path = self._path(name, frame)
        plain = _to_plain(value)
        size = _size(plain)
        with self._counting:
            count = of if name not in self._expected else 1
            self._expected.add(name)
            if self._held + size * count > self._limit:
                raise self._too_much(self._held + size * count, frame, count)
            self._held += size
        try:
            disk = shutil.disk_usage(path.parent)
            if disk.free < min(_LEFT_FREE, disk.total // 20):
                raise _cannot_write(self._parent, f"its disk has only {disk.free >> 20} MiB left")
            torch.save(plain, path)
        except OSError as error:
            raise _cannot_write(self._parent, error.strerror or type(error).__name__) from None
        except RuntimeError:  # torch reports a full disk in words of its own
            free = shutil.disk_usage(self._parent).free >> 20
            reason = f"a file could not be written whole: its disk, with {free} MiB left, or a quota is full"
            raise _cannot_write(self._parent, reason) from None

    def take(self, name: str, frame: int, kind: type[T], *, device: torch.device) -> T:
        """Return a dataclass that `save` saved, and remove its file.

        Args:
            name: As for `save`.
            frame: As for `save`.
            kind: Its class.
            device: The device of its tensors.
        """
        plain = self._read(name, frame)
        self._path(name, frame).unlink()
        with self._counting:
            self._held -= _size(plain)
        value: T = _from_plain(kind, plain, device)
        return value

    def load(self, name: str, frame: int, kind: type[T], *, device: torch.device) -> T:
        """Return a dataclass that `save` saved, and keep its file.

        Args:
            name: As for `save`.
            frame: As for `save`.
            kind: Its class.
            device: The device of its tensors.
        """
        value: T = _from_plain(kind, self._read(name, frame), device)
        return value

    def _read(self, name: str, frame: int) -> Any:
        return torch.load(self._path(name, frame), map_location="cpu", weights_only=True)

    def _too_much(self, needed: float, frame: int, frames: int) -> OutputError:
        what = f"the {frames} frames between two keyframes around frame {frame} need"
        what = what if frames > 1 else f"with frame {frame} one more frame needs"
        return ScratchLimit(
            f"The scratch folder {self._parent} may hold {_in_gib(self._limit)}, and {what} about {_in_gib(needed)} "
            f"there. Set {_VARIABLE} to a folder on a larger disk or {_LIMIT_VARIABLE} to more GiB, or paint a "
            "keyframe in between. Finished frames are kept; run again to continue."
        )

    def _path(self, name: str, frame: int) -> Path:
        return Path(self._folder.name) / f"{name}.{frame}.pt"


def _limit(folder: Path) -> float:
    """Return how many bytes a run may keep in a folder."""
    text = os.environ.get(_LIMIT_VARIABLE)
    if not text:
        return _SHARE * shutil.disk_usage(folder).free
    try:
        limit = float(text) * _GIB
    except ValueError:
        limit = math.nan
    if not limit > 0:
        raise BadRequest(f"{_LIMIT_VARIABLE} is {text[:40]!r}. Set it to a number of GiB above 0, or not at all.")
    return limit


def _in_gib(size: float) -> str:
    return f"{size / _GIB:.1f} GiB" if size >= _GIB else f"{size / 2**20:.1f} MiB"


def _size(plain: Any) -> int:
    """Return the bytes of the tensors in what `_to_plain` returns; all else is small."""
    if isinstance(plain, Tensor):
        return plain.numel() * plain.element_size()
    if isinstance(plain, (dict, list)):
        return sum(map(_size, plain.values() if isinstance(plain, dict) else plain))
    return 0


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
