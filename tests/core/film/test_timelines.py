"""The cuts of an edit are the same whichever of OpenTimelineIO's own adapters wrote it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from films import write_film

from stcolor_core.cli import main
from stcolor_core.errors import BadRequest, StcolorError
from stcolor_core.film.plan_files import load_plan
from stcolor_core.film.timelines import read_transitions
from stcolor_core.shots.transitions import format_transitions

otio: Any = pytest.importorskip("opentimelineio")

LENGTHS = (24, 30, 12, 40)


def timeline(*, dissolve: bool) -> object:
    """Return an edit of four clips, with a dissolve of 4 + 4 frames between the second and the third if asked for."""
    result = otio.schema.Timeline("film")
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    result.tracks.append(track)
    for number, length in enumerate(LENGTHS):
        full = otio.opentime.TimeRange(otio.opentime.RationalTime(0, 24), otio.opentime.RationalTime(200, 24))
        media = otio.schema.ExternalReference(target_url=f"file:///media/r{number}.mov", available_range=full)
        part = otio.opentime.TimeRange(otio.opentime.RationalTime(48, 24), otio.opentime.RationalTime(length, 24))
        if dissolve and number == 2:
            half = otio.opentime.RationalTime(4, 24)
            kind = otio.schema.TransitionTypes.SMPTE_Dissolve
            track.append(otio.schema.Transition(transition_type=kind, in_offset=half, out_offset=half))
        track.append(otio.schema.Clip(f"r{number}", media_reference=media, source_range=part))
    return result


@pytest.mark.parametrize("kind", ["otio", "edl", "xml"])
@pytest.mark.parametrize(("dissolve", "expected"), [(False, "1025,1055,1067"), (True, "1025,1051-1058,1067")])
def test_an_edit_is_read_back_with_the_same_cuts(kind: str, dissolve: bool, expected: str, tmp_path: Path) -> None:
    if kind == "edl":
        pytest.importorskip("otio_cmx3600_adapter")
    if kind == "xml":
        pytest.importorskip("otio_fcp_adapter")
    path = tmp_path / f"film.{kind}"
    otio.adapters.write_to_file(timeline(dissolve=dissolve), str(path))
    found = read_transitions(path, range(1001, 1001 + sum(LENGTHS)))
    assert format_transitions(found) == expected


def test_a_plate_of_another_length_and_a_broken_edit_are_told(tmp_path: Path) -> None:
    path = tmp_path / "film.otio"
    otio.adapters.write_to_file(timeline(dissolve=False), str(path))
    with pytest.raises(BadRequest, match="106 frames, the plate 100"):
        read_transitions(path, range(100))
    path.write_text("{")
    with pytest.raises(BadRequest, match=r"film\.otio"):
        read_transitions(path, range(106))
    with pytest.raises(BadRequest, match="cannot be read"):
        read_transitions(tmp_path / "none.otio", range(106))
    with (tmp_path / "huge.otio").open("wb") as file:
        file.truncate(100_000_001)
    with pytest.raises(BadRequest, match=r"^The edit .*huge\.otio is larger than 100 MB\. Check the path\.$"):
        read_transitions(tmp_path / "huge.otio", range(106))
    with pytest.raises((BadRequest, StcolorError), match=r"film\.aaf"):
        read_transitions(tmp_path / "film.aaf", range(106))


@pytest.mark.slow
def test_a_plan_takes_its_scenes_from_the_edit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    film = write_film(tmp_path)
    edit = otio.schema.Timeline("film")
    edit.tracks.append(otio.schema.Track("V1", kind=otio.schema.TrackKind.Video))
    for length in (6, 20):
        span = otio.opentime.TimeRange(otio.opentime.RationalTime(0, 24), otio.opentime.RationalTime(length, 24))
        edit.tracks[0].append(otio.schema.Clip(str(length), source_range=span))
    otio.adapters.write_to_file(edit, str(tmp_path / "film.otio"))
    arguments = ["film", "plan", str(tmp_path / "film.yaml"), "--plate", film.plan.plates["film"].path]
    assert main([*arguments, "--edit", str(tmp_path / "film.otio")]) == 0
    plan = load_plan(tmp_path / "film.yaml")
    assert [scene.frames for scene in plan.scenes.values()] == ["1-6", "7-26"]
    assert main([*arguments, "--force", "--rate", "25"]) == 2
    assert "--rate" in capsys.readouterr().err
