"""The references of a shot: the time line, the buttons for keyframes, and suggestions for the next keyframe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..host.qt import QtCore, QtGui, QtWidgets
from .buttons import make_button
from .state import NodeState, ShotState
from .timeline import TimeLine
from .view import hint_text
from .wrap_row import WrapRow

__all__ = ["ReferencesBox"]


class ReferencesBox(QtWidgets.QWidget):
    """Shows a node's references. The artist's actions are emitted as signals, with the frame."""

    frame_chosen = QtCore.Signal(int)
    key_added = QtCore.Signal(int)
    key_removed = QtCore.Signal(int)
    key_toggled = QtCore.Signal(int)
    pictures_requested = QtCore.Signal()
    weakest_requested = QtCore.Signal()
    heat_toggled = QtCore.Signal(bool)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._shot = ShotState(1, 1, 1)
        self.line = TimeLine()
        self.line.frame_chosen.connect(self.frame_chosen)
        self.line.key_added.connect(self.key_added)
        self.line.key_removed.connect(self.key_removed)
        self.line.key_toggled.connect(self.key_toggled)
        self.add = make_button("", "Use the reference at the current frame.")
        self.remove = make_button("Remove", "Remove the keyframe at the current frame.")
        self.toggle = make_button("Switch off", "Leave this keyframe out of the next Colorize, or use it again.")
        self.before = make_button("◀", "Go to the previous keyframe.")
        self.after = make_button("▶", "Go to the next keyframe.")
        self.weakest = make_button("Weakest", "Go to the frame of the shown version with the lowest confidence.")
        self.heat = make_button("Heat", "Show red over the picture where the colour is uncertain, as on the node.")
        self.heat.setCheckable(True)
        self.pictures = make_button("", "Render the thumbnails of all keyframes again.")
        self.pictures.setIcon(self.style().standardIcon(QtWidgets.QStyle.StandardPixmap.SP_BrowserReload))
        self.pictures.setAccessibleName("Render the thumbnails of all keyframes")
        self._hint = QtWidgets.QLabel()
        self._hint.setWordWrap(True)
        self._suggestion_row = WrapRow()
        self._suggestions: tuple[_SuggestionButton, ...] = ()
        self._suggested_frames: tuple[int, ...] = ()
        self._connect()
        self._lay_out()

    def _connect(self) -> None:
        self.add.clicked.connect(self._add)
        self.remove.clicked.connect(self._remove)
        self.toggle.clicked.connect(self._toggle)
        self.before.clicked.connect(self._jump_back)
        self.after.clicked.connect(self._jump_forward)
        self.pictures.clicked.connect(self.pictures_requested)
        self.weakest.clicked.connect(self.weakest_requested)
        self.heat.clicked.connect(self.heat_toggled)

    def _lay_out(self) -> None:
        for button, longest_text in (
            (self.add, "Add keyframe at 10000"),
            (self.remove, "Remove"),
            (self.toggle, "Switch off"),
            (self.weakest, "Weakest"),
            (self.heat, "Heat"),
        ):
            button.setFixedWidth(button.fontMetrics().horizontalAdvance(longest_text) + 14)
        for small in (self.before, self.after, self.pictures):
            small.setFixedWidth(26)
        actions = WrapRow()
        actions.add(self.before, self.after, self.add, self.remove, self.toggle, self.weakest, self.heat, self.pictures)
        label = QtWidgets.QLabel("Next keyframe:")
        label.setToolTip("A keyframe at these frames helps most. Go there, paint ref, then press Add keyframe.")
        self._suggestion_row.add(label)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addWidget(self._hint)
        layout.addWidget(self.line)
        layout.addWidget(actions)
        layout.addWidget(self._suggestion_row)
        self._suggestion_row.hide()

    def show_node(self, node: NodeState) -> None:
        """Show a node's shot and keyframes, and a hint if an input or a keyframe is missing.

        Args:
            node: The node's current state.
        """
        self._shot = node.shot
        self.line.show_shot(node.shot)
        key = node.shot.key()
        self.add.setText(f"Add keyframe at {node.shot.frame}")
        self.add.setEnabled(key is None and node.shot.is_in_plate)
        self.remove.setEnabled(key is not None)
        self.toggle.setEnabled(key is not None)
        self.toggle.setText("Switch on" if key and not key.used else "Switch off")
        self.before.setEnabled(any(other.frame < node.shot.frame for other in node.shot.keys))
        self.after.setEnabled(any(other.frame > node.shot.frame for other in node.shot.keys))
        self.weakest.setEnabled(node.version not in ("", "none", "preview"))
        self.heat.setEnabled(node.heat is not None and node.version not in ("", "none"))
        self.heat.setChecked(bool(node.heat))
        self.pictures.setEnabled(bool(node.shot.keys) and node.reference)
        hint = hint_text(node)
        self._hint.setText(hint)
        self._hint.setVisible(bool(hint))

    def show_confidence(
        self,
        curve: Sequence[tuple[int, float]],
        suggested: Sequence[int],
        gains: Mapping[int, float] | None = None,
    ) -> None:
        """Show the confidence of a result, and buttons that go to the suggested keyframes.

        Args:
            curve: Frame and confidence (0..1), in ascending order of frames.
            suggested: The suggested keyframes, the most helpful first.
            gains: Frame -> share of the shot's pixels (0..1) that a keyframe there would put right; None if unknown.
        """
        self.line.show_confidence(curve, suggested)
        if tuple(suggested) == self._suggested_frames:
            return
        self._suggested_frames = tuple(suggested)
        for button in self._suggestions:
            self._suggestion_row.remove(button)
        self._suggestions = tuple(
            _SuggestionButton(frame, first=not index, gain=(gains or {}).get(frame))
            for index, frame in enumerate(suggested)
        )
        for button in self._suggestions:
            button.chosen.connect(self.frame_chosen)
        self._suggestion_row.add(*self._suggestions)
        self._suggestion_row.setVisible(bool(suggested))

    def show_pictures(self, pictures: Mapping[int, QtGui.QImage]) -> None:
        """Show thumbnails of the references.

        Args:
            pictures: By frame.
        """
        self.line.show_pictures(pictures)

    def suggestions(self) -> tuple[QtWidgets.QPushButton, ...]:
        """Return the buttons of the suggested keyframes."""
        return self._suggestions

    def _add(self) -> None:
        self.key_added.emit(self._shot.frame)

    def _remove(self) -> None:
        self.key_removed.emit(self._shot.frame)

    def _toggle(self) -> None:
        self.key_toggled.emit(self._shot.frame)

    def _jump_back(self) -> None:
        self._jump(-1)

    def _jump_forward(self) -> None:
        self._jump(1)

    def _jump(self, direction: int) -> None:
        """Go to the nearest keyframe after (1) or before (-1) the play head."""
        distances = [(key.frame - self._shot.frame) * direction for key in self._shot.keys]
        ahead = [distance for distance in distances if distance > 0]
        if ahead:
            self.frame_chosen.emit(self._shot.frame + min(ahead) * direction)


class _SuggestionButton(QtWidgets.QPushButton):
    """A button that goes to a suggested keyframe, where the artist paints before keying.

    Only the first one has a full text, the others show the number.
    """

    chosen = QtCore.Signal(int)

    def __init__(self, frame: int, *, first: bool, gain: float | None) -> None:
        super().__init__(f"Go to {frame}" if first else str(frame))
        self._frame = frame
        share = f" It would put about {100 * gain:.1f} % of the shot's pixels right." if gain else ""
        self.setToolTip(
            f"Go to frame {frame}, where a keyframe helps.{share} Paint ref there, then press Add keyframe."
        )
        self.setAccessibleName(f"Go to {frame}")
        self.setAutoDefault(False)
        self.clicked.connect(self._choose)

    def _choose(self) -> None:
        self.chosen.emit(self._frame)
