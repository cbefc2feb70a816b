"""One more keyframe for a job: where its picture lies, and which version it makes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from stcolor_core.errors import BadRequest
from stcolor_core.service.keys import add_key, find_new_keys, next_version
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Plate, Reference, Still
from stcolor_core.shots.shot import Shot


@pytest.fixture
def shot(tmp_path: Path) -> Shot:
    return Shot(
        plate=Plate(path=str(tmp_path / "plate.####.exr")),
        output=Output(path=str(tmp_path / "RefColorize1_v001" / "RefColorize1_v001.####.exr")),
        references=(Reference(path=str(tmp_path / "ref.1001.png"), frame=1001, colorspace="sRGB - Texture"),),
    )


def test_pictures_beside_the_references_are_offered_if_they_are_frames_of_the_plate(shot: Shot, tmp_path: Path) -> None:
    for number in (1001, 1005, 1020):
        (tmp_path / f"ref.{number}.png").write_bytes(b"")
    (tmp_path / "other.1004.png").write_bytes(b"")
    assert find_new_keys(shot, range(1001, 1011), [1001]) == {1005: tmp_path / "ref.1005.png"}


def test_a_key_makes_the_next_version_which_reuses_the_last(shot: Shot, tmp_path: Path) -> None:
    (tmp_path / "ref.1005.png").write_bytes(b"")
    new = add_key(shot, 1005)
    assert new.references[1] == Reference(path=str(tmp_path / "ref.1005.png"), frame=1005, colorspace="sRGB - Texture")
    assert new.output.path == str(tmp_path / "RefColorize1_v002" / "RefColorize1_v002.####.exr")
    assert new.output.reuse == shot.output.path
    sequence = replace(shot, references=(Reference(path=str(tmp_path / "ref.####.png")),))
    assert add_key(sequence, 1005).references == sequence.references


def test_a_key_without_a_picture_is_refused_with_the_path_to_save_it_to(shot: Shot, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match=r"frame 1007 .*Save it as .*ref\.1007\.png"):
        add_key(shot, 1007)
    with pytest.raises(BadRequest, match="no reference"):
        add_key(replace(shot, references=(), stills=(Still(path=str(tmp_path / "look.png")),)), 1007)


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("out/sh010_v001.####.exr", "out/sh010_v002.####.exr"),
        ("v2/out/v009/sh010_v009.%04d.exr", "v2/out/v010/sh010_v010.%04d.exr"),
        ("out/sh010.####.exr", "out/sh010_v002.####.exr"),
        ("v5/plates/sh010.####.exr", "v5/plates/sh010_v002.####.exr"),
        ("out/v3/sh010.####.exr", "out/v4/sh010.####.exr"),
        ("out/dev2.####.exr", "out/dev2_v002.####.exr"),
    ],
)
def test_the_next_version_counts_on(tmp_path: Path, path: str, wanted: str) -> None:
    assert next_version(str(tmp_path / path)) == str(tmp_path / wanted)
    there = tmp_path / wanted.replace("####", "1001").replace("%04d", "1001")
    there.parent.mkdir(parents=True)
    there.write_bytes(b"")
    assert next_version(str(tmp_path / path)) not in (str(tmp_path / path), str(tmp_path / wanted))
