"""One version on disk, and what is kept in files beside its frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from refcolorize.errors import RefColorizeError
from refcolorize.node.version import Version, write_comment, write_confidence
from refcolorize.node.versions import Results

ASKED: dict[str, Any] = {"plate": {"path": "/a.####.exr"}, "output": {"frames": "1001-1050"}}


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(tmp_path / "refcolorize" / "Sky", "Sky")


def claim(results: Results, asked: dict[str, Any] = ASKED) -> Version:
    return results.claim(asked, first=1001, last=1050, made_from="0")


def test_a_comment_and_the_confidence_are_kept_beside_the_frames(results: Results) -> None:
    version = claim(results)
    assert (version.comment(), version.confidence()) == ("", {})
    write_comment(version.path, " more red in the coat ")
    write_confidence(version.path, {1001: 0.91239, 1002: 0.5})
    assert version.comment() == "more red in the coat"
    assert version.confidence() == {1001: 0.9124, 1002: 0.5}
    assert claim(results) == version, "no other shot"


def test_unreadable_records_are_ignored(results: Results) -> None:
    version = claim(results)
    version.shot_file.with_name("about.json").write_text('{"confidence": [1], "comment": 3}')
    assert (version.comment(), version.confidence()) == ("3", {})


def test_the_keyframes_are_those_of_its_references(results: Results, tmp_path: Path) -> None:
    for name in ("ref.1001.exr", "ref.1044.exr", "other.1002.exr"):
        (tmp_path / name).touch()
    references = [{"path": (tmp_path / "ref.####.exr").as_posix()}]
    assert claim(results, {**ASKED, "references": references}).keyframes() == (1001, 1044)


def test_a_comment_that_cannot_be_written_names_the_file(results: Results) -> None:
    with pytest.raises(RefColorizeError, match=r"about\.json cannot be written"):
        write_comment(results.pattern("v001"), "no such folder")


@pytest.mark.parametrize(
    "shot", ['{"references": null}', '{"references": [3]}', '{"swatches": [{"frame": null}]}', '{"swatches": 1}']
)
def test_a_shot_that_was_damaged_by_hand_has_no_keyframes(results: Results, shot: str) -> None:
    version = claim(results)
    version.shot_file.write_text(shot)
    assert version.keyframes() == ()
