"""A shot goes into JSON and comes back unchanged; what makes no sense is refused in one line."""

from __future__ import annotations

import json

import pytest

from stcolor_core.errors import BadRequest
from stcolor_core.shot import Matte, Method, Output, Plate, Reference, Shot, Still, format_frames, parse_frames


def a_shot() -> Shot:
    return Shot(
        plate=Plate(path="p.####.exr", frames="1-10", exposure=1.5, missing="hold", layer="left.main"),
        output=Output(path="o.####.exr", max_span=100, reuse="u.####.exr", link=True),
        references=(Reference(path="a.exr", frame=3), Reference(path="r.####.exr")),
        stills=(Still(path="look.png", colorspace="sRGB"),),
        mattes=(Matte(path="m.exr", frame=3),),
        method=Method(tracking="instance+dense", temperature=0.05, radius=9),
    )


def test_a_shot_comes_back_from_json_unchanged() -> None:
    assert Shot.from_json(a_shot().to_json()) == a_shot()


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        pytest.param("7", (7,), id="one frame"),
        pytest.param("1-4", (1, 2, 3, 4), id="a range"),
        pytest.param("1-9x4", (1, 5, 9), id="with a step"),
        pytest.param("5, 1-2 5", (1, 2, 5), id="several, sorted, each once"),
        pytest.param("-3--1", (-3, -2, -1), id="negative frames"),
    ],
)
def test_frame_ranges_are_nukes(text: str, frames: tuple[int, ...]) -> None:
    assert parse_frames(text) == frames
    assert parse_frames(format_frames(frames)) == frames


@pytest.mark.parametrize("text", ["", "a", "1-", "9-1", "1-5x0", "1:5", "1.5", "1-99999999999"])
def test_what_is_no_frame_range_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="range"):
        parse_frames(text)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        pytest.param({"speed": 9}, "speed", id="unknown setting"),
        pytest.param({"method": {"tracking": "magic"}}, "tracking", id="unknown tracking"),
        pytest.param({"method": {"working_height": "tall"}}, "working_height", id="a word for a number"),
        pytest.param({"method": {"exact": 1}}, "exact", id="a number for a switch"),
        pytest.param({"method": {"working_height": True}}, "working_height", id="a switch for a number"),
        pytest.param({"method": {"temperature": 0}}, "temperature", id="no temperature"),
        pytest.param({"plate": {"frames": "1-2"}}, "path", id="a plate without a path"),
        pytest.param({"output": {"path": "o.####.png"}}, "EXR", id="output that is no EXR"),
        pytest.param({"output": {"path": "o.####.exr", "max_span": 0}}, "at least 1 frame", id="a span of no frame"),
        pytest.param(
            {"references": [{"path": "a", "frame": 3}] * 2}, "two references", id="a frame with two references"
        ),
        pytest.param({"references": {"path": "a"}}, "list", id="an object for a list"),
        pytest.param({"plate": None}, "plate", id="nothing for a plate"),
    ],
)
def test_a_shot_that_makes_no_sense_is_refused_by_name(change: dict[str, object], named: str) -> None:
    data = json.loads(a_shot().to_json()) | change
    with pytest.raises(BadRequest, match=named) as caught:
        Shot.from_json(json.dumps(data))
    assert "\n" not in str(caught.value)


def test_text_that_is_not_json_is_refused() -> None:
    with pytest.raises(BadRequest, match="JSON"):
        Shot.from_json("{")
