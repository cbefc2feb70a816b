"""A shot converts to JSON and back unchanged; an invalid one is refused in one line."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stcolor_core.errors import BadRequest
from stcolor_core.images.frame_ranges import describe_frames, format_frames, parse_frames
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Matte, Plate, Reference, Still
from stcolor_core.shots.settings import Method
from stcolor_core.shots.shot import Shot, list_paths, map_paths


def a_shot() -> Shot:
    return Shot(
        plate=Plate(path="p.####.exr", frames="1-10", exposure=1.5, missing="hold", layer="left.main"),
        output=Output(path="o.####.exr", max_span=100, reuse="u.####.exr", link=True),
        references=(Reference(path="a.exr", frame=3), Reference(path="r.####.exr")),
        stills=(Still(path="look.png", colorspace="sRGB"),),
        mattes=(Matte(path="m.exr", frame=3),),
        method=Method(tracking="instance+dense", temperature=0.05, radius=9),
    )


def test_a_shot_survives_a_json_round_trip_unchanged() -> None:
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
def test_frame_ranges_are_read_as_nuke_reads_them(text: str, frames: tuple[int, ...]) -> None:
    assert parse_frames(text) == frames
    assert parse_frames(format_frames(frames)) == frames


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "1-",
        "9-1",
        "1-5x0",
        "1:5",
        "1.5",
        "1-99999999999",
        "9" * 5000,
        "1-3000000000x1000000",
        "\u00b2",
        "\u0661",
    ],
)
def test_a_text_that_is_not_a_frame_range_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="range"):
        parse_frames(text)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        pytest.param({"speed": 9}, "speed", id="unknown setting"),
        pytest.param({"method": {"tracking": "magic"}}, "tracking", id="unknown tracking"),
        pytest.param({"method": {"light": "bright"}}, "light", id="unknown light"),
        pytest.param({"method": {"working_height": "tall"}}, "working_height", id="a word for a number"),
        pytest.param({"method": {"exact": 1}}, "exact", id="a number for a switch"),
        pytest.param({"method": {"working_height": True}}, "working_height", id="a switch for a number"),
        pytest.param({"method": {"temperature": 0}}, "temperature", id="no temperature"),
        pytest.param({"plate": {"frames": "1-2"}}, "path", id="a plate without a path"),
        pytest.param({"output": {"path": "o.####.png"}}, "EXR", id="output that is not an EXR"),
        pytest.param({"output": {"path": "o.####.exr", "max_span": 0}}, "at least 1 frame", id="a span of no frame"),
        pytest.param(
            {"references": [{"path": "a", "frame": 3, "alpha": "on"}]},
            "alpha",
            id="an unknown rule for alpha",
        ),
        pytest.param({"references": {"path": "a"}}, "references", id="an object for a list"),
        pytest.param({"plate": None}, "plate", id="nothing for a plate"),
        pytest.param({"plate": {"path": "a", "exposure": 10**400}}, "exposure", id="a number too large for a float"),
        pytest.param({"method": {"temperature": float("inf")}}, "temperature", id="an infinite temperature"),
    ],
)
def test_a_shot_with_invalid_settings_is_refused_and_the_setting_is_named(
    change: dict[str, object], named: str
) -> None:
    data = json.loads(a_shot().to_json()) | change
    with pytest.raises(BadRequest, match=named) as caught:
        Shot.from_json(json.dumps(data))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "place", "known"),
    [
        ({"fog": 1}, "shot.fog", "plate, output, references"),
        ({"plate": {"path": "/a", "fog": 1}}, "shot.plate.fog", "path, frames, colorspace"),
        ({"references": [{"path": "/a", "fog": 1}]}, r"shot.references\[0\].fog", "path, frame, colorspace"),
    ],
)
def test_an_unknown_setting_is_refused_with_the_known_ones(change: dict[str, object], place: str, known: str) -> None:
    data = {"plate": {"path": "/a"}, "output": {"path": "/b.exr"}, **change}
    with pytest.raises(BadRequest, match=f"{place} is an unknown setting. Known are {known}"):
        Shot.from_json(json.dumps(data))


def test_text_that_is_not_json_is_refused() -> None:
    with pytest.raises(BadRequest, match="JSON"):
        Shot.from_json("{")
    with pytest.raises(BadRequest, match="JSON"):
        Shot.from_json("[" * 100_000)


def test_several_ranges_together_may_not_exceed_the_limit_of_one() -> None:
    with pytest.raises(BadRequest, match="more than 1000000 frames"):
        parse_frames(",".join(f"{first}-{first + 499_999}" for first in range(0, 10**9, 10**6)))


@given(st.sets(st.integers(-(2**31) + 1, 2**31 - 1)))
def test_a_message_names_a_few_frames_and_counts_the_others(frames: set[int]) -> None:
    named = describe_frames(frames)
    assert len(named) <= 120
    listed, _, more = named.partition(" and ")
    shown = parse_frames(listed) if listed else ()
    assert set(shown) <= frames
    assert len(shown) + int(more.removesuffix(" more") or 0) == len(frames)


# Every text of a shot that is not a path. A new field is either here, or `map_paths` must change it.
NO_PATHS = {
    "output.compression",
    *("plate.frames", "plate.colorspace", "plate.layer", "plate.missing", "output.frames"),
    *("references.colorspace", "references.alpha", "stills.colorspace"),
    *("method.model", "method.tracking", "method.detector", "method.cuts"),
    *("method.register", "method.unreferenced", "method.light", "method.optical_flow"),
}


def texts(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """The text fields of a dataclass and of all inside it, with their texts."""
    for field in dataclasses.fields(value):
        own, dotted = getattr(value, field.name), f"{name}.{field.name}".lstrip(".")
        if dataclasses.is_dataclass(own):
            yield from texts(own, dotted)
        elif isinstance(own, tuple):
            for each in own:
                yield from texts(each, dotted)
        elif "str" in str(field.type) or isinstance(own, str):
            yield dotted, own


def test_every_text_of_a_shot_is_a_path_that_is_mapped_or_is_listed_as_not_a_path() -> None:
    shot = Shot(
        plate=Plate(path="p", frames="1", colorspace="c", layer="l"),
        output=Output(path="o.exr", frames="1", reuse="u.exr"),
        references=(Reference(path="r", frame=3, colorspace="c", mask="k"),),
        stills=(Still(path="s", colorspace="c"),),
        mattes=(Matte(path="m"),),
        method=Method(tracking="dense", detector_weights="w", detector_config="c"),
        ocio="config.ocio",
    )
    before, after = dict(texts(shot)), dict(texts(map_paths(shot, lambda path: f"/x/{path}")))
    assert all(before.values()), "a field without a text proves nothing"
    changed = {name for name in before if after[name] != before[name]}
    assert changed == set(before) - NO_PATHS
    assert all(after[name] == f"/x/{before[name]}" for name in changed)
    assert list(list_paths(shot)) == [before[name] for name in before if name in changed]


def test_a_builtin_colour_config_is_not_a_path() -> None:
    shot = dataclasses.replace(a_shot(), ocio="ocio://default")
    assert "ocio://default" not in list(list_paths(shot))
    assert map_paths(shot, str.upper).ocio == "ocio://default"


@pytest.mark.parametrize("text", ["a\0b", "a\udcffb"], ids=["null character", "no UTF-8"])
@pytest.mark.parametrize("field", ["stills", "mattes", "ocio", "colorspace"])
def test_a_text_that_no_library_accepts_is_refused(text: str, field: str) -> None:
    data = json.loads(a_shot().to_json())
    if field == "colorspace":
        data["plate"][field] = text
    elif field == "ocio":
        data[field] = text
    else:
        data[field][0]["path"] = text
    with pytest.raises(BadRequest, match=r"null character|not JSON"):
        Shot.from_json(json.dumps(data))
