"""The declarations of gizmos/RefColorize.gizmo. test_gizmo_composite.py tests its pictures."""

from __future__ import annotations

import ast
import re
import sys
from types import SimpleNamespace

import pytest
from expressions import names
from gizmo_graph import GROUP, LAYERS, PATH, RGBA, STEPS, mask_channels
from nkscript import Layer, Node, Version, nodes
from refcolorize.node.script_version import OUTPUT_FOLDER
from refcolorize.node.spaces import SPACES

INSIDE = GROUP.children
USER_KNOBS = {knob.name: knob for knob in GROUP.user_knobs if knob.name}
BUTTONS = [knob for knob in GROUP.user_knobs if knob.number == 22]

# knob -> its addUserKnob number, and the value of a new node as written in the script
KNOBS = {
    "refcolorize_version": (3, "2"),
    "node_id": (1, None),
    "unique_id": (1, None),
    "reference_keys": (3, "1"),
    **dict.fromkeys(("add_key", "remove_key", "previous_key", "next_key", "weakest"), (22, None)),
    "keyframe_alpha": (4, None),
    **dict.fromkeys(("still1", "still2", "still3"), (2, None)),
    "swatches": (43, None),
    **dict.fromkeys(("add_swatch", "remove_swatch"), (22, None)),
    "model": (4, None),
    "tracking": (4, None),
    "working_height": (3, "432"),
    "register": (4, None),
    "light": (4, None),
    "keep_chroma": (7, None),
    "unreferenced": (4, None),
    "use_matte": (6, "true"),
    "frame_range": (1, None),
    "view": (1, None),
    "colorspace": (1, None),
    "exposure": (7, None),
    "in_background": (6, "true"),
    "output_folder": (
        2,
        OUTPUT_FOLDER,
    ),
    "few_layers": (6, None),
    **dict.fromkeys(("colorize", "preview", "leave_preview", "cancel", "farm"), (22, None)),
    "version": (4, None),
    **dict.fromkeys(("create_read", "bake", "clean_up"), (22, None)),
    "result_file": (2, None),
    "preview_file": (2, None),
    "preview_frames": (3, None),
    "use_result": (6, None),
    "status": (26, None),
    "troubleshoot": (22, None),
    "job": (1, None),
    "output": (4, None),
    "output_note": (26, None),
    "confidence_overlay": (6, None),
    "compare": (4, None),
    "wipe": (7, "0.5"),
    "compare_file": (2, None),
    "extra_layers": (6, "true"),
    "saturation": (7, "1"),
    "confidence_fade": (7, None),
    "mix": (7, "1"),
    "working_space": (4, None),
    "luma": (13, "0.21263901 0.71516868 0.07219232"),
    "x_light": (13, "3.08039909 -0.92122336 0.05287394"),
    "z_light": (13, "-0.54301591 0.04525586 1.15110302"),
}
CHOICES = {
    "keyframe_alpha": ("use where painted", "ignore"),
    "model": ("standard", "exemplar"),
    "tracking": ("auto", "none", "instance", "dense", "instance+dense"),
    "register": ("auto", "off"),
    "light": ("auto", "off"),
    "unreferenced": ("grey", "match"),
    "version": ("none",),
    "compare": ("none",),
    "output": ("colour", "ab", "confidence", "matte", "STMap"),
    "working_space": tuple(SPACES),
}


def test_it_is_a_group_and_holds_no_gizmo_no_write_and_no_kernel():
    assert [step.class_name for step in STEPS if isinstance(step, Node)] == ["Group"]
    classes = {node.class_name for node in nodes(INSIDE)}
    assert classes == {"Input", "Read", "Copy", "Expression", "Keymix", "Switch", "Output"}


def test_it_has_the_knobs_that_the_plug_in_and_the_panel_use():
    found = {knob.name: (knob.number, knob.default) for knob in USER_KNOBS.values()}
    assert {name: found[name] for name in KNOBS} == KNOBS
    assert {name for name, (number, _) in found.items() if number not in (20, 26)} <= set(KNOBS)


