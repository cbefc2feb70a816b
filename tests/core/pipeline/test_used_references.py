"""A reference as a run uses it: where the plate is, and only where it is used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from scenes import Scene, crossing, texture

from stcolor_core.errors import BadRequest
from stcolor_core.images import plates
from stcolor_core.images.color import lab_to_linear, luminance_of
from stcolor_core.images.frame_files import write_frame
from stcolor_core.pipeline.run import Event, colorize
from stcolor_core.pipeline.used_references import read_used_reference
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Plate, Reference
from stcolor_core.shots.settings import Method
from stcolor_core.shots.shot import Shot

KEY = 4
MakeShot = Callable[..., Shot]


@pytest.fixture
def scene() -> Scene:
    return crossing(8)


@pytest.fixture
def make(tmp_path: Path, scene: Scene) -> MakeShot:
    """A shot of frames 1 to 8 whose only reference, of frame 4, is the picture given."""

    def make(lightness: np.ndarray, ab: np.ndarray, alpha: np.ndarray | None = None) -> Shot:
        for frame, plane in enumerate(scene.lightnesses, 1):
            write_frame(tmp_path / f"plate.{frame:04d}.exr", {"Y": (luminance_of(plane), "half")})
        rgb = lab_to_linear(np.dstack([lightness, ab]))
        if alpha is not None:
            rgb = np.dstack([rgb * alpha[..., None], alpha])
        channels = {
            name: (np.ascontiguousarray(rgb[..., i]), "half")
            for i, name in zip(range(rgb.shape[-1]), "RGBA", strict=False)
        }
        write_frame(tmp_path / "ref.exr", channels)
        return Shot(
            plate=Plate(path=str(tmp_path / "plate.####.exr")),
            output=Output(path=str(tmp_path / "out" / "o.####.exr")),
            references=(Reference(path=str(tmp_path / "ref.exr"), frame=KEY),),
            method=Method(working_height=112, cuts="none"),
        )

    return make


def error(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.linalg.norm(found - truth, axis=-1).mean())


def test_an_exact_keyframe_is_used_as_it_is(make: MakeShot, scene: Scene) -> None:
    used = read_used_reference(make(scene.lightnesses[3], scene.ab[3]), KEY)
    assert used is not None and used.frame == KEY
    assert error(used.ab, scene.ab[3]) < 0.3


def test_a_moved_keyframe_is_used_where_the_plate_is(make: MakeShot, scene: Scene) -> None:
    matrix = np.array([[1, 0, 4.0], [0, 1, 2.0]])
    moved = [cv2.warpAffine(p[3], matrix, p[3].shape[1::-1], borderMode=1) for p in (scene.lightnesses, scene.ab)]
    shot = make(*moved)
    used = read_used_reference(shot, KEY)
    assert used is not None and used.frame == KEY
    assert error(used.ab, scene.ab[3]) < 0.4 * error(moved[1], scene.ab[3])
    as_given = read_used_reference(replace(shot, method=replace(shot.method, register="off")), KEY)
    assert as_given is not None and error(as_given.ab, moved[1]) < 0.3


def test_it_is_what_the_run_writes_at_the_keyframe_and_the_run_names_the_frame(make: MakeShot, scene: Scene) -> None:
    matrix = np.array([[1, 0, 4.0], [0, 1, 2.0]])
    moved = [cv2.warpAffine(p[3], matrix, p[3].shape[1::-1], borderMode=1) for p in (scene.lightnesses, scene.ab)]
    shot = make(*moved)
    shot = replace(shot, output=replace(shot.output, frames=str(KEY)))
    events: list[Event] = []
    (result,) = colorize(shot, device="cpu", report=events.append)
    written = plates.read(result.path)
    ab = np.dstack([written.pixels[..., written.channels.index(f"rc_ab.{axis}")] for axis in "uv"])
    used = read_used_reference(shot, KEY)
    assert used is not None
    is_used = np.abs(used.ab).max(axis=-1) > 0  # at the border the run takes the colour of others
    assert is_used.mean() > 0.9
    np.testing.assert_allclose(ab[is_used], used.ab[is_used], atol=0.1)
    (told,) = [event for event in events if event.registered]
    assert (told.kind, told.frame) == ("warning", KEY) and "moved by" in told.message


def test_a_neighbours_keyframe_is_used_for_that_neighbour(make: MakeShot, scene: Scene) -> None:
    used = read_used_reference(make(scene.lightnesses[5], scene.ab[5]), KEY)
    assert used is not None and used.frame == 6
    assert error(used.ab, scene.ab[5]) < 0.3


def test_a_picture_of_another_shot_is_a_still(make: MakeShot, scene: Scene) -> None:
    height, width = scene.lightnesses[3].shape
    other = texture(height, width, seed=9, mean=50)
    assert read_used_reference(make(other, np.full((height, width, 2), 30, np.float32)), KEY) is None


def test_a_patch_is_used_where_it_covers(make: MakeShot, scene: Scene) -> None:
    alpha = np.zeros(scene.lightnesses[3].shape, np.float32)
    alpha[:, :40] = 1
    used = read_used_reference(make(scene.lightnesses[3], scene.ab[3], alpha), KEY)
    assert used is not None
    assert np.abs(used.ab[:, 42:]).max() == 0
    assert error(used.ab[:, :38], scene.ab[3][:, :38]) < 0.5


def test_a_frame_without_a_reference_is_refused(make: MakeShot, scene: Scene) -> None:
    with pytest.raises(BadRequest, match="Frame 2 has no reference"):
        read_used_reference(make(scene.lightnesses[3], scene.ab[3]), 2)
