"""A real Qt application without a screen, with dark colours as in Nuke."""

from __future__ import annotations

import ctypes
import importlib
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

NUKE_COLORS = {
    "Window": "#323232",
    "WindowText": "#c8c8c8",
    "Base": "#262626",
    "AlternateBase": "#2b2b2b",
    "Text": "#c8c8c8",
    "Button": "#3f3f3f",
    "ButtonText": "#c8c8c8",
    "Highlight": "#c9802b",
    "HighlightedText": "#101010",
    "ToolTipBase": "#1e1e1e",
    "ToolTipText": "#c8c8c8",
}


def application() -> Any:
    """The QApplication of this process, offscreen. Skips the test if PySide or one of its libraries is missing."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    try:
        from refcolorize.host.qt import QtGui, QtWidgets
    except ImportError as error:
        pytest.skip(f"PySide cannot be loaded here ({error})", allow_module_level=True)
    found = QtWidgets.QApplication.instance()
    if found is not None:  # another style in place of the first would polish widgets that are being deleted
        return found
    _keep_none_alive()
    found = QtWidgets.QApplication([])
    QtWidgets.QApplication.setStyle("Fusion")
    palette = QtGui.QPalette()
    for role, color in NUKE_COLORS.items():
        palette.setColor(getattr(QtGui.QPalette.ColorRole, role), QtGui.QColor(color))
    for role in ("WindowText", "Text", "ButtonText"):
        muted = QtGui.QPalette.ColorGroup.Disabled, getattr(QtGui.QPalette.ColorRole, role), QtGui.QColor("#7a7a7a")
        palette.setColor(*muted)
    found.setPalette(palette)
    return found


def _keep_none_alive() -> None:
    """Give None so many references that it is never freed.

    PySide6 6.12 returns None from QPainter's methods without a reference to it, as if it were immortal. It is from
    Python 3.12 on; with 3.11 some thousand paint events end the process ("none_dealloc"). Nuke's PySide6 is older.
    """
    if "PySide6.QtCore" in sys.modules and sys.version_info < (3, 12):
        ctypes.c_ssize_t.from_address(id(None)).value += 10**9


def close_dialogs() -> None:
    """Close every dialog that is still open, as Nuke does when it ends."""
    modules = [sys.modules[name] for name in ("PySide6.QtWidgets", "PySide2.QtWidgets") if name in sys.modules]
    for qt in modules:
        for widget in qt.QApplication.topLevelWidgets() if qt.QApplication.instance() else ():
            if isinstance(widget, qt.QDialog):
                widget.close()
                widget.deleteLater()
        core = sys.modules[qt.__name__.replace("QtWidgets", "QtCore")]
        core.QCoreApplication.sendPostedEvents(None, core.QEvent.DeferredDelete)  # as the event loop would


def qt_test() -> Any:
    """The QtTest module of the PySide that the panel uses."""
    from refcolorize.host.qt import QtCore

    return importlib.import_module(f"{QtCore.__name__.partition('.')[0]}.QtTest")


def wait_until(holds: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Run Qt's event loop as Nuke does until `holds` is true, and return its value; fail after so many seconds."""
    from refcolorize.host.qt import QtCore

    deadline = time.monotonic() + seconds
    loop, tick = QtCore.QEventLoop(), QtCore.QTimer()
    found: list[Any] = []
    raised: list[BaseException] = []

    def look() -> None:
        try:
            found[:] = [holds()]
            assert found[0] or time.monotonic() < deadline, "waited too long"
        except BaseException as error:  # noqa: BLE001  (raised again by the caller; Qt would only print it)
            raised.append(error)
        if raised or found[0]:
            loop.quit()

    tick.timeout.connect(look)
    tick.start(10)
    loop.exec() if hasattr(loop, "exec") else loop.exec_()
    tick.stop()
    tick.timeout.disconnect(look)  # else the timer waits for the collector with all that `holds` knows, widgets too
    if raised:
        raise raised.pop()
    return found[0]


class Heard:
    """What a signal has said."""

    def __init__(self, signal: Any) -> None:
        self.all: list[Any] = []
        signal.connect(lambda *what: self.all.append(what[0] if len(what) == 1 else what))
