"""The push buttons of the panel and the farm dialog."""

from __future__ import annotations

from ..host.qt import QtWidgets

__all__ = ["make_button"]


def make_button(text: str, tooltip: str = "") -> QtWidgets.QPushButton:
    """Return a new button that Enter in another field does not press.

    Args:
        text: Its label.
        tooltip: Its tool tip.
    """
    button = QtWidgets.QPushButton(text)
    button.setToolTip(tooltip)
    button.setAutoDefault(False)
    return button
