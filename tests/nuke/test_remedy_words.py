"""What the core tells an artist in Nuke to do names knobs, inputs and buttons that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stcolor_core.remedies import REMEDIES

PROJECT = Path(__file__).resolve().parents[2]
QUOTED = re.compile(r'"([^"]+)"')


def labels() -> set[str]:
    """The labels of the node's knobs, and of the panel's and the farm dialog's controls."""
    gizmo = (PROJECT / "gizmos" / "RefColorize.gizmo").read_text(encoding="utf-8")

    found = {match[1] or match[2] for match in re.finditer(r'addUserKnob \{\d+ \w+ l (?:"([^"]*)"|(\w+))', gizmo)}
    panel = "\n".join(
        path.read_text(encoding="utf-8") for path in (PROJECT / "nuke_plugin/refcolorize/panel").glob("*.py")
    )
    buttons = set(re.findall(r'make_button\("([^"]+)"', panel))
    return {*found, *buttons, "Chunk", "Priority", "Timeout", "Handles"}


@pytest.mark.parametrize("name", REMEDIES)
def test_everything_in_quotes_is_a_label_in_nuke(name: str) -> None:
    for quoted in QUOTED.findall(REMEDIES[name].node):
        assert quoted in labels(), f"{name}: there is no {quoted}"


def test_the_inputs_that_are_named_are_those_of_the_node() -> None:
    gizmo = (PROJECT / "gizmos" / "RefColorize.gizmo").read_text(encoding="utf-8")
    inputs = set(re.findall(r"^ *Input \{.*?^ *name (\w+)", gizmo, re.M | re.S))
    named = {match for wording in REMEDIES.values() for match in re.findall(r"input (\w+)", wording.node)}
    assert named and named <= inputs


@pytest.mark.gui
def test_the_labels_of_the_farm_dialog_are_its_own() -> None:
    from qt_app import application

    application()
    from refcolorize.host.qt import QtWidgets
    from refcolorize.jobs.farm import SubmitOptions
    from refcolorize.panel.farm_form import FarmForm

    form = FarmForm(writes=(), versions=(), previous=SubmitOptions(), excluded=())
    shown = {label.text() for label in form.findChildren(QtWidgets.QLabel)}
    assert {"Chunk", "Priority", "Timeout", "Handles"} <= shown
