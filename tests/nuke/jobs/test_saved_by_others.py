"""A script that somebody else has saved meanwhile is not overwritten."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from comp import Comp
from nuke_fixtures import plugin_is_idle

pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("core")]

REMARK = "\n# of a colleague\n"


@pytest.fixture
def script(nuke: Any, comp: Comp) -> Path:
    """The comp's script, saved by the artist, with a change that is not saved yet."""
    nuke.root().setModified(True)
    nuke.scriptSave()
    nuke.root().setModified(True)
    return comp.folder / "comp.nk"


def save_as_a_colleague(script: Path) -> str:
    """Save it two minutes later."""
    text = script.read_text(encoding="utf-8") + REMARK
    script.write_text(text, encoding="utf-8")
    os.utime(script, (time.time() + 120, time.time() + 120))
    return text


def colorize(comp: Comp, pump: Callable[..., Any]) -> None:
    comp.node["colorize"].execute()
    pump(until=lambda: comp.status.startswith("v001 is done"))
    pump(until=plugin_is_idle)


def test_colorize_leaves_it_alone_and_saves_a_copy(comp: Comp, script: Path, pump: Callable[..., Any]) -> None:
    text = save_as_a_colleague(script)
    colorize(comp, pump)
    assert script.read_text(encoding="utf-8") == text
    assert "comp.nk was saved by somebody else since it was opened here" in comp.status
    assert "RefColorize1" in (comp.results / "v001" / "comp_v001.nk").read_text(encoding="utf-8")


def test_colorize_saves_over_what_this_nuke_has_read_or_saved(
    nuke: Any, comp: Comp, script: Path, pump: Callable[..., Any]
) -> None:
    save_as_a_colleague(script)
    nuke.scriptOpen(script.as_posix())
    comp.node = nuke.toNode("RefColorize1")
    nuke.nodes.NoOp(name="First")
    nuke.scriptSave()
    nuke.nodes.NoOp(name="Second")
    colorize(comp, pump)
    assert "somebody else" not in comp.status
    assert "Second" in script.read_text(encoding="utf-8")
    comp.node["working_height"].setValue(80)
    comp.node["colorize"].execute()
    pump(until=lambda: comp.status.startswith("v002 is done"))
    pump(until=plugin_is_idle)
    assert comp.status == "v002 is done: 6 frames", "the plug-in's own saves are known too"


def test_colorize_leaves_a_script_alone_that_was_saved_after_it_was_opened(
    nuke: Any, comp: Comp, script: Path, pump: Callable[..., Any]
) -> None:
    nuke.scriptOpen(script.as_posix())
    comp.node = nuke.toNode("RefColorize1")
    text = save_as_a_colleague(script)
    colorize(comp, pump)
    assert script.read_text(encoding="utf-8") == text
    assert "somebody else" in comp.status


def test_a_farm_gets_no_job_of_a_script_that_is_another_on_disk(comp: Comp, script: Path) -> None:
    from refcolorize.errors import RefColorizeError
    from refcolorize.jobs import submit

    text = save_as_a_colleague(script)
    with pytest.raises(RefColorizeError, match=r"comp\.nk was saved by somebody else .* open it again\."):
        submit.require_script()
    assert script.read_text(encoding="utf-8") == text
