"""Protocols: the paper's positions, the lists that come with the package, and a user's own files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stcolor_core.errors import BadRequest
from stcolor_core.evaluation.protocol import PROTOCOLS, find_protocol, protocol_names, read_protocol


def test_the_papers_reference_positions() -> None:
    assert PROTOCOLS["tenth"].reference_indices(30) == (9,)
    assert PROTOCOLS["last"].reference_indices(30) == (29,)
    assert PROTOCOLS["tenth+last-tenth"].reference_indices(50) == (9, 40)
    assert PROTOCOLS["first+last"].frames is None


@pytest.mark.parametrize(("name", "count"), [("colormnet-davis", 30), ("colormnet-videvo", 20)])
def test_colormnets_lists_use_the_first_frame_of_whole_clips(name: str, count: int) -> None:
    protocol = find_protocol(name)
    assert len(set(protocol.sequences)) == count
    assert protocol.reference_indices(80) == (0,)
    assert protocol.frames is None
    assert "ColorMNet" in protocol.source


def test_every_shipped_protocol_can_be_read_and_says_where_it_comes_from() -> None:
    assert {"msu", "msu-two-anchors", "colormnet-davis"} < set(protocol_names())
    for name in protocol_names():
        assert find_protocol(name).name == name
        assert find_protocol(name).source


def test_a_users_protocol_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "every-tenth.json"
    path.write_text(json.dumps({"references": [0, 10, -1], "sequences": ["bear"], "frames": 21}))
    protocol = find_protocol(str(path))
    assert protocol.name == "every-tenth"
    assert protocol.reference_indices(21) == (0, 10, 20)
    assert protocol.sequences == ("bear",)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("not json", "cannot be read"),
        ("[1]", "not a JSON object"),
        ('{"frames": 3}', "references"),
        ('{"references": []}', "no references"),
        ('{"references": [0.5]}', "references.0"),
        ('{"references": [0], "frames": 0}', "0 frames"),
        ('{"references": [0], "lines": 3}', "lines"),
        ('{"references": [0], "sequences": "bear"}', "sequences"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line_that_names_it(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "mine.json"
    path.write_text(text)
    with pytest.raises(BadRequest, match=named) as refusal:
        read_protocol(path)
    assert "mine.json" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="colormnet-davis"):
        find_protocol("eleventh")
    with pytest.raises(BadRequest, match=r"gone\.json"):
        find_protocol(str(tmp_path / "gone.json"))
