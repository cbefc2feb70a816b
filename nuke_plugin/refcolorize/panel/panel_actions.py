"""What the artist does in the panel: each action runs on the shown node as soon as Nuke is not rendering."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import cast

import nuke

from ..errors import Busy, RefColorizeError
from ..host.main_thread import when_idle
from ..host.qt import QtWidgets
from ..jobs.render import clean_up
from ..node import keyframes, node_results, nodes
from .node_view import show_heat, toggle_key
from .panel_face import PanelFace
from .state import NodeState
from .weak_action import weak_action

__all__ = ["PanelActions"]

_WAITING = "This waits until Nuke has finished rendering."


class PanelActions(PanelFace):
    """The panel's actions on the node that it shows; `Panel` connects them and shows what came of them."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._node: NodeState | None = None
        self._is_working = False
        self._versions_state: tuple[object, ...] = ()

    @abstractmethod
    def _refresh(self) -> None:
        """Show the current state of a node."""

    @abstractmethod
    def _show_error(self, message: str) -> None:
        """Show why an action failed."""

    def _shown_node(self) -> nuke.Node | None:
        """Return the node that is shown; None if the script no longer has it."""
        node = nuke.toNode(self._node.name) if self._node is not None else None
        return node if node is not None and nodes.is_refcolorize(node) else None

    def _when_idle(self, action: Callable[[PanelActions], object], *, once: str = "") -> None:
        """Run an action on this panel as soon as Nuke is not rendering. Until then the note says that it waits.

        Args:
            action: What to do. Its error is shown in the note; if it raises Busy, it is run again.
            once: A name, if an action of this name that still waits is to be replaced.
        """
        when_idle(
            weak_action(self, lambda panel: panel._run(action)),
            give_up=weak_action(self, lambda panel, error: panel._show_error(str(error))),
            waiting=weak_action(self, lambda panel: panel._show_error(_WAITING)),
            key=(id(self), once) if once else None,
        )

    def _run(self, action: Callable[[PanelActions], object]) -> None:
        error = ""
        try:
            action(self)
        except Busy:
            raise
        except RefColorizeError as failure:
            error = str(failure)
        self._refresh()
        self._show_error(error)

    def _change(self, name: str, action: Callable[[nuke.Node], object]) -> None:
        """Change the node in one undo step of this name."""

        def change(node: nuke.Node) -> None:
            with nuke.Undo():
                nuke.Undo.name(name)
                action(node)

        self._run_on_node(change)

    def _go_to(self, frame: int) -> None:
        self._when_idle(lambda _: nuke.frame(frame), once="go to")

    def _add_key(self, frame: int) -> None:
        def add(node: nuke.Node) -> None:
            keyframes.add_key_of_plate(node, frame)
            nuke.frame(frame)

        self._change(f"Add keyframe {frame}", add)

    def _remove_key(self, frame: int) -> None:
        self._change(f"Remove keyframe {frame}", lambda node: keyframes.remove_key(node, frame))

    def _toggle_key(self, frame: int) -> None:
        self._change(f"Switch keyframe {frame}", lambda node: toggle_key(node, frame))

    def _use_version(self, number: int) -> None:
        self._change(f"Use v{number:03d}", lambda node: node_results.use_version(node, number))

    def _comment_version(self, number: int, comment: str) -> None:
        self._versions_state = ()
        self._change("Comment", lambda node: node_results.comment_version(node, number, comment))

    def _clean_up(self) -> None:
        self._versions_state = ()
        self._run_on_node(clean_up, once="clean up")

    def _go_to_weakest(self) -> None:
        from ..node import shown_version

        self._run_on_node(shown_version.go_to_weakest)

    def _show_heat(self, is_on: bool) -> None:
        self._change("Heat overlay", lambda node: show_heat(node, is_on))

    def _colorize_or_cancel(self) -> None:
        """Press the node's Cancel, which does not wait for Nuke's render, or its Colorize, which does."""
        if self._is_working:
            self._cancel_node()
        else:
            self._run_on_node(lambda node: _press(node, "colorize"), once="colorize")

    def _leave_preview(self) -> None:
        def leave(node: nuke.Node) -> None:
            if "leave_preview" not in node.knobs():  # one of an earlier plug-in
                raise RefColorizeError(f"{node.name()}: choose a version in the list below, and press Use.")
            _press(node, "leave_preview")

        self._run_on_node(leave, once="leave preview")

    def _cancel_node(self) -> None:
        node = self._shown_node()
        if node is not None:
            _press(node, "cancel")

    def _run_on_node(self, action: Callable[[nuke.Node], object], *, once: str = "") -> None:
        """Run an action of the node that is shown now, even if the panel shows another one when Nuke is idle."""
        if self._node is None:
            return
        name = self._node.name

        def run(_: PanelActions) -> None:
            node = nuke.toNode(name)
            if node is None or not nodes.is_refcolorize(node):
                raise RefColorizeError(f"{name} is gone. Choose another node.")
            action(node)

        self._when_idle(run, once=once and f"{once} {name}")

    def _create_node(self) -> None:
        self._when_idle(lambda _: nodes.create(), once="create")


def _press(node: nuke.Node, button: str) -> None:
    cast("nuke.PyScript_Knob", node[button]).execute()
