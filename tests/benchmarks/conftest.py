"""A clip with masks on disk, and the programs of `benchmarks/` as a user runs them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
from scenes import crossing

from stcolor_core.images.color import lab_to_srgb

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
Load = Callable[[str], ModuleType]
RunProgram = Callable[..., dict[str, list[str]]]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Return a folder laid out as DAVIS, with the clip "crossing": four frames of 192 x 112; its object is a square."""
    scene = crossing(4)
    pictures, masks = tmp_path / "clips" / "crossing", tmp_path / "clips_masks" / "crossing"
    for folder in (pictures, masks):
        folder.mkdir(parents=True)
    for index, (lightness, ab) in enumerate(zip(scene.lightnesses, scene.ab, strict=True)):
        picture = np.clip(lab_to_srgb(np.dstack([lightness, ab])), 0, 1)
        cv2.imwrite(str(pictures / f"{index:05d}.png"), np.rint(255 * picture[..., ::-1]).astype(np.uint8))
        cv2.imwrite(str(masks / f"{index:05d}.png"), 255 * scene.masks[index][0].astype(np.uint8))
    return pictures.parent


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Return a function that imports a program."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


@pytest.fixture
def run_program(load: Load, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> RunProgram:
    """Return a function that runs a program with options, and returns the cells of its table by the first of a line."""

    def run(name: str, *options: str) -> dict[str, list[str]]:
        program = load(name)
        monkeypatch.setattr(sys, "argv", [name, *options])
        program.main()
        lines = [line.strip("|").split("|") for line in capsys.readouterr().out.splitlines()]
        assert len({len(cells) for cells in lines}) == 1  # every line has all cells
        return {first.strip(): [cell.strip() for cell in cells] for first, *cells in lines}

    return run
