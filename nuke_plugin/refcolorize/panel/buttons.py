"""A button as all boxes of the panel have it."""

from __future__ import annotations

from ..host.qt import QtWidgets

__all__ = ["make_button"]


def make_button(text: str, tip: str = "") -> QtWidgets.QPushButton:
    """Make a button that Enter in another field does not press."""
    button = QtWidgets.QPushButton(text)
    button.setToolTip(tip)
    button.setAutoDefault(False)
    return button
