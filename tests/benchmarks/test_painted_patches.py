"""What `benchmarks/painted_patches.py` counts: specks beside an object, and grey at its edge."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

RunProgram = Callable[..., dict[str, list[str]]]
SIZE = 40, 60


@pytest.fixture
def program(load: Callable[[str], ModuleType]) -> ModuleType:
    return load("painted_patches")


def test_a_speck_counts_by_its_distance_from_the_object_and_only_where_the_true_picture_is_not_violet(
    program: ModuleType,
) -> None:
    mask, linear = np.zeros(SIZE, bool), np.full((*SIZE, 3), 0.2, np.float32)
    mask[10:20, 10:20] = True
    violet = program.srgb_decode(program.VIOLET)
    linear[10:20, 10:20] = violet  # the object itself
    linear[15, 22:24] = violet  # 3 and 4 px off
    linear[30:32, 40:43] = violet  # far off
    result = program.Result(0, linear, np.ones(SIZE, np.float32))
    truth = np.full((*SIZE, 3), 0.5, np.float32)
    assert program.count_specks(result, mask, truth) == [7, 6]
    truth[30, 40:43] = program.VIOLET
    assert program.count_specks(result, mask, truth) == [4, 3]
    assert program.count_specks(result, np.zeros(SIZE, bool), truth)[0] > 100  # nothing is there


@pytest.mark.parametrize(("paint", "is_violet"), [("VIOLET", True), ("GREEN", False)])
def test_the_paints_are_told_apart(program: ModuleType, paint: str, is_violet: bool) -> None:
    ab = program.linear_to_lab(program.srgb_decode(getattr(program, paint)[None, None]))[..., 1:]
    assert program.find_painted(ab, program.VIOLET).all() == is_violet


def test_the_box_is_in_the_corner_that_the_object_leaves_free(program: ModuleType) -> None:
    masks = [np.ones(SIZE, bool), np.ones(SIZE, bool)]
    masks[1][25:, 45:] = False
    box = program.find_free_box(masks)
    assert box.any() and not (box & masks[1]).any()


def test_specks_of_a_square_that_moves_steadily_are_few(run_program: RunProgram, dataset: Path) -> None:
    table = run_program("painted_patches", "specks", "--dataset", str(dataset), "--clips", "crossing", "--lines", "112")
    near, far = map(int, table["crossing"])
    assert far <= near < 100


def test_one_patch_alone_paints_the_object_on_the_frames_that_follow(run_program: RunProgram, dataset: Path) -> None:
    options = "--dataset", str(dataset), "--clips", "crossing", "--lines", "112", "--frames", "3"
    near, far, share = run_program("painted_patches", "alone", *options)["crossing"]
    assert int(far) <= int(near) < 100
    assert float(share.removesuffix(" %")) > 80


def test_grey_is_counted_at_the_edge_alone_and_for_each_frame(run_program: RunProgram, dataset: Path) -> None:
    options = "--dataset", str(dataset), "--clips", "crossing", "--lines", "112", "--frames", "3", "--each", "2", "3"
    grey, pixels, *each = map(int, run_program("painted_patches", "gaps", *options)["crossing"])
    assert grey == sum(each) < 0.3 * pixels
    assert 2 * 1900 < pixels < 2 * 2400  # 14 px around a square of 40


def test_a_clip_without_masks_is_named(run_program: RunProgram, dataset: Path) -> None:
    for path in (dataset.parent / "clips_masks" / "crossing").iterdir():
        path.unlink()
    (dataset.parent / "clips_masks" / "crossing").rmdir()
    with pytest.raises(SystemExit, match="crossing has no masks"):
        run_program("painted_patches", "gaps", "--dataset", str(dataset), "--clips", "crossing")
