"""File patterns against the file names that printf and Nuke write."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stcolor_core.errors import BadRequest, PlateError
from stcolor_core.images.sequences import FramePattern


@pytest.mark.parametrize(
    ("text", "frame", "name"),
    [
        pytest.param("sh.####.exr", 7, "sh.0007.exr", id="hashes"),
        pytest.param("sh.%04d.exr", 7, "sh.0007.exr", id="printf"),
        pytest.param("sh.%d.exr", 7, "sh.7.exr", id="printf, unpadded"),
        pytest.param("sh.#.exr", 1234, "sh.1234.exr", id="one hash"),
        pytest.param("sh.####.exr", 123456, "sh.123456.exr", id="more digits than hashes"),
        pytest.param("sh.####.exr", -1, "sh.-001.exr", id="negative, as printf pads it"),
        pytest.param("still.png", 7, "still.png", id="single picture"),
        pytest.param("####", 7, "0007", id="nothing but the field"),
        pytest.param("100%_final.####.exr", 7, "100%_final.0007.exr", id="a percent sign that is not a field"),
    ],
)
def test_a_frame_has_the_file_name_that_printf_gives(text: str, frame: int, name: str) -> None:
    pattern = FramePattern.parse(f"plates/{text}")
    assert pattern.path(frame) == Path("plates") / name
    assert str(pattern) == f"plates/{text}"
    assert pattern.is_sequence == (text != "still.png")


def test_frames_on_disk_are_listed_in_order_and_nothing_else_is(tmp_path: Path) -> None:
    for name in ("1001", "0999", "10000", "-001", "-0001", "01001", "101", "1001x", "", "\uff11\uff10\uff10\uff12"):
        (tmp_path / f"sh.{name}.exr").touch()
    for other in ("sh.1001.tif", ".sh.1001.exr.partial", "xsh.1001.exr", "shX1003.exr"):
        (tmp_path / other).touch()
    (tmp_path / "sh.1005.exr").mkdir()
    assert FramePattern.parse(str(tmp_path / "sh.####.exr")).frames() == [-1, 999, 1001, 10000]
    assert FramePattern.parse(str(tmp_path / "sh.%04d.exr")).frames() == [-1, 999, 1001, 10000]
    assert FramePattern.parse(str(tmp_path / "sh.#.exr")).frames() == [101, 1001, 10000]


@pytest.mark.parametrize(
    ("name", "field"),
    [
        pytest.param("sh####.exr", "####", id="hashes without a separator"),
        pytest.param("sh#.exr", "#", id="Nuke's image#.rgb"),
        pytest.param("sh.####.left.exr", "####", id="a view behind the number"),
        pytest.param("sh####_left.exr", "####", id="a view behind hashes without a separator"),
        pytest.param("sh.#.left.exr", "#", id="one hash between two separators"),
        pytest.param("sh.%d-left.exr", "%d", id="printf between two separators"),
        pytest.param("take#2.####.exr", "####", id="a literal hash, and one for the frame"),
        pytest.param("100%done.####.exr", "####", id="a text that printf would read as a number"),
        pytest.param("take#2.exr", None, id="a hash in front of a digit"),
        pytest.param("take#_2.exr", None, id="a hash behind a letter"),
        pytest.param("#1_hero.exr", None, id="a hash at the start"),
        pytest.param("a##b.exr", None, id="hashes within a word"),
        pytest.param("100%done.exr", None, id="a percent sign within a word"),
    ],
)
def test_a_hash_is_the_frame_number_in_its_place_and_a_plain_hash_elsewhere(name: str, field: str | None) -> None:
    pattern = FramePattern.parse(f"sh#1/a##b/c.%04d/{name}")
    assert pattern.is_sequence == (field is not None)
    digits = {"####": 4, "#": 1, "%d": 1, None: 0}[field]
    expected = name if field is None else name.replace(field, f"{7:0{digits}d}")
    assert pattern.path(7) == Path("sh#1/a##b/c.%04d") / expected


def test_numbers_beyond_the_range_of_nuke_are_not_frames(tmp_path: Path) -> None:
    for number in ("1001", "2147483647", "2147483648", "20240115123456"):
        (tmp_path / f"sh.{number}.exr").touch()
    assert FramePattern.parse(str(tmp_path / "sh.####.exr")).frames() == [1001, 2147483647]


@pytest.mark.parametrize(
    "name", ["a+b (1) [x] {2}^$.####.exr", "Straße über 東京.####.exr", "job #12", "dash-####.exr"]
)
def test_names_with_spaces_unicode_and_metacharacters_are_taken_literally(tmp_path: Path, name: str) -> None:
    pattern = FramePattern.parse(str(tmp_path / "job #12" / name.replace("job #12", "x.####.exr")))
    pattern.folder.mkdir()
    for frame in (3, 12):
        pattern.path(frame).touch()
    assert pattern.frames() == [3, 12]


@given(st.lists(st.integers(-99999, 999999), unique=True, max_size=8), st.integers(1, 6))
def test_files_written_by_frame_path_are_found_by_frame_listing(
    tmp_path_factory: pytest.TempPathFactory, frames: list[int], digits: int
) -> None:
    pattern = FramePattern.parse(str(tmp_path_factory.mktemp("s") / f"sh_{'#' * digits}.exr"))
    for frame in frames:
        assert re.fullmatch(rf"sh_(?=.{{{digits},}}\.exr)-?\d+\.exr", pattern.path(frame).name)
        pattern.path(frame).touch()
    assert pattern.frames() == sorted(frames)


def test_a_single_picture_is_frame_one_if_it_exists(tmp_path: Path) -> None:
    pattern = FramePattern.parse(str(tmp_path / "still.1010.png"))
    assert pattern.frames() == []
    pattern.path(1).touch()
    assert pattern.frames() == [1]


def test_a_missing_folder_has_no_frames(tmp_path: Path) -> None:
    assert FramePattern.parse(str(tmp_path / "none" / "sh.####.exr")).frames() == []


def test_a_folder_that_cannot_be_listed_is_an_error_with_its_pattern(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.scandir", refuse)  # a test may run as root, who may list every folder
    with pytest.raises(PlateError, match=r"sh\.####\.exr cannot be listed \(Permission denied\)"):
        FramePattern.parse(str(tmp_path / "sh.####.exr")).frames()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "names no file", id="empty"),
        pytest.param("  ", "names no file", id="blank"),
        pytest.param("plates/", "names no file", id="folder"),
        pytest.param("plates/..", "names no file", id="parent folder"),
        pytest.param("a\0b.####.exr", "names no file", id="null character"),
        pytest.param("sh.####.####.exr", "more than one frame field", id="two runs"),
        pytest.param("sh.####.%04d.exr", "more than one frame field", id="both kinds"),
        pytest.param("sh.%4d.exr", "pads frame numbers with blanks", id="blank padded"),
        pytest.param(f"sh.%0{'9' * 40}d.exr", "digits", id="wider than any file name"),
        pytest.param(f"sh.%0{'9' * 5000}d.exr", "digits", id="a width too long to read"),
    ],
)
def test_an_invalid_pattern_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(BadRequest, match=message) as refused:
        FramePattern.parse(text)
    assert "\n" not in str(refused.value)


def test_a_folder_is_refused_and_its_sequences_are_named(tmp_path: Path) -> None:
    for name in ("sh.0001.exr", "sh.0002.exr", "other_07.dpx", "notes.txt", "take2.mov"):
        (tmp_path / name).touch()
    for text in (str(tmp_path), f"{tmp_path}/"):
        with pytest.raises(BadRequest, match=r"is a folder.*sh\.####\.exr' or '.*other_##\.dpx'") as refused:
            FramePattern.parse(text)
        assert "notes" not in str(refused.value)


def test_a_folder_without_numbered_pictures_is_refused_with_an_example(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(BadRequest, match=r"folder without numbered pictures.*sh010\.####\.exr"):
        FramePattern.parse(str(tmp_path))
