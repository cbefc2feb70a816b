"""Keep what one walk through a span passes to the next on disk, so that memory does not grow with the span's length."""

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
    """A temporary folder of dataclasses, one file for each frame, which is removed when the `with` block ends.

    Fields of the dataclasses are tensors, arrays, numbers, strings, None, other dataclasses, or tuples of one of these.
    The folder lies where Python's tempfile puts it; set TMPDIR (TEMP on Windows) to use a larger disk. It is locked
    while its process lives. Folders of killed processes are removed.

    Raises:
        OutputError: If the disk is full.
    """

    def __init__(self) -> None:
        _sweep(Path(tempfile.gettempdir()))
        try:
            self._folder = tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True)
            self._lock = FileLock(Path(self._folder.name) / _LOCK)
            if self._lock.acquire():
                self._lock.mark_locked()
        except OSError as error:
            raise _disk_full(Path(tempfile.gettempdir()), error) from None

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
            OutputError: If the disk is full.
        """
        path = self._path(name, frame)
        try:
            torch.save(_to_plain(value), path)
        except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
            raise _disk_full(path.parent, error) from None

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


def _disk_full(folder: Path, error: Exception) -> OutputError:
    return OutputError(
        f"The temporary folder {folder} cannot be written ({str(error).splitlines()[0]}). "
        "Free space there, or set TMPDIR to a larger disk."
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
        return torch.from_numpy(np.ascontiguousarray(value))
    if isinstance(value, tuple):
        return [_to_plain(item) for item in value]
    return value


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
        return value.to(device)
    return value.numpy() if isinstance(value, Tensor) else value
