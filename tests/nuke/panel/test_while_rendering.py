"""What is clicked in the panel and in the farm dialog while Nuke renders is done afterwards, once and in order."""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from comp import Comp
from farming import asked, comp, goes
from qt_app import application, wait_until

qapp = application()

from refcolorize.host.qt import QtCore  # noqa: E402  (skipped above if there is no Qt)

__all__ = ["comp", "goes"]

PANEL = Path(__file__).resolve().parents[3] / "nuke_plugin" / "refcolorize" / "panel"
pytestmark = [
    pytest.mark.gui,
    pytest.mark.usefixtures("state"),
    pytest.mark.skipif(os.name != "posix", reason="the core's Python is a shell script here"),
]
ADVERSITIES = {"Nuke renders something else": "other_render", "Nuke refuses to render": "executing"}


@pytest.fixture
def press(comp: Comp, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list of the buttons of nodes that were pressed; pressing does nothing else."""
    from refcolorize import actions

    pressed: list[str] = []
    monkeypatch.setitem(actions.ACTIONS, "colorize", lambda node: pressed.append(node.name()))
    return pressed


@pytest.fixture
def panel(comp: Comp) -> Iterator[Any]:
    """A panel of a node with two versions, the second one with a comment, and a second node."""
    from refcolorize.node import node_results, nodes
    from refcolorize.panel.panel import Panel

    for name in ("v001", "v002"):
        folder = comp.results / name
        folder.mkdir(parents=True)
        (folder / f"RefColorize1_{name}.1003.exr").touch()
        (folder / "about.json").write_text(json.dumps({"confidence": {"1003": 0.2, "1005": 0.9}}))
    node_results.use_version(comp.node, 2)
    nodes.create()
    for node in comp.nuke.selectedNodes():
        node.setSelected(False)
    made = Panel()
    made.resize(420, 700)
    made.show()
    made.nodes.setCurrentIndex(0)
    yield made
    made.close()
    made.deleteLater()


def keys(node: Any) -> dict[int, float]:
    return {round(key.x): key.y for key in node["reference_keys"].animation(0).keys()}  # noqa: SIM118


@dataclass(frozen=True)
class Action:
    """What the artist does, and what it changes. slot: the panel's method."""

    slot: str
    do: Callable[[Any], object]
    result: Callable[[Any, Comp], object]
    expected: object
    deferred_by_a_refusal: bool = False


ACTIONS = {
    "choose a node": Action(
        "_show_listed_node",
        lambda panel: panel.nodes.activated.emit(1),
        lambda panel, _: panel._node.name,
        "RefColorize2",
    ),
    "create a node": Action(
        "_create_node",
        lambda panel: panel.create_node.click(),
        lambda _, comp: sum(node.name() == "RefColorize3" for node in comp.nuke.allNodes("Group")),
        1,
    ),
    "go to a frame": Action(
        "_go_to",
        lambda panel: panel.references.frame_chosen.emit(1004),
        lambda _, comp: comp.nuke.frame(),
        1004,
    ),
    "add a keyframe": Action(
        "_add_key",
        lambda panel: panel.references.key_added.emit(1006),
        lambda _, comp: keys(comp.node),
        {1001: 1, 1004: 1, 1006: 1},
    ),
    "remove a keyframe": Action(
        "_remove_key",
        lambda panel: panel.references.key_removed.emit(1004),
        lambda _, comp: keys(comp.node),
        {1001: 1},
    ),
    "switch a keyframe": Action(
        "_toggle_key",
        lambda panel: panel.references.key_toggled.emit(1004),
        lambda _, comp: keys(comp.node),
        {1001: 1, 1004: 0},
    ),
    "go to the weakest frame": Action(
        "_go_to_weakest",
        lambda panel: panel.references.weakest_requested.emit(),
        lambda _, comp: comp.nuke.frame(),
        1003,
    ),
    "show the heat overlay": Action(
        "_show_heat",
        lambda panel: panel.references.heat_toggled.emit(True),
        lambda _, comp: comp.node["confidence_overlay"].value(),
        True,
    ),
    "render the thumbnails": Action(
        "_render_pictures",
        lambda panel: panel.references.pictures_requested.emit(),
        lambda panel, _: list(panel._pictures.get("RefColorize1", ())),
        [1001, 1004],
        deferred_by_a_refusal=True,
    ),
    "use a version": Action(
        "_use_version", lambda panel: panel.versions.used.emit(1), lambda _, comp: comp.node["version"].value(), "v001"
    ),
    "comment a version": Action(
        "_comment_version",
        lambda panel: panel.versions.commented.emit(1, "for dailies"),
        lambda _, comp: json.loads((comp.results / "v001" / "about.json").read_text()).get("comment"),
        "for dailies",
    ),
    "clean up": Action(
        "_clean_up",
        lambda panel: panel.versions.clean_up_requested.emit(),
        lambda _, comp: (comp.results / "v001").exists(),
        False,
    ),
}
_WITHOUT_NUKE = {"_cancel_job", "_start_core", "_stop_core", "_show_log", "_open_page"}
_TESTED_APART = {
    "_leave_preview",
    "_colorize_or_cancel",
    "_list_nodes",
    "_refresh",
    "_take_updates",
}  # below, and in test_panel.py


def test_every_action_of_the_panel_is_tested_here() -> None:
    """A slot of the panel is in `ACTIONS`, tested apart, or touches nothing of Nuke."""
    tree = ast.parse((PANEL / "panel.py").read_text(encoding="utf-8"))
    connect = next(f for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) and f.name == "_connect")
    slots = {
        call.args[0].attr
        for call in ast.walk(connect)
        if isinstance(call, ast.Call) and isinstance(call.args and call.args[0], ast.Attribute)
    } - {"stop"}
    assert slots == {action.slot for action in ACTIONS.values()} | _WITHOUT_NUKE | _TESTED_APART