def test_enumerations_have_the_right_choices():
    assert {knob.name: knob.choices for knob in GROUP.user_knobs if knob.number == 4} == CHOICES


def test_sliders_have_their_ranges():
    limits = {name: USER_KNOBS[name].limits for name in ("keep_chroma", "saturation", "confidence_fade", "mix", "wipe")}
    assert limits == {
        "keep_chroma": (0, 1),
        "wipe": (0, 1),
        "saturation": (0, 2),
        "confidence_fade": (0, 1),
        "mix": (0, 1),
    }


def test_knobs_for_the_plug_in_are_hidden():
    hidden = {knob.name for knob in GROUP.user_knobs if "+INVISIBLE" in knob.flags}
    assert hidden == {
        "refcolorize_version",
        "node_id",
        "unique_id",
        "job",
        "compare_file",
        "preview_file",
        "preview_frames",
    }


def test_its_two_tabs_hold_the_knobs_in_the_order_of_the_work():
    order = [knob.name for knob in GROUP.user_knobs if knob.number not in (26,)]
    tabs = [USER_KNOBS[name].label for name in order if USER_KNOBS[name].number == 20]
    assert tabs == ["RefColorize", "Output"]
    assert [name for name in order if name in KNOBS] == [
        name for name in KNOBS if name not in ("status", "output_note")
    ]
    assert order.index("job") < order.index("output_tab") < order.index("output")


def test_every_knob_has_a_tooltip():
    silent = [knob.name for knob in GROUP.user_knobs if knob.number not in (20, 26) and len(knob.tooltip) < 15]
    assert silent == []
    assert "plate" in GROUP.knobs["help"]


def test_its_icon_exists():
    assert (PATH.parents[1] / "nuke_plugin" / "icons" / GROUP.knobs["icon"]).stat().st_size < 10_000


def test_the_layers_it_brings_are_declared_before_it():
    assert [step for step in STEPS if isinstance(step, (Layer, Version, Node))] == STEPS
    assert STEPS[-1] is GROUP
    ids = {f"rc_id0{rank}": tuple(f"rc_id0{rank}.{c}" for c in ("red", "green", "blue", "alpha")) for rank in range(3)}
    expected = {
        "rc_ab": ("rc_ab.u", "rc_ab.v"),
        "rc_conf": ("rc_conf.warp", "rc_conf.track"),
        "rc_st": ("rc_st.u", "rc_st.v"),
        "rc_source": ("rc_source.ref",),
        **ids,
    }
    assert expected == LAYERS


def test_every_channel_and_knob_that_is_used_exists():
    known = {channel for channels in LAYERS.values() for channel in channels} | {"r", "g", "b", "a", "x", "width"}
    parts = {3: ("",), 4: ("",), 6: ("",), 7: ("",), 13: (".x", ".y", ".z")}
    known |= {f"parent.{k.name}{part}" for k in USER_KNOBS.values() for part in parts.get(k.number, ())}
    for node in nodes(INSIDE):
        own = {value for knob, value in node.knobs.items() if knob.startswith("temp_name")}
        for knob, text in node.knobs.items():
            if re.fullmatch(r"(temp_)?expr\d", knob):
                assert names(text) <= known | own, f"{node.name}.{knob}"
            elif re.fullmatch(r"(from|to)\d", knob):
                assert text in {"none", *RGBA} | known
            elif re.fullmatch(r"channel\d", knob):
                assert set(mask_channels(text)) <= {*RGBA} | known


def test_inputs_are_plate_ref_and_matte():
    inputs = {int(n.knobs.get("number", "0")): n.name for n in nodes(INSIDE) if n.class_name == "Input"}
    assert inputs == {0: "plate", 1: "ref", 2: "matte"}


