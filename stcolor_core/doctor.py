"""What is installed beside the package and whether it works: `python -m stcolor_core.doctor`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from stcolor_core.errors import ColorError

__all__ = ["Finding", "findings", "main", "report"]

_PACKAGES = (
    "numpy",
    "torch",
    "torchvision",
    "cv2",
    "OpenImageIO",
    "PyOpenColorIO",
    "safetensors",
    "fastapi",
    "uvicorn",
)
# What a package raises that is missing, built for other ones, or lacks a library of the system.
_UNLOADABLE = (ImportError, OSError, RuntimeError, AttributeError, TypeError, ValueError)


@dataclass(frozen=True)
class Finding:
    """One thing looked at. remedy: what to do where it is broken, empty where it is well."""

    name: str
    state: str
    remedy: str = ""


def findings() -> Iterator[Finding]:
    """Packages first; the rest, which needs them, only where they all load."""
    packages = [_package(name) for name in _PACKAGES]
    yield from packages
    if not any(package.remedy for package in packages):
        yield _device()
        yield _color_config()
        yield from _models()


def report(findings: Iterable[Finding]) -> tuple[str, bool]:
    """The findings as text for a terminal, and whether all is well."""
    lines, well = [], True
    for finding in findings:
        lines.append(f"{finding.name:<16} {finding.state}")
        if finding.remedy:
            lines.append(f"{'':<16} -> {finding.remedy}")
            well = False
    return "\n".join(lines), well


def _package(name: str) -> Finding:
    try:
        return Finding(name, str(importlib.import_module(name).__version__))
    except _UNLOADABLE as error:
        return Finding(name, f"does not load ({' '.join(str(error).split())})", "run install.py setup --reinstall")


def _device() -> Finding:
    import torch

    return Finding("GPU", torch.cuda.get_device_name() if torch.cuda.is_available() else "none; runs on the CPU")


def _color_config() -> Finding:
    from stcolor_core.ocio import open_config

    try:
        return Finding("OCIO config", open_config(None)[1])
    except ColorError as error:
        return Finding("OCIO config", "broken", str(error))


def _models() -> Iterator[Finding]:
    from stcolor_core import models

    for model in models.registered():
        yield Finding("Model", f"{model.name}: {'installed' if model.present else 'no weights added (optional)'}")
    for problem in models.verify():
        yield Finding("Model", "damaged", problem)


def main() -> int:
    """Print the findings; 1 where one is broken."""
    text, well = report(findings())
    sys.stdout.write(text + "\n")
    return 0 if well else 1


if __name__ == "__main__":
    raise SystemExit(main())
