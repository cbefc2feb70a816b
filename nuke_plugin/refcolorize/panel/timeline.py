"""The time line of a shot: thumbnails of the references, keyframes, the confidence curve and the play head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..host.qt import QtCore, QtGui, QtWidgets, point_of
from .frame_menu import FrameMenu
from .state import Keyframe, ShotState
from .timeline_face import TimeLineFace

__all__ = ["TimeLine"]

_SNAP = 5  # pixels
_SHORTCUTS = (
    "Left and Right: previous and next frame. Up and Down: previous and next keyframe. "
    "Insert: add, Delete: remove, Space: switch on or off."
)


class TimeLine(TimeLineFace):
    """Shows a shot's state. The artist's actions are emitted as signals; they change nothing here until a new state."""

    frame_chosen = QtCore.Signal(int)
    key_added = QtCore.Signal(int)
    key_removed = QtCore.Signal(int)
    key_toggled = QtCore.Signal(int)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Time line of the references")
        self.setAccessibleDescription(_SHORTCUTS)

    def show_shot(self, shot: ShotState) -> None:
        """Show the frame range, the keyframes and the play head.

        Args:
            shot: The current state.
        """
        if shot != self._shot:
            self._shot = shot
            self.updateGeometry()
            self.update()

    def show_confidence(self, curve: Sequence[tuple[int, float]], weakest: Sequence[int]) -> None:
        """Show the confidence curve and mark the weakest frames.

        Args:
            curve: Frame and confidence (0..1), in ascending order of frames.
            weakest: The frames to mark.
        """
        if (tuple(curve), tuple(weakest)) != (self._curve, self._weakest):
            self._curve, self._weakest = tuple(curve), tuple(weakest)
            self.update()

    def show_pictures(self, pictures: Mapping[int, QtGui.QImage]) -> None:
        """Show thumbnails of the references. A keyframe without one is a grey box with its number.

        Args:
            pictures: By frame.
        """
        self._pictures = dict(pictures)
        self.update()

    # ---- input

    def mousePressEvent(self, event: QtGui.QMouseEvent) -> None:  # noqa: N802
        """Go to the clicked frame."""
        if event.button() == QtCore.Qt.MouseButton.LeftButton:
            self._choose(self._frame_at(point_of(event)))

    def mouseMoveEvent(self, event: QtGui.QMouseEvent) -> None:  # noqa: N802
        """Go to the frame under the mouse while the left button is pressed."""
        if event.buttons() & QtCore.Qt.MouseButton.LeftButton:
            self._choose(self._scale().frame(point_of(event).x()))

    def mouseDoubleClickEvent(self, event: QtGui.QMouseEvent) -> None:  # noqa: N802
        """Add a keyframe at the frame under the mouse."""
        if event.button() == QtCore.Qt.MouseButton.LeftButton:
            self.key_added.emit(self._frame_at(point_of(event)))

    def contextMenuEvent(self, event: QtGui.QContextMenuEvent) -> None:  # noqa: N802
        """Show the menu of the frame under the mouse."""
        frame = self._frame_at(event.pos())
        menu = FrameMenu(frame, self._key_at(frame), self)
        menu.key_added.connect(self.key_added)
        menu.key_removed.connect(self.key_removed)
        menu.key_toggled.connect(self.key_toggled)
        menu.popup(event.globalPos())

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:  # noqa: N802
        """Run the shortcut of a key (see `_SHORTCUTS`)."""
        shot, qt = self._shot, QtCore.Qt.Key
        frames = [key.frame for key in shot.keys]
        before = max((frame for frame in frames if frame < shot.frame), default=shot.frame)
        after = min((frame for frame in frames if frame > shot.frame), default=shot.frame)
        targets = (
            (qt.Key_Left, shot.frame - 1),
            (qt.Key_Right, shot.frame + 1),
            (qt.Key_Up, before),
            (qt.Key_Down, after),
            (qt.Key_Home, shot.first),
            (qt.Key_End, shot.last),
        )
        pressed = event.key()
        target = next((frame for key, frame in targets if key == pressed), None)
        if target is not None:
            self._choose(min(max(target, shot.first), shot.last))
        elif pressed == qt.Key_Insert:
            self.key_added.emit(shot.frame)
        elif shot.key() and pressed in (qt.Key_Delete, qt.Key_Backspace):
            self.key_removed.emit(shot.frame)
        elif shot.key() and pressed == qt.Key_Space:
            self.key_toggled.emit(shot.frame)
        else:
            event.ignore()

    def event(self, event: QtCore.QEvent) -> bool:
        """Show a tool tip for the frame under the mouse; Qt calls this for every event.

        Args:
            event: The event.

        Returns:
            Whether the event was handled.
        """
        if event.type() == QtCore.QEvent.Type.ToolTip and isinstance(event, QtGui.QHelpEvent):
            QtWidgets.QToolTip.showText(event.globalPos(), self.tooltip_at(event.pos()), self)
            return True
        return super().event(event)

    def tooltip_at(self, point: QtCore.QPoint) -> str:
        """Return the tool tip at a point: the frame, its confidence and the available actions.

        Args:
            point: In the widget's coordinates.
        """
        frame = self._frame_at(point)
        key = self._key_at(frame)
        confidence = dict(self._curve).get(frame)
        suffix = "" if confidence is None else f", confidence {confidence:.2f}"
        swatches = "\nIt has swatches." if frame in self._shot.swatches else ""
        if key is None:
            return f"Frame {frame}{suffix}{swatches}\nClick to go there, double-click to add a keyframe."
        off = "" if key.used else " (switched off)"
        kind = "\nA patch: its reference covers a part of the frame." if key.is_patch else ""
        flaw = f"\nRef {key.flaw} here. Paint it, or switch the keyframe off." if key.flaw else ""
        actions = f"Click to go there, right-click for more.\n{_SHORTCUTS}"
        return f"Keyframe {frame}{off}{suffix}{kind}{flaw}{swatches}\n{actions}"

    def _choose(self, frame: int) -> None:
        if frame != self._shot.frame:
            self.frame_chosen.emit(frame)

    def _frame_at(self, point: QtCore.QPoint) -> int:
        """Return the frame at a point: of the thumbnail there, of a mark nearby, or by the horizontal position."""
        for key, box in reversed(self._boxes_in_paint_order()):
            if box.contains(point):
                return key.frame
        scale = self._scale()
        marks = [*(key.frame for key in self._shot.keys), *self._weakest]
        near = [mark for mark in marks if abs(scale.x(mark) - point.x()) <= _SNAP]
        return min(near, key=lambda mark: abs(scale.x(mark) - point.x())) if near else scale.frame(point.x())

    def _key_at(self, frame: int) -> Keyframe | None:
        return next((key for key in self._shot.keys if key.frame == frame), None)
