"""Check this installation: `stcolor doctor`, `python -m stcolor_core.cli.doctor`.

Checks the packages, the GPU, the colour config and the weights; then the local port, the state folder, the core and the
Nuke plug-in. Each finding of a fault says what to do.
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

import stcolor_core
from stcolor_core import __version__
from stcolor_core.errors import BadRequest, ColorError, OutputError, StcolorError
from stcolor_core.movies.names import load_av
from stcolor_core.plurals import count_of
from stcolor_core.remedies import advise, word
from stcolor_core.service.access import HOST, Connection, CoreLock, ask, find, state_folder

__all__ = ["Finding", "add_command", "check_installation", "format_findings", "main"]

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
# Raised by the import of a package that is missing, built for other versions, or lacks a system library.
_IMPORT_ERRORS = (ImportError, OSError, RuntimeError, AttributeError, TypeError, ValueError)


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        name: What was checked, such as "torch" or "State folder".
        state: Its state.
        remedy: What to do about a fault; "" if there is none.
    """

    name: str
    state: str
    remedy: str = ""


def check_installation() -> Iterator[Finding]:
    """Yield the findings: packages first, then checks that need all of them, then those that need none."""
    packages = [_check_package(name) for name in _PACKAGES]
    yield from packages
    yield from _check_copy(Path(stcolor_core.__file__).parent, Path(sys.prefix))
    yield _check_movies()
    if not any(package.remedy for package in packages):
        yield _check_device()
        yield _check_color_config()
        yield from _check_models()
    yield _check_port()
    yield from _check_core()
    yield from _check_nuke()


def format_findings(findings: Iterable[Finding]) -> tuple[str, bool]:
    """Return the findings as text for a terminal, and whether there is no fault.

    Args:
        findings: The findings.
    """
    lines, healthy = [], True
    for finding in findings:
        lines.append(f"{finding.name:<16} {finding.state}")
        if finding.remedy:
            lines.append(f"{'':<16} -> {finding.remedy}")
            healthy = False
    return "\n".join(lines), healthy


def _check_package(name: str) -> Finding:
    try:
        package = importlib.import_module(name)
        version = package.VERSION_STRING if name == "OpenImageIO" else package.__version__  # 3.0 has no __version__
        return Finding(name, str(version))
    except _IMPORT_ERRORS as error:
        return Finding(name, f"does not load ({' '.join(str(error).split())})", "run install.py setup --reinstall")


def _check_copy(package: Path, environment: Path) -> Iterator[Finding]:
    """Check whether an environment that lies in a checkout holds what the checkout does; yield nothing of others.

    Args:
        package: The folder of the package that runs.
        environment: The Python environment that it runs in.
    """
    source = environment.parent / package.name
    if environment not in package.parents or not (source / "__init__.py").is_file():
        return
    files = {path.relative_to(folder) for folder in (package, source) for path in folder.rglob("*.py")}
    other = sum(_bytes_of(package / file) != _bytes_of(source / file) for file in files)
    if other:
        yield Finding(
            "Program",
            f"an older or newer copy of {source}: {count_of(other, 'file')} of {len(files)} are not the same",
            "run install.py setup",
        )


