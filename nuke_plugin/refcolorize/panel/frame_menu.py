"""What can be done at a frame of the time line, as the menu of a right click."""

from __future__ import annotations

from ..host.qt import QtCore, QtWidgets
from .view import Key

__all__ = ["FrameMenu"]


class FrameMenu(QtWidgets.QMenu):
    """Add a keyframe, or switch and remove the one that is there. Gone when it is closed."""

    key_added = QtCore.Signal(int)
    key_removed = QtCore.Signal(int)
    key_toggled = QtCore.Signal(int)

    def __init__(self, frame: int, key: Key | None, parent: QtWidgets.QWidget) -> None:
        super().__init__(parent)
        self._frame = frame
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose)
        if key is None:
            self.addAction(f"Add keyframe at {frame}").triggered.connect(self._add)
        else:
            switch = f"Switch {'off' if key.used else 'on'} keyframe {frame}"
            self.addAction(switch).triggered.connect(self._toggle)
            self.addAction(f"Remove keyframe {frame}").triggered.connect(self._remove)

    def _add(self) -> None:
        self.key_added.emit(self._frame)

    def _remove(self) -> None:
        self.key_removed.emit(self._frame)

    def _toggle(self) -> None:
        self.key_toggled.emit(self._frame)
