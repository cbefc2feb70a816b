"""Qt as Nuke carries it: PySide6 in Nuke 16 and newer, else PySide2. The panel keeps to names that both have."""

from __future__ import annotations

try:
    from PySide6 import QtCore, QtGui, QtWidgets
except ImportError:
    from PySide2 import QtCore, QtGui, QtWidgets  # type: ignore[import-not-found,no-redef]

__all__ = ["QtCore", "QtGui", "QtWidgets", "point_of"]


def point_of(event: QtGui.QMouseEvent) -> QtCore.QPoint:
    """Where the mouse is in its widget: pos() of Qt 5 is deprecated in Qt 6, which has position()."""
    return event.position().toPoint() if hasattr(event, "position") else event.pos()
