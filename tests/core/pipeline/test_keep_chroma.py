"""--keep-chroma on a whole shot: a faded plate's own colour counts, and 0 leaves every pixel and reads none of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stcolor_core.images import plates
from stcolor_core.images.color import lab_to_linear, linear_to_lab
from stcolor_core.images.frame_files import write_frame
from stcolor_core.pipeline.run import colorize, plan_run
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Plate, Reference
from stcolor_core.shots.settings import Method
from stcolor_core.shots.shot import Shot

pytestmark = pytest.mark.slow

HEIGHT, WIDTH = 64, 96


def write(path: Path, lab: np.ndarray) -> None:
    rgb = lab_to_linear(lab.astype(np.float32))
    write_frame(path, {name: (np.ascontiguousarray(rgb[..., i]), "half") for i, name in enumerate("RGB")})


def true_lab(step: int) -> np.ndarray:
    """Return a frame in which a patch of another colour but the same grey appears after the keyframe."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    light = 50 + 20 * np.sin((x + step) / 7) * np.cos(y / 9)
    lab = np.dstack([light, 15 + 10 * np.sin(y / 11), 10 * np.cos(x / 13)])
    if step:
        lab[20:44, 30:60, 1:] = (-35, 30)
        lab[20:44, 30:60, 0] = 50 + 30 * np.sin(x[20:44, 30:60] * 1.7)
    return lab


@pytest.fixture
def plates_on_disk(tmp_path: Path) -> Path:
    for step in range(4):
        lab = true_lab(step)
        write(tmp_path / "grey" / f"p.{step + 1:04d}.exr", lab * (1, 0, 0))
        write(tmp_path / "faded" / f"p.{step + 1:04d}.exr", lab * (1, 0.3, 0.25) + (0, 2, 1))
    write(tmp_path / "key.exr", true_lab(0))
    return tmp_path


def shot(folder: Path, plate: str, name: str, weight: float) -> Shot:
    return Shot(
        plate=Plate(path=str(folder / plate / "p.####.exr")),
        references=(Reference(frame=1, path=str(folder / "key.exr")),),
        output=Output(path=str(folder / name / "o.####.exr")),
        method=Method(keep_chroma=weight, cuts="none", register="off"),
    )


def color(folder: Path, plate: str, name: str, weight: float) -> list[np.ndarray]:
    results = sorted(colorize(shot(folder, plate, name, weight), device="cpu"), key=lambda result: result.frame)
    return [plates.layer_pixels(plates.read_colored(result.path)) for result in results]


def test_a_faded_plate_gives_the_colour_of_what_no_keyframe_shows(plates_on_disk: Path) -> None:
    errors = []
    for weight in (0.0, 1.0):
        frames = color(plates_on_disk, "faded", f"w{weight}", weight)
        patch = linear_to_lab(frames[3])[24:40, 34:56, 1:]
        errors.append(float(np.linalg.norm(patch - (-35, 30), axis=-1).mean()))
    assert errors[1] < 0.7 * errors[0]


def test_a_grey_plate_is_coloured_as_without_the_setting(plates_on_disk: Path) -> None:
    for ours, theirs in zip(*(color(plates_on_disk, "grey", f"g{w}", w) for w in (0.0, 1.0)), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_keyframe_keeps_its_colour_and_the_digest_counts_the_weight(plates_on_disk: Path) -> None:
    with_it, without = (color(plates_on_disk, "faded", f"k{w}", w)[0] for w in (1.0, 0.0))
    np.testing.assert_array_equal(with_it, without)
    digests = [plan_run(shot(plates_on_disk, "faded", "d", weight)).digests[2] for weight in (0.0, 0.5)]
    assert digests[0] != digests[1]
