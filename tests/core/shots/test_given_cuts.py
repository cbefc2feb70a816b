"""Cuts and dissolves given by hand are checked against the plate before anything is coloured."""

from __future__ import annotations

from pathlib import Path

import pytest

from stcolor_core.errors import BadRequest
from stcolor_core.shots.given_cuts import check_cuts
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Plate
from stcolor_core.shots.settings import Method
from stcolor_core.shots.shot import Shot

FRAMES = range(1001, 1033)


def shot(folder: Path, cuts: str) -> Shot:
    """A shot whose plate has the frames 1001-1032, of which names are enough."""
    for frame in FRAMES:
        (folder / f"plate.{frame}.exr").touch()
    return Shot(
        plate=Plate(path=str(folder / "plate.####.exr")),
        output=Output(path=str(folder / "out/o.####.exr")),
        method=Method(cuts=cuts),
    )


@pytest.mark.parametrize(
    ("cuts", "told"),
    [
        ("1040", "No new scene can begin at frame 1040"),
        ("1000,1020", "No new scene can begin at frame 1000"),
        ("1030-1040", "The dissolve 1030-1040 of the cuts reaches out of the plate"),
        ("1033-1040", "The dissolve 1033-1040 of the cuts reaches out of the plate"),
        ("1020,990-1001", "The dissolve 990-1001 of the cuts reaches out of the plate"),
    ],
)
@pytest.mark.parametrize("used", [FRAMES, FRAMES[:4]])
def test_what_reaches_out_of_the_plate_is_refused_with_its_frames_and_a_remedy(
    cuts: str, told: str, used: range, tmp_path: Path
) -> None:
    with pytest.raises(BadRequest) as caught:
        check_cuts(shot(tmp_path, cuts), used)
    message = str(caught.value)
    assert message.startswith(told) and "has the frames 1001-1032." in message
    assert message.endswith('Correct --cuts, or "cuts" in the shot file.')


@pytest.mark.parametrize("cuts", ["auto", "none", "1001,1020,1032", "1001-1010", "1020-1032"])
@pytest.mark.parametrize("used", [FRAMES, FRAMES[:4]])
def test_what_lies_in_the_plate_is_taken_also_where_a_part_of_it_is_used(
    cuts: str, used: range, tmp_path: Path
) -> None:
    check_cuts(shot(tmp_path, cuts), used)
