"""What the package needs, and whether it works: `stcolor doctor`, `python -m stcolor_core.cli.doctor`.

Packages, GPU, colour and weights; then what the core and Nuke need of each other. Each finding says what to do.
"""

from __future__ import annotations

import ast
import importlib
import os
import re
import socket
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stcolor_core import __version__
from stcolor_core.errors import ColorError, OutputError, StcolorError
from stcolor_core.service.access import HOST, Connection, CoreLock, ask, find, state_folder

__all__ = ["Finding", "add_command", "findings", "main", "report"]

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
_PORT_SECONDS = 2.0
_BLOCK = re.compile(
    r"^# >>> RefColorize >>>$.*?^ *nuke\.pluginAddPath\(([^\n]+)\)$.*?^# <<< RefColorize <<<$", re.M | re.S
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
    """Packages first; what needs them only where they all load; then what needs none of them."""
    packages = [_package(name) for name in _PACKAGES]
    yield from packages
    if not any(package.remedy for package in packages):
        yield _device()
        yield _color_config()
        yield from _models()
    yield _port()
    yield from _core()
    yield from _nuke()


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
        package = importlib.import_module(name)
        version = package.VERSION_STRING if name == "OpenImageIO" else package.__version__  # 3.0 has no __version__
        return Finding(name, str(version))
    except _UNLOADABLE as error:
        return Finding(name, f"does not load ({' '.join(str(error).split())})", "run install.py setup --reinstall")


def _device() -> Finding:
    import torch

    return Finding("GPU", torch.cuda.get_device_name() if torch.cuda.is_available() else "none; runs on the CPU")


def _color_config() -> Finding:
    from stcolor_core.images.ocio import open_config

    try:
        return Finding("OCIO config", open_config(None)[1])
    except ColorError as error:
        return Finding("OCIO config", "broken", str(error))


def _models() -> Iterator[Finding]:
    from stcolor_core.models import registry

    for model in registry.registered():
        yield Finding("Model", f"{model.name}: {'installed' if model.present else 'no weights added (optional)'}")
    for problem in registry.verify():
        yield Finding("Model", "damaged", problem)


def _port() -> Finding:
    """Whether this machine lets a program be reached by another one on it."""
    try:
        with socket.create_server((HOST, 0)) as listener:
            port = listener.getsockname()[1]
            with closing(socket.create_connection((HOST, port), timeout=_PORT_SECONDS)):
                return Finding("Local port", f"{HOST}:{port} can be listened on and reached")
    except OSError as error:
        remedy = f"Let programs on this machine listen on {HOST}: a firewall or sandbox may forbid it."
        return Finding("Local port", f"cannot be listened on and reached ({error})", remedy)


def _core() -> Iterator[Finding]:
    """The state folder, and the core that runs from it, which is asked and not disturbed."""
    remedy = "Set STCOLOR_STATE_DIR to a folder on a local disk that you can write."
    try:
        folder = state_folder()
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
        first, second = CoreLock(folder), CoreLock(folder)
    except OutputError as error:
        yield Finding("State folder", "cannot be made", str(error))
        return
    except OSError as error:
        yield Finding("State folder", f"{folder} cannot be written ({error.strerror})", remedy)
        return
    with closing(first), closing(second):
        free = first.acquire()
        excludes = not second.acquire()
    running = find(folder)
    if not excludes:
        yield Finding("State folder", f"{folder}: its disk keeps no locks", remedy)
        return
    yield Finding("State folder", str(folder))
    if running is not None:
        yield _running(running)
    elif free:
        yield Finding("Core", "none runs; Nuke starts one when it needs it")
    else:
        remedy = f"End the process that holds {folder / 'core.lock'}; or, where it is another machine's: {remedy}"
        yield Finding("Core", "runs, or starts, and does not answer", remedy)


def _running(connection: Connection) -> Finding:
    try:
        health = ask(connection, "GET", "/v1/health")
    except StcolorError as error:
        return Finding("Core", "has just stopped answering", str(error))
    state = f"answers at {connection.url} (process {connection.pid}), version {health['version']} on {health['device']}"
    newer = (
        "" if health["version"] == __version__ else f"This is {__version__}: stcolor stop, and press Colorize again."
    )
    return Finding("Core", state, newer)


def _nuke() -> Iterator[Finding]:
    """Whether the folders that Nuke reads plug-ins from have the block that `install.py nuke` writes."""
    found = False
    for folder in _nuke_folders():
        for plugin in _named_plugins(folder / "init.py"):
            found = True
            broken = "" if (plugin / "init.py").is_file() else "It is not there. Run install.py nuke from the checkout."
            yield Finding("Nuke plug-in", f"{plugin}, named in {folder / 'init.py'}", broken)
    if not found:
        folders = ", ".join(map(str, _nuke_folders()))
        yield Finding("Nuke plug-in", f"in none of {folders}; install.py nuke puts it there")


def _nuke_folders() -> list[Path]:
    named = [Path(folder) for folder in os.environ.get("NUKE_PATH", "").split(os.pathsep) if folder]
    return [*named, Path(os.environ.get("HOME") or Path.home()) / ".nuke"]


def _named_plugins(init: Path) -> list[Path]:
    try:
        blocks = _BLOCK.findall(init.read_text(encoding="utf-8", errors="replace"))
        return [Path(ast.literal_eval(literal)) for literal in blocks]
    except (OSError, ValueError, SyntaxError, TypeError):
        return []


def add_command(commands: Any) -> None:
    """Add `doctor` to the subparsers of `stcolor`."""
    parser = commands.add_parser("doctor", help="check this installation and say what to do")
    parser.set_defaults(run=lambda _: main())


def main() -> int:
    """Print the findings; 1 where one is broken."""
    text, well = report(findings())
    sys.stdout.write(text + "\n")
    return 0 if well else 1


if __name__ == "__main__":
    raise SystemExit(main())
