"""docs/nuke_facts.yaml has a line for every assumption on Nuke in the plug-in and the gizmo."""

from __future__ import annotations

import re

import pytest
from assumptions import assumptions, of_python
from nuke_facts import FACTS, unproven

COLLECTED = assumptions()


@pytest.mark.parametrize("kind", COLLECTED)
def test_every_assumption_has_a_line(kind: str) -> None:
    assert sorted(COLLECTED[kind] - FACTS[kind].keys()) == []


@pytest.mark.parametrize("kind", COLLECTED)
def test_no_line_is_left_of_a_dropped_assumption(kind: str) -> None:
    assert sorted(FACTS[kind].keys() - COLLECTED[kind]) == []


def test_every_line_has_a_kind_a_source_and_a_status() -> None:
    for kind, lines in FACTS.items():
        for name, line in lines.items():
            assert line.keys() >= {"what", "source", "status"}, f"{kind}: {name}"
            assert line["status"] in ("documented", "practice", "unproven"), f"{kind}: {name}"


def test_every_documented_line_names_its_page_or_quotes_foundry() -> None:
    """A source such as "Reference Guide" alone cannot be checked by a reader."""
    exact = re.compile(r"https://|docstring|Foundry's (own|class|callbacks|manual|Guide,|docstring)|types-nuke")
    lines = [
        (name, line["source"])
        for kind in FACTS.values()
        for name, line in kind.items()
        if line["status"] == "documented"
    ]
    assert [name for name, source in lines if not exact.search(source)] == []


def test_every_unproven_line_states_what_happens_if_it_is_wrong() -> None:
    assert [name for name, line in unproven() if not line.get("without")] == []


def test_it_names_no_file_outside_the_repository() -> None:
    assert not re.search(r"shared/|/work|nuke_scripts\.json", str(FACTS))


def test_calls_knobs_and_values_are_found_in_any_syntax() -> None:
    code = """
def paint(node: nuke.Node, made: list[nuke.Viewer]) -> nuke.Group:
    nuke.Undo.name("Paint")
    write = nuke.nodes.DeepWrite(inputs=[node])
    write["file_type"].setValue("tiff" if node["disable"].value() else "sgi")
    set_knobs(write, {"first": 1, "crop": True, "operation": "over"})
    if str(nuke.root()["fps"].value()) == "many":
        return dict.fromkeys(("lifetime",), "")
    return job["state"], client.job(1)["id"], os.environ["HOME"]
"""
    found: dict[str, set[str]] = {"calls": set(), "knobs": set(), "values": set()}
    for kind, name in of_python(code):
        found[kind].add(name)
    assert found == {
        "calls": {"nuke.Undo.name", "nuke.nodes.DeepWrite", "nuke.root"},
        "knobs": {"file_type", "disable", "first", "crop", "operation", "fps", "lifetime"},
        "values": {"file_type=tiff", "file_type=sgi", "operation=over", "fps=many"},
    }
