"""The names of devices, and what can be said about them before torch is imported, which takes seconds."""

from __future__ import annotations

import ast
import ctypes
import importlib.util
import sys
from functools import lru_cache
from pathlib import Path

from stcolor_core.errors import BadRequest
from stcolor_core.remedies import advise

__all__ = ["DEVICES", "GPUS", "no_such_device", "refuse_absent"]

GPUS = {"cuda": "CUDA (NVIDIA or AMD) device", "xpu": "Intel GPU", "mps": "Apple GPU"}
"""Name of each kind of GPU -> what it is, in the order of choice."""
DEVICES = ("auto", "cpu", *GPUS)
"""Names that `devices.resolve_device` accepts."""

_DRIVERS = {"linux": "libcuda.so.1", "win32": "nvcuda.dll"}  # which a torch built for CUDA loads


def refuse_absent(name: str) -> None:
    """Refuse a device that cannot be there: this torch is built without it, or its driver is missing.

    A device that passes may be absent nevertheless; `devices.resolve_device` finds out.

    Args:
        name: One of `DEVICES`.

    Raises:
        BadRequest: If the device cannot be there.
    """
    built = _backends()
    absent = {
        "cuda": built is not None and not built["hip"] and not (built["cuda"] and _has_cuda_driver()),
        "xpu": built is not None and not built["xpu"],
        "mps": sys.platform != "darwin",
    }
    if absent.get(name, False):
        raise no_such_device(name)


def no_such_device(name: str) -> BadRequest:
    """Return the error for a GPU that is not there.

    Args:
        name: A name in `GPUS`.
    """
    return BadRequest(f"There is no {GPUS[name]} that this torch can use. {advise('cpu')}.")


@lru_cache
def _backends() -> dict[str, bool] | None:
    """Return the backends that the installed torch is built for, as its version file says; None if it does not."""
    found = importlib.util.find_spec("torch")
    if found is None or found.origin is None:
        return None
    try:
        tree = ast.parse((Path(found.origin).parent / "version.py").read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return None
    values: dict[str, bool] = {}
    for statement in tree.body:
        targets = [statement.target] if isinstance(statement, ast.AnnAssign) else getattr(statement, "targets", [])
        value = getattr(statement, "value", None)
        for target in targets:
            if isinstance(target, ast.Name) and isinstance(value, ast.Constant):
                values[target.id] = bool(value.value)
    return values if {"cuda", "hip", "xpu"} <= values.keys() else None


def _has_cuda_driver() -> bool:
    """Return whether NVIDIA's driver can be loaded, or might be under a name that is not known here."""
    library = _DRIVERS.get(sys.platform)
    if library is None:
        return True
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