def test_every_node_inside_has_its_own_name_and_place():
    inside = list(nodes(INSIDE))
    assert len({node.name for node in inside}) == len(inside)
    assert len({(node.knobs["xpos"], node.knobs["ypos"]) for node in inside}) == len(inside)


def test_files_are_real_file_knobs_and_the_reads_follow_those_of_the_results():
    reads = {node.name: node.knobs for node in nodes(INSIDE) if node.class_name == "Read"}
    files = {name: read["file"] for name, read in reads.items()}
    assert files == {
        "Previewed": "[value parent.preview_file]",
        "Result": "[value parent.result_file]",
        "Compared": "[value parent.compare_file]",
    }
    for read in reads.values():
        assert read["raw"] == "true"
        assert {read[knob] for knob in ("before", "after", "on_error")} == {"black"}, "never another frame's chroma"
    files = {knob.name for knob in GROUP.user_knobs if knob.number == 2}
    assert files == {"still1", "still2", "still3", "output_folder", "result_file", "preview_file", "compare_file"}


def test_nothing_in_it_points_to_a_file_or_runs_python_by_itself():
    knobs = [knob for node in (GROUP, *nodes(INSIDE)) for knob in node.knobs.items()]
    texts = [text for name, text in knobs if name not in ("knobChanged", "output_folder")]
    assert not [text for text in texts if "python" in text.lower() or re.search(r"(?<!<)/\w+/|\w:[\\/]", text)]
    assert not {"onCreate", "updateUI", "beforeRender"} & {k for n in nodes(STEPS) for k in n.knobs}
    assert [node.name for node in nodes(STEPS) if "knobChanged" in node.knobs] == ["RefColorize"]


def test_channels_are_named_as_nuke_writes_them():
    """A mask of one channel names the others of its layer as off; none of 653 public scripts has only `rgba.red`."""
    for node in nodes(INSIDE):
        for name, mask in node.knobs.items():
            if re.fullmatch(r"channel\d", name) and "." in mask:
                parts = mask.split()
                layer = parts[0].lstrip("-").split(".")[0]
                expected = LAYERS[layer] if layer in LAYERS else (*RGBA[:3], "none")
                assert [part.lstrip("-") for part in parts] == list(expected), f"{node.name}.{name} {mask}"


def test_its_own_python_is_valid_and_needs_no_plug_in():
    tree = ast.parse(GROUP.knobs["knobChanged"], feature_version=(3, 9))
    imported = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert imported == ["import os, re"]
    scopes = (ast.FunctionDef, ast.Lambda, ast.ListComp, ast.GeneratorExp, ast.DictComp, ast.SetComp)
    assert not [node for node in ast.walk(tree) if isinstance(node, scopes)], "these cannot see what exec has set"


@pytest.mark.parametrize("button", BUTTONS, ids=lambda button: button.name)
def test_a_button_only_presses_its_own_action(button):
    tree = ast.parse(button.text, button.name)
    called = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    imported = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert imported == ["from refcolorize import actions"]
    assert f"actions.press('{button.name}')" in called
    assert len(called) == 2 and any(call.startswith("nuke.message(") for call in called)


@pytest.mark.parametrize("button", BUTTONS, ids=lambda button: button.name)
def test_a_button_without_the_plug_in_reports_that_it_is_not_installed(button, monkeypatch):
    messages: list[str] = []
    monkeypatch.setitem(sys.modules, "refcolorize", None)
    exec(compile(button.text, button.name, "exec"), {"nuke": SimpleNamespace(message=messages.append)})
    assert len(messages) == 1 and "not installed on this machine" in messages[0]


@pytest.mark.usefixtures("nuke")
def test_the_functions_that_the_buttons_call_exist():
    from refcolorize.actions import ACTIONS

    assert set(ACTIONS) == {knob.name for knob in GROUP.user_knobs if knob.number == 22}