@pytest.mark.parametrize("adversity", ADVERSITIES.values(), ids=list(ADVERSITIES))
@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_waits_says_so_and_is_done_afterwards(
    nuke_session: Any, comp: Comp, panel: Any, name: str, adversity: str, capsys: pytest.CaptureFixture[str]
) -> None:
    action = ACTIONS[name]
    if name == "render the thumbnails":
        pytest.importorskip("cv2", reason="the fake needs it for a Reformat")
    if name == "clean up":
        nuke_session.artist.answers.extend(["yes", "yes"])  # nobody has noted which node made the version
    before = action.result(panel, comp)
    assert before != action.expected
    setattr(nuke_session, adversity, 1_000_000)
    action.do(panel)
    waits = adversity == "other_render" or action.deferred_by_a_refusal
    assert (action.result(panel, comp) == before) == waits
    assert panel.note.isVisible() == waits
    assert not waits or "waits until Nuke has finished rendering" in panel.note.text()
    setattr(nuke_session, adversity, 0)
    wait_until(lambda: action.result(panel, comp) == action.expected)
    wait_until(lambda: not panel.note.isVisible())
    assert nuke_session.artist.messages == []
    assert "Traceback" not in capsys.readouterr().err


def test_clicks_that_wait_are_done_in_their_order_and_the_same_one_once(
    nuke_session: Any, comp: Comp, panel: Any, press: list[str]
) -> None:
    nuke_session.other_render = 1_000_000
    panel.references.key_added.emit(1006)
    panel.references.key_removed.emit(1006)
    panel.create_node.click()
    panel.references.frame_chosen.emit(1002)
    panel.create_node.click()  # the new node will be shown, but what was clicked is for the first one
    panel.references.frame_chosen.emit(1005)
    for _ in range(2):
        panel.colorize.click()
    nuke_session.other_render = 0
    wait_until(lambda: press)
    wait_until(lambda: not panel.note.isVisible())
    assert keys(comp.node) == {1001: 1, 1004: 1}
    assert sorted(node.name() for node in comp.nuke.allNodes("Group")) == [f"RefColorize{n}" for n in (1, 2, 3)]
    assert comp.nuke.frame() == 1005
    assert press == ["RefColorize1"]


def test_a_button_of_the_node_pressed_twice_while_nuke_renders_acts_once(
    nuke_session: Any, comp: Comp, press: list[str]
) -> None:
    nuke_session.other_render = 1_000_000
    comp.node["colorize"].execute()
    comp.node["colorize"].execute()
    nuke_session.other_render = 0
    wait_until(lambda: press)
    comp.node["colorize"].execute()
    assert press == ["RefColorize1"] * 2, "the second one is the press after the render"


