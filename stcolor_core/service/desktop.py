"""Show a folder in the desktop's file manager. No shell is involved, and nothing in the folder is opened."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from stcolor_core.errors import StcolorError
from stcolor_core.files.given_paths import is_folder

__all__ = ["file_manager_command", "reveal"]


def file_manager_command(
    folder: Path, *, platform: str = sys.platform, environment: Mapping[str, str] | None = None
) -> list[str] | None:
    """Return the program that shows a folder, with its arguments; None if this machine has no desktop.

    Args:
        folder: An absolute path.
        platform: As `sys.platform`.
        environment: As `os.environ`, which it is by default.
    """
    environment = os.environ if environment is None else environment
    if platform == "win32":
        return ["explorer.exe", str(folder)]
    if platform == "darwin":
        return ["open", "-R", str(folder)]  # -R shows it; without, a folder named X.app would be started
    if not (environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")):
        return None
    program = shutil.which("xdg-open", path=environment.get("PATH"))
    return None if program is None else [program, str(folder)]


def reveal(folder: Path, *, written: bool = False) -> None:
    """Show a folder in the desktop's file manager.

    Args:
        folder: An absolute path.
        written: Whether frames were written into it, so that it was there.

    Raises:
        StcolorError: If the folder is not there, or cannot be shown.
    """
    if written and not is_folder(folder):
        raise StcolorError(
            f"The folder {folder} is not there any more: it was deleted, moved or renamed, or its disk is not "
            "connected. Put it back, or press Resume to write its frames again."
        )
    if not is_folder(folder):
        raise StcolorError(f"The folder {folder} is not there yet. It is made with the first frame.")
    command = file_manager_command(folder)
    if command is None:
        raise StcolorError(f"The core runs without a desktop, so it cannot open {folder}. Copy the path instead.")
    try:
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise StcolorError(f"{command[0]} could not open {folder} ({error.strerror}). Copy the path instead.") from None
