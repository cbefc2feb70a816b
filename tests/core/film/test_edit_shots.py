"""The shots of a film are the frames that the clips of an edit show, wherever their media are now."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from movie_clips import grey_planes, ramp, write_clip

from stcolor_core.cli import main
from stcolor_core.errors import BadRequest
from stcolor_core.farm.paths import map_path, parse_rule
from stcolor_core.film.edit_shots import read_edit_shots
from stcolor_core.film.media import MediaFinder, media_path
from stcolor_core.film.plan_files import load_plan
from stcolor_core.images.frame_files import write_frame

otio: Any = pytest.importorskip("opentimelineio")


def span(start: float, length: float) -> Any:
    return otio.opentime.TimeRange(otio.opentime.RationalTime(start, 24), otio.opentime.RationalTime(length, 24))


def edit(path: Path, *items: Any) -> Path:
    timeline = otio.schema.Timeline("film")
    timeline.tracks.append(otio.schema.Track("V1", kind=otio.schema.TrackKind.Video))
    timeline.tracks[0].extend(items)
    otio.adapters.write_to_file(timeline, str(path))
    return path


def sequence(folder: Path, start: float, length: float, **options: Any) -> Any:
    """Return a clip of the frames 1001-1040 of sh010, as tools that render sequences write it."""
    media = otio.schema.ImageSequenceReference(
        target_url_base=folder.as_uri(),
        name_prefix="sh010.",
        name_suffix=".exr",
        start_frame=1001,
        frame_zero_padding=4,
        rate=24,
        available_range=span(1001, 40),
    )
    return otio.schema.Clip("sh010", media_reference=media, source_range=span(start, length), **options)


def movie(url: str, start: float, length: float, *, available: tuple[int, int] | None = None) -> Any:
    full = None if available is None else span(*available)
    media = otio.schema.ExternalReference(target_url=url, available_range=full)
    return otio.schema.Clip("r1", media_reference=media, source_range=span(start, length))


def write_sequence(folder: Path, frames: range = range(1001, 1041)) -> Path:
    plane = np.full((8, 8), 0.2, np.float32)
    for frame in frames:
        write_frame(folder / f"sh010.{frame:04d}.exr", dict.fromkeys("RGB", (plane, "half")))
    return folder


def write_movie(path: Path, *, timecode: str | None = "01:00:00:00", count: int = 48) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = [grey_planes(ramp(16, 32, bits=10, number=number), bits=10, columns=2) for number in range(count)]
    return write_clip(path, frames, codec="prores_ks", layout="yuv422p10le", rate=Fraction(24), timecode=timecode)


def frames_of(path: Path, finder: MediaFinder | None = None) -> list[tuple[str | None, str, str | None]]:
    return [(shot.name, shot.plate, shot.frames) for shot in read_edit_shots(path, finder or MediaFinder())]


def test_clips_of_a_sequence_and_of_a_movie_give_the_frames_that_they_show(tmp_path: Path) -> None:
    folder, reel = write_sequence(tmp_path / "sh 010"), write_movie(tmp_path / "reel 1.mov")
    clips = (sequence(folder, 1011, 10), movie(reel.as_uri(), 86410, 12, available=(86400, 48)))
    assert frames_of(edit(tmp_path / "film.otio", *clips)) == [
        ("sh010", str(folder / "sh010.####.exr"), "1011-1020"),
        ("r1", str(reel), "86410-86421"),
    ]


def test_a_dissolve_belongs_to_both_of_its_shots(tmp_path: Path) -> None:
    folder, reel = write_sequence(tmp_path / "sh010"), write_movie(tmp_path / "reel.mov")
    half = otio.opentime.RationalTime(4, 24)
    kind = otio.schema.TransitionTypes.SMPTE_Dissolve
    mix = otio.schema.Transition(transition_type=kind, in_offset=half, out_offset=half)
    path = edit(tmp_path / "film.otio", sequence(folder, 1011, 10), mix, movie(reel.as_uri(), 86410, 12))
    assert [frames for _, _, frames in frames_of(path)] == ["1011-1024", "86406-86421"]


def test_an_edl_finds_its_movies_by_name_and_its_frames_by_timecode(tmp_path: Path) -> None:
    pytest.importorskip("otio_cmx3600_adapter")
    reel, other = write_movie(tmp_path / "media" / "a" / "R1.mov"), write_movie(tmp_path / "media" / "r2.mov")
    clips = (movie("file:///Volumes/edit/R1.mov", 86410, 12), otio.schema.Clip("r2", source_range=span(86400, 6)))
    path = edit(tmp_path / "film.edl", *clips)
    found = frames_of(path, MediaFinder([tmp_path / "media"]))
    assert [(plate, frames) for _, plate, frames in found] == [(str(reel), "86410-86421"), (str(other), "86400-86405")]


def test_an_edl_with_a_dissolve_gives_each_side_its_own_media(tmp_path: Path) -> None:
    pytest.importorskip("otio_cmx3600_adapter")
    for name in ("a", "b"):
        write_movie(tmp_path / f"{name}.mov")
    half = otio.opentime.RationalTime(4, 24)
    kind = otio.schema.TransitionTypes.SMPTE_Dissolve
    mix = otio.schema.Transition(transition_type=kind, in_offset=half, out_offset=half)
    clips = [movie((tmp_path / f"{name}.mov").as_uri(), 86410, 12) for name in ("a", "b")]
    found = frames_of(edit(tmp_path / "film.edl", clips[0], mix, clips[1]))
    assert [Path(plate).name for _, plate, _ in found] == ["a.mov", "b.mov"]


def test_final_cut_xml_names_its_movies(tmp_path: Path) -> None:
    pytest.importorskip("otio_fcp_adapter")
    reel = write_movie(tmp_path / "reel.mov")
    path = edit(tmp_path / "film.xml", movie(reel.as_uri(), 86410, 12, available=(86400, 48)))
    assert frames_of(path) == [("r1", str(reel), "86410-86421")]


def test_a_movie_without_timecode_is_counted_from_its_first_frame(tmp_path: Path) -> None:
    reel = write_movie(tmp_path / "reel.mov", timecode=None)
    path = edit(tmp_path / "film.otio", movie(reel.as_uri(), 10, 12, available=(0, 48)))
    assert frames_of(path) == [("r1", str(reel), "11-22")]


def test_media_under_another_folder_are_found_by_a_rule(tmp_path: Path) -> None:
    folder = write_sequence(tmp_path / "here" / "sh010")
    path = edit(tmp_path / "film.otio", sequence(Path("/Volumes/edit/sh010"), 1001, 40))
    with pytest.raises(BadRequest, match=r"sh010.*--media"):
        frames_of(path)
    rules = [parse_rule(f"/Volumes/edit={tmp_path / 'here'}")]
    finder = MediaFinder(change=lambda text: map_path(text, rules))
    assert frames_of(path, finder) == [("sh010", str(folder / "sh010.####.exr"), "1001-1040")]


@pytest.mark.skipif(os.name == "nt", reason="a link needs a right there")
def test_media_are_found_by_name_if_the_edits_own_path_leads_into_a_folder_that_cannot_be_listed(
    tmp_path: Path,
) -> None:
    media = write_sequence(tmp_path / "media", range(1001, 1003))
    loop = tmp_path / "loop"
    loop.symlink_to(loop)  # as a drive without a medium is on Windows
    found = MediaFinder([media]).find(str(loop / "sh010.####.exr"), beside=tmp_path)
    assert found == str(media / "sh010.####.exr")


def test_two_files_of_one_name_are_not_guessed_between(tmp_path: Path) -> None:
    write_sequence(tmp_path / "media" / "a", range(1001, 1003))
    write_sequence(tmp_path / "media" / "b", range(1001, 1003))
    path = edit(tmp_path / "film.otio", otio.schema.Clip("SH010", source_range=span(1001, 2)))
    with pytest.raises(BadRequest, match=r"a.sh010.*b.sh010.*--media"):
        frames_of(path, MediaFinder([tmp_path / "media"]))
    with pytest.raises(BadRequest, match="does not exist"):
        MediaFinder([tmp_path / "none"])


def test_frames_that_the_plate_lacks_are_named(tmp_path: Path) -> None:
    folder = write_sequence(tmp_path / "sh010")
    path = edit(tmp_path / "film.otio", sequence(folder, 1030, 20))
    with pytest.raises(BadRequest, match=r"'sh010' shows the frames 1030-1049 .*1001-1040"):
        frames_of(path)


def test_retimed_and_generated_clips_are_told_and_disabled_ones_left_out(tmp_path: Path) -> None:
    folder = write_sequence(tmp_path / "sh010")
    fast = sequence(folder, 1001, 10, effects=[otio.schema.LinearTimeWarp(time_scalar=2.0)])
    black = otio.schema.Clip("black", media_reference=otio.schema.GeneratorReference(), source_range=span(0, 5))
    off = sequence(folder, 1031, 5)
    off.enabled = False
    warnings: list[str] = []
    shots = read_edit_shots(edit(tmp_path / "film.otio", black, fast, off), MediaFinder(), warn=warnings.append)
    assert [shot.frames for shot in shots] == ["1001-1020"]
    assert "'black'" in warnings[0] and "2 times" in warnings[1]


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///media/reel%20a.mov", "/media/reel a.mov"),
        ("file://server/show/a.mov", "//server/show/a.mov"),
        ("file:///Z:/show/a.mov", "Z:/show/a.mov"),
        ("file:///s/sh010.[1001-1048].exr", "/s/sh010.####.exr"),
        ("/s/sh010.1001.dpx", "/s/sh010.####.dpx"),
        ("Z:\\show\\sh010.0001.exr", "Z:\\show\\sh010.####.exr"),
        ("media/a.mov", "media/a.mov"),
    ],
)
def test_a_url_is_a_movie_or_a_pattern(url: str, path: str) -> None:
    assert media_path(url) == path


@pytest.mark.slow
def test_a_plan_is_made_of_the_media_of_an_edit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_movie(tmp_path / "media" / "reel.mov")
    monkeypatch.chdir(tmp_path)
    edit(tmp_path / "film.otio", movie("/Volumes/reel.mov", 86400, 20), movie("/Volumes/reel.mov", 86430, 10))
    arguments = ["film", "plan", "film.yaml", "--shots", "film.otio", "--media", "/Volumes=media"]
    assert main(arguments) == 0, capsys.readouterr().err
    plan = load_plan(tmp_path / "film.yaml")
    assert {name: plate.path for name, plate in plan.plates.items()} == {"reel": str(Path("media/reel.mov"))}
    assert [scene.frames for scene in plan.scenes.values()] == ["86400-86419", "86430-86439"]
