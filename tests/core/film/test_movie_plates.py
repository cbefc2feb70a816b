"""A movie is the plate of a film as a sequence is: its timecode numbers the frames of plan, results and report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from films import write_film
from movie_clips import grey_planes, write_clip

from stcolor_core.cli import main
from stcolor_core.film.plan_files import load_plan, save_plan
from stcolor_core.images import plates
from stcolor_core.images.frame_files import write_frame

FIRST = 86400


@pytest.fixture
def reel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[int, np.ndarray]:
    """The made film as reel.mov, 01:00:00:00 and on; returns the true colour of its frames by their numbers."""
    monkeypatch.chdir(tmp_path)
    film = write_film(tmp_path / "made")
    luma = [frame @ np.array([0.2126, 0.7152, 0.0722], np.float32) for frame in film.truth.values()]
    codes = [np.asarray(np.rint(64 + 876 * np.clip(each, 0, 1) ** 0.45), np.uint16) for each in luma]
    frames = [grey_planes(each, bits=10, columns=2) for each in codes]
    write_clip(
        tmp_path / "reel.mov",
        frames,
        codec="prores_ks",
        layout="yuv422p10le",
        tags=(1, 1, 1, 1),
        timecode="01:00:00:00",
    )
    return {FIRST + number: picture for number, picture in enumerate(film.truth.values())}


def paint(frame: int, rgb: np.ndarray, *, gain: float = 1) -> None:
    rgb = rgb * np.array([gain, 1, 1], np.float32)
    channels = {name: (np.ascontiguousarray(rgb[..., i], np.float32), "half") for i, name in enumerate("RGB")}
    write_frame(Path(f"keys/reel.{frame:04d}.exr"), channels)


@pytest.mark.slow
def test_a_movie_is_planned_coloured_and_reported_by_its_timecode(
    reel: dict[int, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["film", "plan", "film.yaml", "--plate", "reel.mov", "--storyboard", "b.html"]) == 0
    plan = load_plan(Path("film.yaml"))
    assert list(plan.plates) == ["reel"] and plan.plates["reel"].keys == "keys/reel.####.exr"
    assert plan.frames("s001") == tuple(range(FIRST, FIRST + 6))
    assert "reel:864" in Path("b.html").read_text()
    for frame in (FIRST + 2, FIRST + 8):
        paint(frame, reel[frame])
    assert main(["film", "color", "film.yaml", "--device", "cpu"]) == 0, capsys.readouterr().err
    metadata = plates.read_header(Path(f"out/s001.{FIRST + 1}.exr")).metadata
    assert metadata["FramesPerSecond"] == (24, 1) and "smpte:TimeCode" in metadata
    capsys.readouterr()
    assert main(["film", "report", "film.yaml"]) == 0
    assert "26 of 26 frames coloured, 0 to go" in capsys.readouterr().out
    paint(FIRST + 8, reel[FIRST + 8], gain=1.3)
    assert main(["film", "color", "film.yaml", "--device", "cpu"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "s001: 0 frames coloured" in lines[0] and "s002: 0" not in lines[1]


@pytest.mark.slow
def test_a_movie_may_be_numbered_from_another_first_frame(reel: dict[int, np.ndarray]) -> None:
    del reel
    arguments = ["film", "plan", "film.yaml", "--plate", "reel.mov", "--first-frame", "1001"]
    assert main(arguments) == 0
    plan = load_plan(Path("film.yaml"))
    assert plan.frames("s001") == tuple(range(1001, 1007))
    save_plan(plan, Path("again.yaml"))
    assert load_plan(Path("again.yaml")) == replace(plan, groups=load_plan(Path("again.yaml")).groups)


def test_a_first_frame_is_for_movies_and_keyframes_are_pictures(
    reel: dict[int, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    del reel
    text = "version: 1\noutput: out/{scene}.####.exr\nplates:\n  p: {path: p.####.exr, first_frame: 3}\n"
    Path("film.yaml").write_text(f"{text}scenes:\n  s1: {{plate: p, frames: 1-6, group: a}}\n")
    assert main(["film", "report", "film.yaml"]) == 2
    assert "film.yaml, line 4: Plate p: The first frame is for movies" in capsys.readouterr().err
    text = "version: 1\noutput: out/{scene}.####.exr\nplates:\n  p: {path: reel.mov, keys: painted.mov}\n"
    Path("film.yaml").write_text(f"{text}scenes:\n  s1: {{plate: p, frames: 86400-86405, group: a}}\n")
    assert main(["film", "report", "film.yaml"]) == 2
    assert "film.yaml, line 4: The keyframes painted.mov" in capsys.readouterr().err
