"""Real footage and large vectors outside of the repository; tests that need them are skipped without them.

$STCOLOR_FOOTAGE names a folder that holds davis/NAME/00000.jpg, ... and davis_masks/NAME/00000.png, ... (DAVIS 2017).
$STCOLOR_GOLDEN names a folder that holds the outputs of the published exemplar networks, golden_64x112.npz and
golden_72x128.npz.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

__all__ = ["footage", "golden"]


def footage(*names: str) -> Path:
    """Return a folder or file of the footage; skip the test if there is no footage."""
    return _found("STCOLOR_FOOTAGE", *names)


def golden(name: str) -> Path:
    """Return a file of golden vectors; skip the test if there are none."""
    return _found("STCOLOR_GOLDEN", name)


def _found(variable: str, *names: str) -> Path:
    folder = os.environ.get(variable)
    if not folder:
        pytest.skip(f"needs ${variable}")
    path = Path(folder, *names)
    if not path.exists():
        pytest.fail(f"${variable} is {folder}, which has no {'/'.join(names)}")
    return path
