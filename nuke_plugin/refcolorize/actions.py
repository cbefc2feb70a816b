"""The actions of the node's buttons."""

from __future__ import annotations

from collections.abc import Callable

import nuke

from .errors import Busy, Cancelled, RefColorizeError
from .host.main_thread import when_idle
from .node import keyframes, nodes, previews, swatches

__all__ = ["ACTIONS", "press"]

# Pressed twice while Nuke renders, these run once.
_ONCE = ("add_swatch", "colorize", "preview", "farm", "clean_up", "create_read", "bake", "troubleshoot")


def press(name: str) -> None:
    """Run the action of a button of the current node (`nuke.thisNode`).

    The action waits until Nuke is not rendering; "cancel" runs at once. With a GUI, an error is shown in a
    message, and the status line goes on to tell about the node's last job; a cancelled action is told there.

    Args:
        name: A key of `ACTIONS`.

    Raises:
        RefColorizeError: If the action fails and there is no GUI.
    """
    node = nuke.thisNode()
    if name == "cancel":
        _run_action(name, node)
    else:
        when_idle(
            lambda: _run_action(name, node),
            give_up=lambda error: _show_error(node, error),
            key=(name, node.fullName()) if name in _ONCE else None,
        )


def _run_action(name: str, node: nuke.Node) -> None:
    try:
        ACTIONS[name](node)
    except Busy:
        raise
    except RefColorizeError as error:
        if not nuke.GUI:
            raise
        _show_error(node, error)
    except ValueError:
        if not _is_deleted(node):
            raise


def _show_error(node: nuke.Node, error: RefColorizeError) -> None:
    """Show an error of an action, unless the node was deleted while the action waited."""
    if _is_deleted(node):
        return
    if isinstance(error, Cancelled):
        when_idle(lambda: None if _is_deleted(node) else nodes.set_status(node, str(error)))
    else:
        nuke.message(str(error))


def _is_deleted(node: nuke.Node) -> bool:
    try:
        node.name()
    except ValueError:
        return True
    return False


def _undoable(name: str, change: Callable[[nuke.Node], object]) -> Callable[[nuke.Node], None]:
    """Wrap a change so that one undo step of this name takes all of it back."""

    def act(node: nuke.Node) -> None:
        with nuke.Undo():
            nuke.Undo.name(name)
            change(node)

    return act


# Modules that talk to the core are imported at the first use, to keep Nuke's start fast.


def _colorize(node: nuke.Node) -> None:
    from .jobs import render

    render.colorize(node)


def _preview(node: nuke.Node) -> None:
    from .jobs import render

    render.preview(node)


def _leave_preview(node: nuke.Node) -> None:
    from .jobs import freshness

    previews.leave(node)
    freshness.follow_at_once(node)


def _cancel(node: nuke.Node) -> None:
    from .jobs import render

    render.cancel(node)


def _add_swatch(node: nuke.Node) -> None:
    if not nuke.GUI:
        raise RefColorizeError("Add swatch opens a window. In a script, call add_swatch of refcolorize.node.swatches.")
    from .panel import swatch_dialog

    swatch_dialog.open_for(node)


def _farm(node: nuke.Node) -> None:
    if not nuke.GUI:
        from .jobs import submit

        submit.submit(node)
        return
    from .panel import farm_dialog

    farm_dialog.open_for(node)


def _clean_up(node: nuke.Node) -> None:
    from .jobs import render

    render.clean_up(node)


def _weakest(node: nuke.Node) -> None:
    from .node import shown_version

    shown_version.go_to_weakest(node)


def _create_read(node: nuke.Node) -> None:
    from .node import shown_version

    shown_version.create_read(node)


def _bake(node: nuke.Node) -> None:
    from .node import baking

    baking.bake(node)


def _troubleshoot(node: nuke.Node) -> None:
    from .jobs import self_test

    self_test.start(node)


ACTIONS: dict[str, Callable[[nuke.Node], object]] = {
    "add_key": _undoable("Add key", keyframes.add_key_of_plate),
    "remove_key": _undoable("Remove key", keyframes.remove_key),
    "previous_key": keyframes.previous_key,
    "next_key": keyframes.next_key,
    "colorize": _colorize,
    "preview": _preview,
    "leave_preview": _undoable("Leave preview", _leave_preview),
    "cancel": _cancel,
    "farm": _farm,
    "clean_up": _clean_up,
    "weakest": _weakest,
    "add_swatch": _add_swatch,
    "remove_swatch": _undoable("Remove swatch", swatches.remove_swatch),
    "create_read": _undoable("Create Read", _create_read),
    "bake": _undoable("Bake", _bake),
    "troubleshoot": _troubleshoot,
}
