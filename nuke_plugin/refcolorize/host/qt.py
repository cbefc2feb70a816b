"""The Qt bindings of this Nuke: PySide6 in Nuke 16 and newer (Python 3.11), PySide2 in Nuke 14 and 15.

The version of Python decides, and not which one can be imported: a facility may have the other one on its path for
other tools, and loading both in one process crashes it. The panel uses only names that both have.
"""

from __future__ import annotations

import sys

if sys.version_info >= (3, 11):
    try:
        from PySide6 import QtCore, QtGui, QtWidgets
    except ImportError:
        from PySide2 import QtCore, QtGui, QtWidgets  # type: ignore[import-not-found,no-redef]
else:
    try:
        from PySide2 import QtCore, QtGui, QtWidgets
    except ImportError:
        from PySide6 import QtCore, QtGui, QtWidgets

__all__ = ["QtCore", "QtGui", "QtWidgets", "main_window", "point_of"]


def main_window() -> QtWidgets.QWidget | None:
    """Return Nuke's window, the parent of every dialog; None if there is none.

    The active window is no parent: it may be a menu or another dialog, and takes its children along when it closes.
    """
    windows = QtWidgets.QApplication.topLevelWidgets()
    main_windows = (window for window in windows if isinstance(window, QtWidgets.QMainWindow) and window.isVisible())
    return next(main_windows, None)


def point_of(event: QtGui.QMouseEvent) -> QtCore.QPoint:
    """Return the position of the mouse in its widget. pos() of Qt 5 is deprecated in Qt 6, which has position().

    Args:
        event: A mouse event.
    """
    return event.position().toPoint() if hasattr(event, "position") else event.pos()
