"""A node's results on disk."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from refcolorize.errors import RefColorizeError
from refcolorize.node.frames_on_disk import stamp
from refcolorize.node.versions import PREVIEW, Results, with_output

ASKED: dict[str, Any] = {"plate": {"path": "/a.####.exr"}, "output": {"frames": "1001-1050"}}


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(tmp_path / "refcolorize" / "Sky", "Sky")


def claim(results: Results, asked: dict[str, Any] = ASKED, *, made_from: str = "0") -> Any:
    return results.claim(asked, first=1001, last=1050, made_from=made_from)


def write_frame(version: Any) -> None:
    Path(version.path.replace("####", "1001")).touch()


def test_a_new_node_has_no_versions(results: Results) -> None:
    assert results.versions() == []
    assert results.first_last("v001") is None
    assert not results.folder.exists()


def test_versions_and_preview_have_folders_of_their_own(results: Results) -> None:
    assert results.pattern("v001") == (results.folder / "v001" / "Sky_v001.####.exr").as_posix()
    assert results.pattern(PREVIEW) == (results.folder / "preview" / "Sky_preview.####.exr").as_posix()


def test_a_claim_writes_the_shot_that_stcolor_accepts(results: Results) -> None:
    from stcolor_core.shots.shot import Shot

    version = claim(results)
    shot = Shot.load(version.shot_file)
    assert shot.output.path == version.path
    assert (shot.output.frames, shot.output.reuse) == ("1001-1050", None)
    assert sorted(path.name for path in version.shot_file.parent.iterdir()) == ["made_from.json", "shot.json"]


def test_an_identical_shot_continues_its_version(results: Results) -> None:
    assert [claim(results).name for _ in range(3)] == ["v001"] * 3


@pytest.mark.parametrize(
    ("asked", "made_from"),
    [
        pytest.param({**ASKED, "references": []}, "0", id="another setting"),
        pytest.param({**ASKED, "output": {"frames": "1001-1060"}}, "0", id="other frames"),
        pytest.param(ASKED, "1", id="a file that was painted over"),
    ],
)
def test_any_change_makes_a_new_version_that_may_reuse_frames(
    results: Results, asked: dict[str, Any], made_from: str
) -> None:
    first = claim(results)
    write_frame(first)
    second = claim(results, asked, made_from=made_from)
    assert second.name == "v002"
    assert second.shot()["output"]["reuse"] == first.path
    assert claim(results, asked, made_from=made_from) == second
    assert claim(results) == results.versions()[0], "back to the first settings"
    assert len(results.versions()) == 2


def test_frames_are_reused_of_the_newest_version_with_the_same_plate_and_method(results: Results) -> None:
    for height in (432, 80):
        write_frame(claim(results, {**ASKED, "method": {"working_height": height}}))
    third = claim(results, {**ASKED, "method": {"working_height": 432}, "references": [{"path": "/b.####.exr"}]})
    assert (third.name, third.shot()["output"]["reuse"]) == ("v003", results.pattern("v001"))
    fourth = claim(results, {**ASKED, "method": {"working_height": 100}})
    assert fourth.shot()["output"]["reuse"] == results.pattern("v002"), "no other is nearer than the newest"


def test_a_version_that_failed_before_its_first_frame_is_not_reused(results: Results) -> None:
    claim(results)
    second = claim(results, made_from="1")
    assert second.shot()["output"].get("reuse") is None
    write_frame(second)
    claim(results, made_from="2")
    fourth = claim(results, made_from="3")
    assert (fourth.name, fourth.shot()["output"]["reuse"]) == ("v004", second.path)


def test_version_numbers_continue_after_gaps_beyond_999_and_after_those_of_others(results: Results) -> None:
    for name in ("v002", "v1007", "vfx", "v12", "v01x"):
        (results.folder / name).mkdir(parents=True)
    assert [version.name for version in results.versions()] == ["v002", "v1007"]
    assert claim(results).name == "v1008"


def test_a_folder_that_another_nuke_has_just_made_is_not_used(
    results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    (results.folder / "v001").mkdir(parents=True)
    monkeypatch.setattr(Results, "versions", lambda _: [])
    assert claim(results).name == "v002"


def test_frames_are_counted_and_their_range_is_the_requested_one(results: Results) -> None:
    version = claim(results)
    for name in ("Sky_v001.1001.exr", "Sky_v001.1002.exr", ".Sky_v001.1003.exr.partial", "other.1004.exr"):
        (Path(version.path).parent / name).touch()
    assert [version.frames for version in results.versions()] == [2]
    assert results.first_last("v001") == (1001, 1050)
    version.shot_file.with_name("made_from.json").write_text("{broken")
    assert results.first_last("v001") == (1001, 1002)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RefColorizeError, match=r"Choose another output folder\."):
        claim(Results(tmp_path / "file" / "Sky", "Sky"))


@pytest.mark.parametrize("data", [[1, 2], {"output": None}, {"output": [1]}])
def test_a_shot_edited_by_hand_is_a_different_shot(results: Results, data: Any) -> None:
    version = claim(results)
    version.shot_file.write_text(json.dumps(data))
    assert claim(results).name == "v002"


def test_the_stamp_changes_with_size_time_and_number_of_files(tmp_path: Path) -> None:
    pattern, single = (tmp_path / "a.####.exr").as_posix(), (tmp_path / "look.png").as_posix()

    def now() -> str:
        return stamp([pattern, single])

    seen = {now()}
    for change in (
        lambda: (tmp_path / "a.1001.exr").write_bytes(b"1"),
        lambda: (tmp_path / "a.1002.exr").write_bytes(b"1"),
        lambda: (tmp_path / "a.1002.exr").write_bytes(b"12"),
        lambda: os.utime(tmp_path / "a.1001.exr", ns=(0, 0)),
        lambda: (tmp_path / "look.png").touch(),
        lambda: (tmp_path / "a.1001.exr").unlink(),
    ):
        change()
        seen.add(now())
    assert len(seen) == 7
    (tmp_path / "b.1001.exr").touch()
    assert now() in seen


def test_a_shot_with_another_output_leaves_the_requested_shot_unchanged() -> None:
    asked = {"output": {"frames": "1"}}
    assert with_output(asked, "/o.####.exr", reuse="/p.####.exr")["output"] == {
        "frames": "1",
        "path": "/o.####.exr",
        "reuse": "/p.####.exr",
    }
    assert asked == {"output": {"frames": "1"}}


@pytest.mark.parametrize("age_days", [2, 0])
def test_an_empty_folder_that_an_earlier_plug_in_left_goes_with_the_next_version_unless_it_is_young(
    results: Results, age_days: int
) -> None:
    empty, waiting = results.folder / "v001", results.folder / "v002"
    empty.mkdir(parents=True)
    waiting.mkdir()
    (waiting / "shot.json").write_text("{}")  # a farm's, or of a run whose job can be resumed
    when = time.time() - age_days * 24 * 3600 - 60
    for folder in (empty, waiting):
        os.utime(folder, (when, when))
    assert claim(results).name == "v003"
    assert empty.is_dir() == (age_days == 0)
    assert waiting.is_dir()
