"""Make the stand-in for Nuke's program that renders in a second process."""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["make_second_nuke"]


def make_second_nuke(folder: Path) -> Path:
    """Write an executable that runs second_nuke.py with its arguments."""
    folder.mkdir(parents=True, exist_ok=True)
    script = Path(__file__).with_name("second_nuke.py")
    if sys.platform == "win32":
        program = folder / "Nuke.bat"
        program.write_text(f'@"{sys.executable}" "{script}" %*\n', encoding="utf-8")
    else:
        program = folder / "Nuke"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n', encoding="utf-8")
        program.chmod(0o755)
    return program