def test_an_error_of_one_waiting_click_does_not_hold_up_the_next(
    nuke_session: Any, comp: Comp, panel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from refcolorize import actions

    def fail(_node: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setitem(actions.ACTIONS, "previous_key", fail)
    nuke_session.other_render = 1_000_000
    comp.node["previous_key"].execute()
    panel.references.frame_chosen.emit(1005)
    nuke_session.other_render = 0
    wait_until(lambda: comp.nuke.frame() == 1005)


def test_a_nuke_that_renders_for_long_is_reported_in_the_panel_and_the_next_click_works(
    nuke_session: Any, comp: Comp, panel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from refcolorize.host import main_thread

    monkeypatch.setattr(main_thread, "_BUSY_SECONDS", 0.001)
    nuke_session.other_render = 1_000_000
    panel.references.frame_chosen.emit(1005)
    wait_until(lambda: "Wait for it" in panel.note.text())
    nuke_session.other_render = 0
    assert comp.nuke.frame() != 1005
    panel.references.frame_chosen.emit(1004)
    assert comp.nuke.frame() == 1004
    assert not panel.note.isVisible()


def test_the_list_of_nodes_and_the_versions_are_not_read_while_nuke_renders(
    nuke_session: Any, comp: Comp, panel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    monkeypatch.setattr(comp.nuke, "allNodes", lambda *_: read.append("all nodes") or [])
    monkeypatch.setattr("refcolorize.panel.panel.version_rows", lambda _: read.append("versions") or ())
    nuke_session.other_render = 1_000_000
    panel._versions_state = ()
    panel._list_nodes()
    panel._show_job()
    assert read == []
    assert panel.nodes.count() == 2


# ---- the farm dialog


@pytest.fixture
def dialog(goes: Any, comp: Comp) -> Iterator[Any]:
    """The open dialog of the node's button Render on farm."""
    from refcolorize.panel import farm_dialog

    comp.node["farm"].execute()
    (dialog,) = farm_dialog._open.values()
    yield dialog
    for other in tuple(farm_dialog._open.values()):
        other.close()
    qapp.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch, comp: Comp) -> list[Any]:
    """Return the list of the submissions, which are made as always."""
    from refcolorize.jobs import submit

    send, made = submit.send, []

    def count(node: Any, options: Any, **settings: Any) -> Any:
        made.append(send(node, options, **settings))
        return made[-1]

    monkeypatch.setattr(submit, "send", count)
    return made


@pytest.mark.parametrize("adversity", ADVERSITIES.values(), ids=list(ADVERSITIES))
def test_a_submission_waits_says_so_and_is_made_once(
    nuke_session: Any, comp: Comp, dialog: Any, sent: list[Any], adversity: str, capsys: pytest.CaptureFixture[str]
) -> None:
    comp.node.setInput(1, comp.nuke.nodes.Grade(inputs=[comp.ref]))  # so that the submission has to render
    comp.node["in_background"].setValue(False)
    setattr(nuke_session, adversity, 1_000_000)
    dialog.submit_button.click()
    dialog.submit_button.click()
    assert "waits until Nuke has finished rendering" in dialog.status.text()
    assert dialog.is_busy() and not dialog.submit_button.isEnabled() and dialog.close_button.text() == "Cancel"
    comp.node["farm"].execute()
    setattr(nuke_session, adversity, 0)
    wait_until(dialog.result_box.isVisible)
    assert len(sent) == 1
    assert asked(comp, "openjd")["shot"] == str(comp.results / "v001" / "shot.json")
    assert [path.name for path in comp.results.glob("v*")] == ["v001"]
    assert nuke_session.artist.messages == []
    assert "Traceback" not in capsys.readouterr().err


def test_a_submission_that_waits_can_be_cancelled(nuke_session: Any, comp: Comp, dialog: Any, sent: list[Any]) -> None:
    nuke_session.other_render = 1_000_000
    dialog.submit_button.click()
    dialog.close_button.click()
    nuke_session.other_render = 0
    done: list[int] = []
    from refcolorize.host import main_thread

    main_thread.when_idle(lambda: done.append(1))  # comes after the submission
    wait_until(lambda: done)
    assert sent == [] and not comp.results.exists()


def test_a_node_deleted_while_its_submission_waits_is_said_to_be_gone(
    nuke_session: Any, comp: Comp, dialog: Any, sent: list[Any]
) -> None:
    nuke_session.other_render = 1_000_000
    dialog.submit_button.click()
    nuke_session.other_render = 0
    comp.nuke.delete(comp.node)
    wait_until(lambda: "RefColorize1 is gone" in dialog.summary.text() and not dialog.is_busy())
    assert not dialog.submit_button.isEnabled() and sent == []


def test_a_nuke_that_renders_for_long_gives_the_form_back(
    nuke_session: Any, dialog: Any, sent: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from refcolorize.host import main_thread

    monkeypatch.setattr(main_thread, "_BUSY_SECONDS", 0.001)
    nuke_session.other_render = 1_000_000
    dialog.submit_button.click()
    wait_until(dialog.note.isVisible)
    nuke_session.other_render = 0
    assert "Nuke is rendering something else" in dialog.note.text() and not dialog.is_busy()
    dialog.submit_button.click()
    wait_until(dialog.result_box.isVisible)
    assert len(sent) == 1
