"""What `benchmarks/painted_keyframes.py` counts: what is said of keyframes in grey paint, in neon and of few tones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

RunProgram = Callable[..., dict[str, list[str]]]
Load = Callable[[str], ModuleType]


def test_what_is_said_is_counted_by_its_words(load: Load) -> None:
    program = load("painted_keyframes")
    said = {
        "another frame or a still": "shows no frame of the shot near its own and is used as a still.",
        "place": "moved by 4.0 px and bent by 1.2 px to fit.",
        "light": "relit to the plate's light.",
        "bars": "its bars are left out.",
        "damage": "its compression or grain cleaned.",
        "paint or few colours": "was reduced to few colours, and counts less.",
    }
    for kind, line in said.items():
        assert [name for name, pattern in program.SAID.items() if program.re.search(pattern, line)] == [kind]


def test_grey_paint_on_the_plates_luminance_is_right(load: Load) -> None:
    """What counts as right is the paint's colour, as its lightness says nothing."""
    program = load("painted_keyframes")
    picture = np.full((64, 96, 3), (0.8, 0.3, 0.2), np.float32)
    key = program._fill(picture, program.draw_ellipse((64, 96)), program.BLACK)
    right = program._on_luminance(key, picture)
    assert np.ptp(right[32, 48]) < 0.01 and right[32, 48].mean() > 0.3
    np.testing.assert_allclose(right[0, 0], picture[0, 0], atol=1e-3)


def test_neon_is_clipped_and_keeps_what_is_grey(load: Load) -> None:
    program = load("painted_keyframes")
    picture = np.array([[[0.8, 0.3, 0.2], [0.5, 0.5, 0.5]]], np.float32)
    for kind, key in program.paint_neon(picture):
        assert key.min() >= 0 and key.max() <= 1
        assert (key[0, 0, 0] - key[0, 0, 2]) > 0.6, kind
        np.testing.assert_allclose(key[0, 1], 0.5, atol=1e-3)


@pytest.mark.parametrize(("what", "kinds"), [("grey", 7), ("neon", 5), ("tones", 4)])
def test_every_kind_of_keyframe_has_a_line(run_program: RunProgram, dataset: Path, what: str, kinds: int) -> None:
    table = run_program("painted_keyframes", what, "--dataset", str(dataset), "--lines", "64")
    rows = list(table.values())[2:]
    assert len(rows) == kinds
    for row in rows:
        assert row[0] == "1" and all(cell in ("0", "1") for cell in row[:7])
        came, used = map(float, row[7].split(","))
        assert 0 <= came <= 1 and 0 <= used <= 1
    if what == "tones":
        assert table["4 levels"][6] == "1" and float(table["4 levels"][8]) < 0.9  # told, and counts less
    if what == "grey":
        assert table["an object grey"][1:5] == ["0"] * 4
