"""A clip is measured at its own aspect; those of about 16:9 at the size that published figures have."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from real_footage import footage

from stcolor_core.errors import BadRequest
from stcolor_core.evaluation import scoring
from stcolor_core.evaluation.dataset import read_dataset
from stcolor_core.evaluation.run import evaluate

Size = tuple[int, int]


def write_clip(folder: Path, size: Size, *, count: int = 3) -> Path:
    """Write a coloured ramp that moves by a pixel a frame, of a size of (width, height)."""
    folder.mkdir(parents=True)
    rows, columns = np.indices(size[::-1])
    for number in range(count):
        picture = np.dstack([rows % 256, (columns + number) % 256, np.full(size[::-1], 90)]).astype(np.uint8)
        cv2.imwrite(str(folder / f"{number:05d}.png"), picture)
    return folder.parent


@pytest.mark.parametrize(
    ("size", "lines", "expected"),
    [
        ((854, 480), 216, (384, 216)),
        ((427, 240), 216, (384, 216)),
        ((426, 240), 432, (768, 432)),
        ((1920, 1080), 720, (1280, 720)),
        ((640, 480), 216, (288, 216)),
        ((129, 96), 48, (64, 48)),
        ((96, 170), 216, (122, 216)),
        ((578, 240), 216, (520, 216)),
        ((170, 96), 96, (170, 96)),
        ((854, 480), 480, (854, 480)),
    ],
)
def test_a_clip_keeps_its_aspect(size: Size, lines: int, expected: Size, tmp_path: Path) -> None:
    (clip,) = read_dataset(write_clip(tmp_path / "set" / "clip", size, count=1))
    resized = clip.with_lines(lines)
    assert resized.size == expected
    assert resized.rgb(0).shape == (*expected[::-1], 3)
    assert clip.size == (384, 216), "whoever gives no height has the fixed size"


def test_clips_of_several_aspects_are_measured_together_and_each_at_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = {"tall": (54, 96), "tv": (64, 48), "wide": (96, 54)}
    for name, size in sizes.items():
        write_clip(tmp_path / "set" / name, size)
        write_clip(tmp_path / "theirs" / name, (2 * size[0], 2 * size[1]))
        write_clip(tmp_path / "set_masks" / name, size)
    shapes = []
    score = scoring._frame_figures

    def noted(clip: object, index: int, picture: np.ndarray, *rest: object, **options: object) -> dict[str, float]:
        shapes.append(picture.shape)
        return score(clip, index, picture, *rest, **options)

    monkeypatch.setattr(scoring, "_frame_figures", noted)
    results = evaluate(
        tmp_path / "set",
        protocols=["first"],
        variants=["chained"],
        against=[tmp_path / "theirs"],
        lines=48,
        device=torch.device("cpu"),
    )
    assert set(shapes) == {(48, 27, 3), (48, 64, 3), (48, 85, 3)}
    for row in results["first"].values():
        assert set(row) == set(sizes)
        assert all(np.isfinite(each.score.full) for each in row.values())


def test_a_clip_that_would_be_too_narrow_is_named_with_the_height_that_it_needs(tmp_path: Path) -> None:
    folder = write_clip(tmp_path / "set" / "strip", (30, 300))
    options = {"protocols": ["first"], "variants": ["grey"], "device": torch.device("cpu")}
    with pytest.raises(BadRequest, match=r"The clip strip, 30 x 300, is 11 px wide at --lines 108\. Give --lines 160"):
        evaluate(folder, lines=108, **options)
    assert evaluate(folder, lines=160, **options)["first"]["grey"]["strip"].frames == 2


def test_the_clips_of_davis_have_the_size_of_the_published_figures() -> None:
    sequences = read_dataset(footage("davis"))
    assert {sequence.with_lines(lines).size for sequence in sequences for lines in (216, 432)} == {
        (384, 216),
        (768, 432),
    }
