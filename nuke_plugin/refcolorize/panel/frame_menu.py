"""The context menu of a frame on the time line."""

from __future__ import annotations

from ..host.qt import QtCore, QtWidgets
from .state import Keyframe

__all__ = ["FrameMenu"]


class FrameMenu(QtWidgets.QMenu):
    """Offers to add a keyframe, or to switch or remove the existing one. It is deleted when it closes."""

    key_added = QtCore.Signal(int)
    key_removed = QtCore.Signal(int)
    key_toggled = QtCore.Signal(int)

    def __init__(self, frame: int, key: Keyframe | None, parent: QtWidgets.QWidget) -> None:
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
