"""Stand-ins for external programs: Python code that can be started by name."""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["make_program"]


def make_program(folder: Path, name: str, code: str) -> Path:
    """Write an executable of that name that runs `code` with its arguments."""
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / f"{name}.py"
    script.write_text(code, encoding="utf-8")
    if sys.platform == "win32":
        program = folder / f"{name}.bat"
        program.write_text(f'@"{sys.executable}" "{script}" %*\n', encoding="utf-8")
    else:
        program = folder / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n', encoding="utf-8")
        program.chmod(0o755)
    return program
