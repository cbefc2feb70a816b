"""What one walk through a span hands to the next, on disk, so that memory does not grow with the span's length."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
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

_PREFIX = "stcolor-"
_LOCK = "in-use.lock"


class Scratch:
    """A temporary folder of dataclasses, one file a frame, gone when the `with` block ends.

    Their fields are tensors, arrays, numbers, strings, None, other dataclasses, or tuples of one of these.
    The folder lies where Python's tempfile puts it; TMPDIR (TEMP on Windows) moves it to a larger disk. It is locked
    while its process lives, and what killed processes left there is removed. Raises OutputError where the disk is full.
    """

    def __init__(self) -> None:
        _sweep(Path(tempfile.gettempdir()))
        try:
            self._folder = tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True)
            self._lock = FileLock(Path(self._folder.name) / _LOCK)
            if self._lock.acquire():
                self._lock.sign()
        except OSError as error:
            raise _full(Path(tempfile.gettempdir()), error) from None

    def __enter__(self) -> Scratch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.close()
        self._folder.cleanup()

    def save(self, name: str, frame: int, value: object) -> None:
        """Keep a dataclass under a name for one frame. Raises OutputError where the disk is full."""
        path = self._path(name, frame)
        try:
            torch.save(_plain(value), path)
        except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
            raise _full(path.parent, error) from None

    def take(self, name: str, frame: int, kind: type[T], *, device: torch.device) -> T:
        """The dataclass that `save` kept, its tensors on `device`; it is kept no longer."""
        path = self._path(name, frame)
        value: T = _rebuilt(kind, torch.load(path, map_location="cpu", weights_only=True), device)
        path.unlink()
        return value

    def _path(self, name: str, frame: int) -> Path:
        return Path(self._folder.name) / f"{name}.{frame}.pt"


def _full(folder: Path, error: Exception) -> OutputError:
    return OutputError(
        f"The temporary folder {folder} took no more ({str(error).splitlines()[0]}). "
        "Free space there, or set TMPDIR to a larger disk."
    )


def _sweep(parent: Path) -> None:
    """Remove the folders whose processes are gone: their lock is signed, and free."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # another user's, or one that goes just now
            if (folder / _LOCK).stat().st_size == 0:
                continue
            lock = FileLock(folder / _LOCK, make=False)
            left = lock.acquire()
            lock.close()
            if left:
                shutil.rmtree(folder, ignore_errors=True)


def _plain(value: Any) -> Any:
    """As what `torch.load(weights_only=True)` takes: tensors, dictionaries, lists, numbers and strings."""
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, np.ndarray):
        return torch.from_numpy(np.ascontiguousarray(value))
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _rebuilt(hint: Any, value: Any, device: torch.device) -> Any:
    """The inverse of `_plain`, by the type the field is declared with."""
    if value is None:
        return None
    if get_origin(hint) in (Union, UnionType):
        hint = next(option for option in get_args(hint) if option is not type(None))
    if dataclasses.is_dataclass(hint):
        hints = get_type_hints(hint)
        return hint(**{name: _rebuilt(hints[name], item, device) for name, item in value.items()})  # type: ignore[operator]
    if get_origin(hint) is tuple:
        return tuple(_rebuilt(get_args(hint)[0], item, device) for item in value)
    if hint is Tensor:
        return value.to(device)
    return value.numpy() if isinstance(value, Tensor) else value
