"""What `benchmarks/flat_paint.py` measures: hue and gamut of flat paint, and true pictures taken for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

RunProgram = Callable[..., dict[str, list[str]]]
Load = Callable[[str], ModuleType]
YELLOW, BLUE = "#f0d020", "#2040c0"


def degrees(cell: str) -> float:
    return float(cell.removesuffix("°"))


def percent(cell: str) -> float:
    return float(cell.removesuffix(" %"))


def test_a_hue_is_off_by_the_shorter_way_around(load: Load) -> None:
    shots = load("paint_shots")
    green = shots.parse_color("#20a040")
    own = shots.linear_to_lab(shots.srgb_decode(green))[1:]  # at 140 degrees
    turned = []
    for degrees in (0, 100, 180, 250):
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        turned.append(np.array([[c, -s], [s, c]]) @ own)
    assert shots.hue_error(np.stack(turned), green) == pytest.approx([0, 100, 180, 110], abs=1e-3)


def test_a_patch_as_it_came_is_seen_in_another_hue_and_lies_outside_of_the_gamut(
    run_program: RunProgram, dataset: Path
) -> None:
    table = run_program("flat_paint", "hue", "--dataset", str(dataset), "--colors", YELLOW, "--lines", "112")
    _, hue, _, most, below, _, _ = table["a patch, as it came"]
    assert degrees(most) >= degrees(hue) > 0.2 and percent(below) > 5
    for kind in ("a patch", "within a true keyframe"):
        _, hue, _, _, below, above, _ = table[kind]
        assert degrees(hue) < 0.1 and percent(below) == percent(above) == 0
    assert "a whole frame of flat colours" not in table  # one colour all over shows no object


def test_pixels_beyond_the_gamut_are_counted_on_the_frames_that_follow(run_program: RunProgram, dataset: Path) -> None:
    options = "--dataset", str(dataset), "--colors", "#ff00cc", BLUE, "--lines", "112", "--frames", "2"
    table = run_program("flat_paint", "gamut", *options, "--kinds", "a patch", "--objects")
    assert table["a patch"] == ["2", "0.0", "0.0", "0.0", "0.0", table["a patch"][-1]]
    assert abs(float(table["a patch"][-1])) < 1e-3
    assert list(table)[2:] == ["a patch"]


def test_what_lies_beyond_the_gamut_counts(load: Load, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program, shots = load("flat_paint"), load("paint_shots")
    linear = np.full((2, 4, 5, 3), 0.5, np.float32)
    linear[0, 0, :2, 1], linear[1, 0, :3, 0], linear[1, 1, 0, 2] = -0.01, 1.01, -0.02
    results = [shots.Result(index, each, np.ones((4, 5), np.float32)) for index, each in enumerate(linear)]
    monkeypatch.setattr(program, "color", lambda *_, **__: iter(results))
    painted = program.Painted("a patch", tmp_path, linear[0], np.ones((4, 5), bool))
    assert program.measure_gamut(tmp_path, painted, 2) == pytest.approx([2, 0, 1, 3, -0.02])


def test_true_keyframes_of_a_textured_clip_are_no_paint(
    run_program: RunProgram, load: Load, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(picture: np.ndarray) -> np.ndarray:
        return np.where(np.arange(picture.shape[1])[:, None] < 50, np.float32([0.9, 0.8, 0.1]), picture)

    monkeypatch.setitem(load("flat_paint").TRUE, "a part filled", fill)
    table = run_program("flat_paint", "true", "--dataset", str(dataset), "--lines", "112")
    assert table["exact, 8 bits"] == table["JPEG 90"] == ["0 of 1", "0 of 1"]
    assert table["a part filled"][0] == "1 of 1"
