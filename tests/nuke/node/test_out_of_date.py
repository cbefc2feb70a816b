"""A version that no longer is the colour of what the node is connected to says what has changed, and only then."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from comp import Comp, make_comp

pytestmark = pytest.mark.usefixtures("state")


@pytest.fixture
def comp(nuke: Any, tmp_path: Path) -> Comp:
    return make_comp(nuke, tmp_path / "sh010")


def make_version(comp: Comp) -> str:
    """Write the node's shot as a version, as Colorize does before the core begins, and show it."""
    from refcolorize.node import node_results, shots

    request = shots.build(comp.node)
    version = shots.claim(comp.node, request)
    for frame in request.frames:
        Path(version.path.replace("####", str(frame))).touch()
    node_results.show(comp.node, version.name, request.frames)
    for path in Path(version.path).parent.iterdir():
        os.utime(path, (1_700_000_100, 1_700_000_100))
    return version.name


def age(comp: Comp) -> None:
    """Let the inputs be older than any version."""
    for path in comp.folder.glob("*.exr"):
        os.utime(path, (1_700_000_000, 1_700_000_000))


def told(comp: Comp) -> str:
    from refcolorize.node import out_of_date

    return out_of_date.describe(comp.node)


def repaint(comp: Comp, name: str) -> None:
    (comp.folder / name).touch()


def remove_key(comp: Comp, frame: int) -> None:
    from refcolorize.node import keyframes

    keyframes.remove_key(comp.node, frame)


def add_key(comp: Comp, frame: int) -> None:
    from refcolorize.node import keyframes

    keyframes.add_key(comp.node, frame)


def set_knob(name: str, value: object) -> Callable[[Comp], None]:
    return lambda comp: comp.node[name].setValue(value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(lambda comp: repaint(comp, "plate.1002.exr"), "plate 1002", id="plate"),
        pytest.param(lambda comp: repaint(comp, "ref.1004.exr"), "reference 1004", id="reference"),
        pytest.param(lambda comp: remove_key(comp, 1001), "keyframes (1001 removed)", id="key removed"),
        pytest.param(lambda comp: add_key(comp, 1006), "keyframes (1006 added)", id="key added"),
        pytest.param(set_knob("working_height", 80), "working height", id="working height"),
        pytest.param(set_knob("tracking", "none"), "tracking", id="tracking"),
        pytest.param(set_knob("exposure", 1.5), "exposure", id="exposure"),
        pytest.param(set_knob("keyframe_alpha", "ignore"), "keyframes' alpha", id="alpha"),
        pytest.param(
            lambda comp: comp.plate["last"].setValue(1008), "frame range (without colour: 1007-1008)", id="range"
        ),
    ],
)
def test_a_change_of_what_the_colour_is_made_from_is_named(
    comp: Comp, change: Callable[[Comp], None], words: str
) -> None:
    age(comp)
    make_version(comp)
    assert told(comp) == ""
    change(comp)
    assert told(comp) == (
        f"OUT OF DATE: since v001 was made, these have changed: {words}. Press Colorize, or choose another version."
    )


def test_several_changes_are_listed_and_making_a_version_of_them_ends_it(comp: Comp) -> None:
    age(comp)
    make_version(comp)
    repaint(comp, "ref.1001.exr")
    comp.node["model"].setValue("exemplar")
    assert "reference 1001, model" in told(comp)
    assert make_version(comp) == "v002"
    assert told(comp) == ""


@pytest.mark.parametrize(
    "look",
    [
        set_knob("saturation", 0.2),
        set_knob("mix", 0.5),
        set_knob("confidence_fade", 0.4),
        set_knob("output", "STMap"),
        set_knob("confidence_overlay", True),
        set_knob("frame_range", "1002-1003"),
        set_knob("few_layers", True),
        set_knob("use_result", False),
        lambda comp: comp.plate["on_error"].setValue("black"),
        lambda comp: comp.nuke.frame(1003),
        lambda comp: comp.nuke.scriptSaveAs((comp.folder / "comp_v002.nk").as_posix(), 1),
        lambda comp: (comp.folder / "plate.1007.exr").touch(),
    ],
)
def test_what_changes_only_how_it_is_looked_at_is_not_out_of_date(comp: Comp, look: Callable[[Comp], None]) -> None:
    age(comp)
    make_version(comp)
    look(comp)
    assert told(comp) == ""


def test_a_rendered_plate_is_compared_by_what_is_upstream(nuke: Any, comp: Comp) -> None:
    grade = nuke.nodes.Grade(inputs=[comp.plate], name="G")
    comp.node.setInput(0, grade)
    age(comp)
    make_version(comp)
    grade.setXYpos(100, 100)
    grade["label"].setValue("checked")
    assert told(comp) == ""
    repaint(comp, "plate.1003.exr")
    assert "changed: plate 1003." in told(comp)
    age(comp)
    grade["white"].setValue(2.0)
    assert "changed: plate 1001-1006." in told(comp)


