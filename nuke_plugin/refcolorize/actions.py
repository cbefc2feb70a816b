"""What the buttons of the node do."""

from __future__ import annotations

from collections.abc import Callable

import nuke

from .errors import Busy, Cancelled, RefColorizeError
from .host.main_thread import when_idle
from .node import nodes

__all__ = ["ACTIONS", "press"]


def press(name: str) -> None:
    """Do what the button `name` of the present node says. What goes wrong is shown, or raised where nobody sees it."""
    node = nuke.thisNode()
    if name == "cancel":  # at once, whatever Nuke is at
        _press(name, node)
    else:
        when_idle(lambda: _press(name, node), give_up=lambda error: _show(node, error))


def _press(name: str, node: nuke.Node) -> None:
    try:
        ACTIONS[name](node)
    except Busy:
        raise
    except RefColorizeError as error:
        if not nuke.GUI:
            raise
        _show(node, error)
    except ValueError:
        if not _is_gone(node):
            raise


def _show(node: nuke.Node, error: RefColorizeError) -> None:
    """What went wrong after a button. A node that was deleted while it waited needs no word."""
    if _is_gone(node):
        return
    when_idle(lambda: nodes.set_status(node, str(error)))
    if not isinstance(error, Cancelled):
        nuke.message(str(error))


def _is_gone(node: nuke.Node) -> bool:
    try:
        node.name()
    except ValueError:
        return True
    return False


def _as_one_step(name: str, change: Callable[[nuke.Node], object]) -> Callable[[nuke.Node], None]:
    """A change that is undone at once, under this name."""

    def act(node: nuke.Node) -> None:
        with nuke.Undo():
            nuke.Undo.name(name)
            change(node)

    return act


# What talks to the core is loaded when it is first asked for, and not when Nuke starts.


def _colorize(node: nuke.Node) -> None:
    from .jobs import render

    render.colorize(node)


def _preview(node: nuke.Node) -> None:
    from .jobs import render

    render.preview(node)


def _cancel(node: nuke.Node) -> None:
    from .jobs import render

    render.cancel(node)


def _farm(node: nuke.Node) -> None:
    if not nuke.GUI:
        from .jobs import submit

        submit.submit(node)
        return
    from .panel import farm_dialog

    farm_dialog.open_for(node)


def _clean_up(node: nuke.Node) -> None:
    from .node import cleaning

    cleaning.clean_up(node)


def _weakest(node: nuke.Node) -> None:
    from .node import shown_version

    shown_version.go_to_weakest(node)


def _create_read(node: nuke.Node) -> None:
    from .node import shown_version

    shown_version.create_read(node)


def _bake(node: nuke.Node) -> None:
    from .node import shown_version

    shown_version.bake(node)


ACTIONS: dict[str, Callable[[nuke.Node], object]] = {
    "add_key": _as_one_step("Add key", nodes.add_key),
    "remove_key": _as_one_step("Remove key", nodes.remove_key),
    "previous_key": nodes.previous_key,
    "next_key": nodes.next_key,
    "colorize": _colorize,
    "preview": _preview,
    "cancel": _cancel,
    "farm": _farm,
    "clean_up": _clean_up,
    "weakest": _weakest,
    "create_read": _as_one_step("Create Read", _create_read),
    "bake": _as_one_step("Bake", _bake),
}
