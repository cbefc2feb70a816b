"""What the buttons of the node do."""

from __future__ import annotations

from collections.abc import Callable

import nuke

from .errors import Cancelled, RefColorizeError

__all__ = ["ACTIONS", "press"]


def press(name: str) -> None:
    """Do what the button `name` of the present node says. What goes wrong is shown, or raised where nobody sees it."""
    node = nuke.thisNode()
    try:
        ACTIONS[name](node)
    except RefColorizeError as error:
        if not nuke.GUI:
            raise
        from .node import set_status

        set_status(node, str(error))
        if not isinstance(error, Cancelled):
            nuke.message(str(error))


def _add_key(node: nuke.Node) -> None:
    from . import node as nodes

    with nuke.Undo():
        nuke.Undo.name("Add key")
        nodes.add_key(node)


def _remove_key(node: nuke.Node) -> None:
    from . import node as nodes

    with nuke.Undo():
        nuke.Undo.name("Remove key")
        nodes.remove_key(node)


def _previous_key(node: nuke.Node) -> None:
    from . import node as nodes

    nodes.previous_key(node)


def _next_key(node: nuke.Node) -> None:
    from . import node as nodes

    nodes.next_key(node)


def _colorize(node: nuke.Node) -> None:
    from . import render

    render.colorize(node)


def _preview(node: nuke.Node) -> None:
    from . import render

    render.preview(node)


def _cancel(node: nuke.Node) -> None:
    from . import render

    render.cancel(node)


def _farm(node: nuke.Node) -> None:
    from . import submit

    file = submit.write_shot(node)
    if nuke.GUI:
        nuke.message(f"The shot is written. The farm renders it by:\n\nstcolor colorize --shot {file.as_posix()}")


ACTIONS: dict[str, Callable[[nuke.Node], None]] = {
    "add_key": _add_key,
    "remove_key": _remove_key,
    "previous_key": _previous_key,
    "next_key": _next_key,
    "colorize": _colorize,
    "preview": _preview,
    "cancel": _cancel,
    "farm": _farm,
}
