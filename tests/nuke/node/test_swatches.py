"""The swatches of a node: the lines of its knob, and how scripts and buttons change them."""

from __future__ import annotations

from typing import Any

import pytest

LINES = "1050:coat=#8a3324\n1050:hat=#3a1510,#c07050\n1060:coat=#8a3324"


@pytest.fixture
def node(nuke: Any) -> Any:
    from comp import PLUGIN

    nuke.pluginAddPath(PLUGIN.as_posix())
    return nuke.createNode("RefColorize")


@pytest.fixture
def swatches(node: Any) -> Any:
    import refcolorize.node.swatches

    node["swatches"].setValue(LINES)
    return refcolorize.node.swatches


def error(call: Any, *args: Any, **options: Any) -> str:
    from refcolorize.errors import RefColorizeError

    with pytest.raises(RefColorizeError) as raised:
        call(*args, **options)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def fields(found: Any) -> list[tuple[int, str, tuple[str, ...]]]:
    return [(each.frame, each.object, each.colors) for each in found]


def test_each_line_is_a_swatch(node: Any, swatches: Any) -> None:
    assert fields(swatches.read_swatches(node)) == [
        (1050, "coat", ("#8a3324",)),
        (1050, "hat", ("#3a1510", "#c07050")),
        (1060, "coat", ("#8a3324",)),
    ]


@pytest.mark.parametrize("name", ["a b", "/obj/coat.1:shape", "a=b", "[lindex x]", "{", 'a"b', "$x", "Mäntel", "80"])
def test_a_name_of_any_form_is_kept_and_comes_back_from_the_script(
    nuke: Any, node: Any, swatches: Any, tmp_path: Any, name: str
) -> None:
    swatches.add_swatch(node, frame=-5, object=name, colors=["#AABBCC"])
    assert fields(swatches.read_swatches(node))[-1] == (-5, name, ("#aabbcc",))
    full_name, text = node.fullName(), node["swatches"].value()
    nuke.scriptSaveAs((tmp_path / "comp.nk").as_posix(), 1)
    nuke.scriptClear()
    nuke.scriptOpen((tmp_path / "comp.nk").as_posix())
    assert nuke.toNode(full_name)["swatches"].value() == text


def test_a_line_that_is_no_swatch_is_named_with_the_node(node: Any, swatches: Any) -> None:
    node["swatches"].setValue("1050:hat=#3a1510\ncoat")
    found = error(swatches.read_swatches, node)
    assert "RefColorize1" in found and "'coat'" in found
    assert swatches.swatched_frames(node)


def test_a_swatch_of_the_same_object_at_the_same_frame_is_replaced_where_it_is(node: Any, swatches: Any) -> None:
    swatches.add_swatch(node, frame=1050, object="coat", colors=("#000000", "#ffffff"))
    assert node["swatches"].value() == LINES.replace("#8a3324", "#000000,#ffffff", 1)
    swatches.add_swatch(node, frame=1070, object="coat", colors=("#000000",))
    assert node["swatches"].value().splitlines()[-1] == "1070:coat=#000000"


@pytest.mark.parametrize(
    ("object", "colors", "part"),
    [("", ["#8a3324"], "names no object"), (" ", ["#8a3324"], "names no object"), ("a\nb", ["#8a3324"], "names no"),
     ("half \ud800", ["#8a3324"], "names no object"), ("coat", [], "has no colour"), ("coat", ["red"], "'red'"),
     ("coat", ["#8a3324", "8a3324"], "'8a3324'")],
)  # fmt: skip
def test_what_cannot_be_a_swatch_is_refused_and_nothing_changes(
    node: Any, swatches: Any, object: str, colors: list[str], part: str
) -> None:
    assert part in error(swatches.add_swatch, node, frame=1050, object=object, colors=colors)
    assert node["swatches"].value() == LINES


def test_the_last_swatch_of_the_frame_is_removed_or_that_of_an_object(nuke: Any, node: Any, swatches: Any) -> None:
    nuke.frame(1050)
    swatches.remove_swatch(node)
    assert node["swatches"].value() == "1050:coat=#8a3324\n1060:coat=#8a3324"
    swatches.remove_swatch(node, frame=1060, object="coat")
    assert node["swatches"].value() == "1050:coat=#8a3324"
    assert "no swatch of hat at frame 1050. Go to frame 1050" in error(swatches.remove_swatch, node, object="hat")
    nuke.frame(7)
    assert "no swatch at frame 7. Go to frame 1050." in error(swatches.remove_swatch, node)
    swatches.remove_swatch(node, frame=1050)
    assert "Add swatch" in error(swatches.remove_swatch, node)
    assert not swatches.swatched_frames(node)


def test_the_button_removes_one_swatch_and_undo_brings_it_back(
    nuke: Any, nuke_session: Any, node: Any, swatches: Any
) -> None:
    nuke.frame(1060)
    node["remove_swatch"].execute()
    assert node["swatches"].value() == LINES.rpartition("\n")[0]
    assert nuke_session.undo.names[-1] == "Remove swatch"
    nuke.undo()
    assert node["swatches"].value() == LINES


def test_add_swatch_without_a_gui_names_the_function_for_scripts(node: Any, swatches: Any) -> None:
    del swatches
    from refcolorize import actions
    from refcolorize.errors import RefColorizeError

    with pytest.raises(RefColorizeError, match=r"add_swatch of refcolorize\.node\.swatches"):
        actions.ACTIONS["add_swatch"](node)


def test_a_node_of_an_earlier_plug_in_has_no_swatches(nuke: Any, swatches: Any) -> None:
    old = nuke.nodes.Group()
    assert swatches.read_swatches(old) == [] and not swatches.swatched_frames(old)
    assert "earlier RefColorize" in error(swatches.add_swatch, old, frame=1, object="coat", colors=["#8a3324"])