def test_a_grade_between_plate_and_node_is_a_change(nuke: Any, comp: Comp) -> None:
    age(comp)
    make_version(comp)
    comp.node.setInput(0, nuke.nodes.Grade(inputs=[comp.plate]))
    assert "changed: plate" in told(comp)


@pytest.mark.parametrize("is_rendered", [False, True])
def test_the_colour_of_another_shot_is_named_loudly(nuke: Any, comp: Comp, tmp_path: Path, is_rendered: bool) -> None:
    from small_shot import write_shot

    if is_rendered:
        comp.node.setInput(0, nuke.nodes.Grade(inputs=[comp.plate]))
    make_version(comp)
    other = tmp_path / "sh020"
    write_shot(other, step=5)
    nuke.scriptSaveAs((other / "comp.nk").as_posix(), 1)
    assert told(comp) == "", "the Reads still are those of the first shot"
    comp.plate["file"].setValue((other / "plate.####.exr").as_posix())
    comp.ref["file"].setValue((other / "ref.####.exr").as_posix())
    assert told(comp).startswith("ANOTHER SHOT: v001 was made from ")
    assert "/sh010/" in told(comp) and told(comp).endswith("Press Colorize, or choose another version.")


def test_a_show_that_was_moved_is_the_same_shot(nuke: Any, comp: Comp, tmp_path: Path) -> None:
    age(comp)
    make_version(comp)
    nuke.scriptSave()
    moved = tmp_path / "archive" / "sh010"
    moved.parent.mkdir()
    shutil.move(comp.folder, moved)
    nuke.scriptOpen((moved / "comp.nk").as_posix())
    comp.node = nuke.toNode("RefColorize1")
    for name, file in (("Plate", "plate"), ("Painted", "ref")):
        nuke.toNode(name)["file"].setValue((moved / f"{file}.####.exr").as_posix())
    from refcolorize.node import node_results

    node_results.relink(comp.node)
    assert (moved / "refcolorize").as_posix() in node_results.shown_path(comp.node)
    assert told(comp) == ""
    (moved / "ref.1004.exr").touch()
    (moved / "plate.1002.exr").touch()
    assert "changed: reference 1004, plate 1002." in told(comp)


def test_a_copy_that_shows_its_originals_version_is_not_of_another_shot(nuke: Any, comp: Comp) -> None:
    age(comp)
    make_version(comp)
    from refcolorize.node import nodes

    copy = nodes.create()
    copy.setInput(0, comp.plate)
    copy.setInput(1, comp.ref)
    for name in ("version", "result_file"):
        if name == "version":
            copy[name].setValues(["none", "v001"])
        copy[name].setValue(comp.node[name].value())
    for frame in (1001, 1004):
        from refcolorize.node import keyframes

        keyframes.add_key(copy, frame)
    comp.node = copy
    assert "ANOTHER SHOT" not in told(comp)


def test_the_mark_follows_the_last_word_of_the_job_and_goes_when_it_is_no_longer_true(comp: Comp) -> None:
    from refcolorize.jobs import freshness
    from refcolorize.node import nodes

    age(comp)
    make_version(comp)
    nodes.set_status(comp.node, "v001 is done: 6 frames")
    comp.node["working_height"].setValue(80)
    comp.nuke.root().setModified(False)
    freshness.follow_at_once(comp.node)
    assert comp.status.startswith("v001 is done: 6 frames. OUT OF DATE: since v001 was made")
    assert not comp.nuke.root().modified()
    freshness.follow_at_once(comp.node)
    assert comp.status.count("OUT OF DATE") == 1
    comp.node["working_height"].setValue(432)
    freshness.follow_at_once(comp.node)
    assert comp.status == "v001 is done: 6 frames."


def test_a_look_at_a_slow_disk_is_not_repeated_at_every_change(comp: Comp, monkeypatch: pytest.MonkeyPatch) -> None:
    from refcolorize.jobs import freshness
    from refcolorize.node import out_of_date

    now, looks = [100.0], []

    def look(node: Any) -> str:
        looks.append(now[0])
        now[0] += 2.0
        return ""

    monkeypatch.setattr(out_of_date, "describe", look)
    monkeypatch.setattr(freshness.time, "monotonic", lambda: now[0])
    make_version(comp)
    freshness.forget()
    freshness.follow(comp.node)
    for seconds in range(30):
        now[0] = 102.0 + seconds
        comp.node["working_height"].setValue(100 + seconds)
        freshness.follow(comp.node)
    assert looks == [100.0, 123.0], "ten times as long as a look takes"


@pytest.mark.gui
def test_an_opened_script_says_that_its_version_is_out_of_date(nuke: Any, comp: Comp, pump: Callable[..., Any]) -> None:
    del pump
    age(comp)
    make_version(comp)
    nuke.scriptSave()
    repaint(comp, "plate.1005.exr")
    nuke.scriptOpen((comp.folder / "comp.nk").as_posix())
    comp.node = nuke.toNode("RefColorize1")
    assert "OUT OF DATE: since v001 was made, these have changed: plate 1005." in comp.status
