"""The search of a plate for cuts and dissolves by parts: each frame is read once, and no part depends on another."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from landscapes import scene

from stcolor_core.errors import Cancelled
from stcolor_core.files.stat_cache import StatCache
from stcolor_core.images.color import lightness, luminance_of, srgb_encode
from stcolor_core.pipeline.footage import ShotFootage
from stcolor_core.pipeline.inputs import ShotInputs
from stcolor_core.pipeline.reference_flaws import ReferenceFlaws
from stcolor_core.pipeline.transition_search import find_transitions
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Plate, Reference
from stcolor_core.shots.settings import Method
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.transitions import Transitions

LENGTH, MIXED = 60, 10  # frames of a scene with the dissolve that follows it
SCENES = 8
EDGE = 256  # where two parts meet; one dissolve begins 8 frames before it and ends behind it


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plate of 8 scenes that dissolve into each other. The first is as long as it takes to reach the edge."""
    folder = tmp_path_factory.mktemp("plate")
    lengths = [EDGE - 8 - (EDGE // LENGTH - 1) * LENGTH, *[LENGTH - MIXED] * (SCENES - 1)]
    pans = [scene(seed, length + 2 * MIXED, speed=0.5) for seed, length in enumerate(lengths)]
    frames: list[np.ndarray] = []
    for pan, following, length in zip(pans, [*pans[1:], pans[0]], lengths, strict=True):
        frames += pan[MIXED : MIXED + length]
        shares = (np.arange(MIXED) + 1) / (MIXED + 1)
        mixed = zip(pan[MIXED + length :], following[:MIXED], shares, strict=True)
        frames += [lightness((1 - k) * luminance_of(a) + k * luminance_of(b)) for a, b, k in mixed]
    long_ago = time.time() - 3600
    for number, frame in enumerate(frames):
        path = folder / f"p.{number:04d}.png"
        cv2.imwrite(str(path), np.rint(255 * srgb_encode(luminance_of(frame))).astype(np.uint8))
        os.utime(path, (long_ago, long_ago))  # files that have just changed are not kept in the cache
    return folder / "p.####.png"


def search(
    plate: Path,
    requested: Iterable[int] | None = None,
    *,
    keys: Sequence[int] = (),
    cache: Path,
    check: Callable[[], None] = lambda: None,
) -> tuple[Transitions, list[int]]:
    """Return the transitions around some frames, all by default, and the frames that were read for them."""
    references = tuple(Reference(path=str(plate).replace("####", f"{key:04d}"), frame=key) for key in keys)
    shot = Shot(
        plate=Plate(path=str(plate)),
        references=references,
        output=Output(path=str(plate.parent / "out" / "o.####.exr")),
        method=Method(working_height=90),
    )
    kept, read = StatCache(cache), list[int]()
    inputs = ShotInputs(shot, warn=lambda _: None, cache=kept)
    flaws = ReferenceFlaws(shot, inputs, kept)
    footage = ShotFootage(shot, inputs, use_instances=False, detector=None, flaws=flaws, warn=lambda _: None)

    def looks(frames: Iterable[int]) -> Iterator[int]:
        for frame in frames:
            read.append(frame)
            yield frame

    wanted = frozenset(footage.frames if requested is None else requested)
    return find_transitions(shot, inputs, footage, wanted, looks=looks, cache=kept, check=check), read


def test_each_part_has_what_the_whole_plate_has_there(plate: Path, tmp_path: Path) -> None:
    whole, read = search(plate, cache=tmp_path / "whole")
    assert len(whole.dissolves) >= SCENES - 2
    assert any(dissolve.first < EDGE <= dissolve.last for dissolve in whole.dissolves)
    assert read == sorted(set(read))  # each frame once
    assert search(plate, cache=tmp_path / "whole") == (whole, [])
    for frame, keys in ((EDGE + 40, (EDGE,)), (140, (100, 200))):
        expected, _ = search(plate, [frame], keys=keys, cache=tmp_path / "whole")
        part, read = search(plate, [frame], keys=keys, cache=tmp_path / f"part{frame}")
        assert part == expected
        assert read == sorted(set(read))
    assert len(read) < len(list(plate.parent.glob("*.png")))  # the last one needs no frame from the plate's end
    with_another_key = search(plate, [140], keys=(100, 150, 200), cache=tmp_path / "part140")
    assert with_another_key[1] == []


def test_the_search_ends_between_two_frames_if_the_run_is_cancelled(plate: Path, tmp_path: Path) -> None:
    def check() -> None:
        raise Cancelled

    for _ in range(2):  # a search that had kept what it found would check nothing the second time
        with pytest.raises(Cancelled):
            search(plate, [140], keys=(100, 200), cache=tmp_path, check=check)
