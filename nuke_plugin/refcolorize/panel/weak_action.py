"""Actions of a widget that run later, when it may be gone."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TypeVar

from ..host.qt import QtWidgets

__all__ = ["weak_action"]

Widget = TypeVar("Widget", bound=QtWidgets.QWidget)


def weak_action(widget: Widget, action: Callable[..., object]) -> Callable[..., None]:
    """Return a function that runs an action on a widget, but does not keep the widget alive and skips a deleted one.

    Args:
        widget: The first argument of the action.
        action: Called with the widget and the arguments of the returned function.
    """
    reference = weakref.ref(widget)

    def run(*args: object) -> None:
        target = reference()
        if target is not None and _is_alive(target):
            action(target, *args)

    return run


def _is_alive(widget: QtWidgets.QWidget) -> bool:
    try:
        widget.isVisible()
    except RuntimeError:  # PySide raises it if Nuke has deleted the widget
        return False
    return True
