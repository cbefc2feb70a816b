"""The reader of Nuke scripts, which uses Tcl."""

import pytest
from nkscript import Layer, Node, Push, ScriptError, Set, Version, nodes, parse, words

SCRIPT = r"""#! /usr/local/Nuke14.0v5/Nuke14.0 -nx
version 14.0 v5
add_layer {rc_ab rc_ab.u rc_ab.v}
Read {
 inputs 0
 file "/shots/a b/\[value root.name].####.exr"
 name Read1
}
set N1a2b [stack 0]
push 0
push $N1a2b
Group {
 inputs 2
 name Tool
 info 3
 set 4
 addUserKnob {20 tool l Tool}
 addUserKnob {7 mix l "Mix it" t "How much.\nAll of it." R 0 2 -STARTLINE}
 mix {{curve K x1 1 x2.5 0}}
 addUserKnob {4 mode M {plain "two words" "" }}
 addUserKnob {26 ""}
 addUserKnob {22 go l Go T "import sys\nsys.path\[0]" +STARTLINE}
}
 Input {
  inputs 0
  name Inside
 }
 Group {
  name Nested
 }
  Output {
   name Deep
  }
 end_group
 Output {
  name Output1
 }
end_group
Blur {
 size {{parent.Tool.mix} 3}
 name Blur1
}
"""


def test_a_script_is_read_step_by_step():
    version, layer, read, name, *pushes, group, blur = parse(SCRIPT)
    assert version == Version("14.0 v5")
    assert layer == Layer("rc_ab", ("rc_ab.u", "rc_ab.v"))
    assert isinstance(read, Node)
    assert read.knobs == {"inputs": "0", "file": "/shots/a b/[value root.name].####.exr", "name": "Read1"}
    assert name == Set("N1a2b")
    assert pushes == [Push(None), Push("N1a2b")]
    assert isinstance(group, Node) and isinstance(blur, Node)
    assert (group.class_name, group.name, blur.line) == ("Group", "Tool", 39)


def test_groups_hold_their_nodes_and_the_groups_within():
    found = [(node.class_name, node.name, [child.name for child in node.children]) for node in nodes(parse(SCRIPT))]
    assert found == [
        ("Read", "Read1", []),
        ("Group", "Tool", ["Inside", "Nested", "Output1"]),
        ("Input", "Inside", []),
        ("Group", "Nested", ["Deep"]),
        ("Output", "Deep", []),
        ("Output", "Output1", []),
        ("Blur", "Blur1", []),
    ]


def test_user_knobs_are_read_with_their_options_and_values():
    group = next(node for node in nodes(parse(SCRIPT)) if node.name == "Tool")
    tab, mix, mode, divider, button = group.user_knobs
    assert (tab.number, tab.name, tab.label) == (20, "tool", "Tool")
    assert (mix.label, mix.tooltip, mix.limits, mix.flags) == (
        "Mix it",
        "How much.\nAll of it.",
        (0, 2),
        ("-STARTLINE",),
    )
    assert mix.default == "{curve K x1 1 x2.5 0}"
    assert (mode.label, mode.choices, mode.default) == ("mode", ("plain", "two words", ""), None)
    assert (divider.number, divider.name) == (26, "")
    assert (button.text, button.flags) == ("import sys\nsys.path[0]", ("+STARTLINE",))


def test_a_knob_may_be_named_like_a_command_of_tcl():
    group = next(node for node in nodes(parse(SCRIPT)) if node.name == "Tool")
    assert (group.knobs["info"], group.knobs["set"]) == ("3", "4")


def test_words_split_a_value_as_tcl_does():
    assert words("{curve K x1 1} 2 {a {b c}}") == ("curve K x1 1", "2", "a {b c}")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('Blur {\n name "a\n}\n', "line 2: 'name \"a' has no end"),
        ("Blur {\n name a\n", "line 1: 'Blur {"),
        ("push $N2", 'line 1: can\'t read "N2"'),
        ('\nRead {\n file "[value x]"\n}', r"line 3: .*runs 'value x'; write \\\["),
        ("Blur {\n size 1 2\n}", "line 2: 'size 1 2' in Blur is not a knob"),
        ("Blur {\n addUserKnob {7 x Q}\n}", "line 2: .*unknown option 'Q'"),
        ("Blur {\n addUserKnob {7 x R 1}\n}", "line 2: addUserKnob"),
        ("end_group", "line 1: end_group without a group"),
        ("Group {\n}", "not ended by end_group"),
        ("while 1 {}", "line 1: 'while 1 ' is not a node"),
    ],
)
def test_a_syntax_error_is_reported_with_its_line(text, problem):
    with pytest.raises(ScriptError, match=problem):
        parse(text)


def test_a_script_runs_no_command(tmp_path):
    victim = tmp_path / "file"
    victim.touch()
    for text in (f"file delete {victim}", f"exec rm {victim}", f"Blur {{\n name [file delete {victim}]\n}}"):
        with pytest.raises(ScriptError):
            parse(text)
    assert victim.exists()