def _bytes_of(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _check_movies() -> Finding:
    """Check whether movies can be read, which is optional."""
    try:
        return Finding("Movies", f"PyAV {load_av().__version__}")
    except BadRequest:
        return Finding("Movies", "not read: PyAV is not installed (optional; docs/install.md, Movies)")


def _check_device() -> Finding:
    from stcolor_core.pipeline.devices import device_name, resolve_device

    faults: list[str] = []
    device = resolve_device("auto", warn=faults.append)
    if faults:
        return Finding(
            "GPU", word(faults[0].removesuffix(f" {advise('doctor')}.")), "update its driver, or use --device cpu"
        )
    return Finding("GPU", device_name(device) or "none; runs on the CPU")


def _check_color_config() -> Finding:
    from stcolor_core.images.ocio import open_config

    try:
        return Finding("OCIO config", open_config(None)[1])
    except ColorError as error:
        return Finding("OCIO config", "broken", str(error))


def _check_models() -> Iterator[Finding]:
    from stcolor_core.models import registry

    for model in registry.list_models():
        yield Finding("Model", f"{model.name}: {'installed' if model.present else 'no weights added (optional)'}")
    for problem in registry.verify():
        yield Finding("Model", "damaged", problem)


def _check_port() -> Finding:
    """Check that two programs on this machine can connect to each other."""
    try:
        with socket.create_server((HOST, 0)) as listener:
            port = listener.getsockname()[1]
            with closing(socket.create_connection((HOST, port), timeout=_PORT_SECONDS)):
                return Finding("Local port", f"{HOST}:{port} can be listened on and reached")
    except OSError as error:
        remedy = f"Allow programs on this machine to listen on {HOST}: a firewall or sandbox may forbid it."
        return Finding("Local port", f"cannot be listened on and reached ({error})", remedy)


def _check_core() -> Iterator[Finding]:
    """Check the state folder, and ask the core that runs from it without disturbing it."""
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
        yield Finding("State folder", f"{folder}: its disk does not support locks", remedy)
        return
    yield Finding("State folder", str(folder))
    if running is not None:
        yield _check_running(running)
    elif free:
        yield Finding("Core", "none runs; Nuke starts one when it needs it")
    else:
        remedy = f"End the process that holds {folder / 'core.lock'}. If it runs on another machine: {remedy}"
        yield Finding("Core", "is running or starting, and does not answer", remedy)


def _check_running(connection: Connection) -> Finding:
    try:
        health = ask(connection, "GET", "/v1/health")
    except StcolorError as error:
        return Finding("Core", "has just stopped answering", str(error))
    state = f"answers at {connection.url} (process {connection.pid}), version {health['version']} on {health['device']}"
    remedy = (
        "" if health["version"] == __version__ else f"This is {__version__}: stcolor stop, and press Colorize again."
    )
    return Finding("Core", state, remedy)


def _check_nuke() -> Iterator[Finding]:
    """Check the folders from which Nuke loads plug-ins for the block that `install.py nuke` writes."""
    installed = False
    for folder in _nuke_folders():
        for plugin in _registered_plugins(folder / "init.py"):
            installed = True
            remedy = "" if (plugin / "init.py").is_file() else "It is missing. Run install.py nuke from the checkout."
            yield Finding("Nuke plug-in", f"{plugin}, named in {folder / 'init.py'}", remedy)
    if not installed:
        folders = ", ".join(map(str, _nuke_folders()))
        yield Finding("Nuke plug-in", f"in none of {folders}; install.py nuke installs it")


def _nuke_folders() -> list[Path]:
    folders = [Path(folder) for folder in os.environ.get("NUKE_PATH", "").split(os.pathsep) if folder]
    return [*folders, Path(os.environ.get("HOME") or Path.home()) / ".nuke"]


def _registered_plugins(init: Path) -> list[Path]:
    try:
        blocks = _BLOCK.findall(init.read_text(encoding="utf-8", errors="replace"))
        return [Path(ast.literal_eval(literal)) for literal in blocks]
    except (OSError, ValueError, SyntaxError, TypeError):
        return []


def add_command(commands: Any) -> None:
    """Add `doctor` to the subparsers of `stcolor`.

    Args:
        commands: The subparsers, as `add_subparsers` returns them.
    """
    parser = commands.add_parser("doctor", help="check this installation and say what to do")
    parser.set_defaults(run=lambda _: main())


def main() -> int:
    """Check the installation and print the findings.

    Returns:
        The exit code: 1 if there is a fault.
    """
    text, healthy = format_findings(check_installation())
    sys.stdout.write(text + "\n")
    return 0 if healthy else 1


if __name__ == "__main__":
    raise SystemExit(main())
