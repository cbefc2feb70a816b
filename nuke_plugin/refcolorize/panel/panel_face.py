"""The panel's widgets and layout: one column if the panel is narrow; in a wide one, the lower half has two columns."""

from __future__ import annotations

from ..host.qt import QtCore, QtGui, QtWidgets
from .core_box import CoreBox
from .queue_list import QueueList
from .references_box import ReferencesBox
from .version_box import VersionBox
from .view import hint_text
from .wrap_row import WrapRow
from .wrapped_text import WrappedText

__all__ = ["NodeCombo", "PanelFace"]

_WIDE = 760
_NARROW = 300
_MARGIN, _NARROW_MARGIN = 8, 4


class PanelFace(QtWidgets.QWidget):
    """The panel's widgets and their layout, without any behaviour; `Panel` adds that."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._make_widgets()
        self._lay_out()

    def _make_widgets(self) -> None:
        self.nodes = NodeCombo()
        self.nodes.setToolTip("The RefColorize node that the panel shows. You can also select one in the node graph.")
        self.nodes.setAccessibleName("RefColorize node")
        self.nodes.setSizeAdjustPolicy(QtWidgets.QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.status = WrappedText()
        self.colorize = QtWidgets.QPushButton()
        self.show_working(is_working=False)
        self.leave_preview = QtWidgets.QPushButton("Leave preview")
        self.leave_preview.setToolTip("Show the version again at the frames that a preview was laid over.")
        self.note = WrappedText()
        self.note.set_color(QtGui.QColor("#f0b45a"))
        self.empty = QtWidgets.QLabel(hint_text(None))
        self.empty.setWordWrap(True)
        self.create_node = QtWidgets.QPushButton("Create RefColorize")
        self.references, self.queue, self.versions, self.core = ReferencesBox(), QueueList(), VersionBox(), CoreBox()

    def show_working(self, *, is_working: bool) -> None:
        """Let the first button be Colorize, or Cancel while a job runs.

        Args:
            is_working: Whether the node's job is queued or running.
        """
        self.colorize.setText("Cancel" if is_working else "Colorize")
        self.colorize.setToolTip(
            "Stop after the current frame. Finished frames are kept."
            if is_working
            else "Colour the shot from its keyframes, like the button on the node."
        )

    def _lay_out(self) -> None:
        head = WrapRow()
        head.add(self.nodes, self.colorize, self.leave_preview)
        self.leave_preview.hide()
        self._node_section = QtWidgets.QWidget()
        node_column = _column(self._node_section)
        for part in (head, self.status, self.references):
            node_column.addWidget(part)
        self._empty_section = QtWidgets.QWidget()
        empty_column = _column(self._empty_section)
        empty_column.addWidget(self.empty)
        empty_column.addWidget(self.create_node, 0, QtCore.Qt.AlignmentFlag.AlignLeft)
        page = QtWidgets.QWidget()
        inside = _column(page)
        self._page_column = inside
        inside.setSpacing(10)
        for widget in (self._empty_section, self._node_section, self.note):
            inside.addWidget(widget)
        inside.addLayout(self._lay_out_lower())
        inside.addStretch(1)
        scroll = QtWidgets.QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        scroll.setWidget(page)
        _column(self).addWidget(scroll)
        self._scroll, self._reveal = scroll, QtCore.QTimer(self)  # the question has its place a moment later
        self._reveal.setSingleShot(True)
        self._reveal.timeout.connect(self._scroll_to_answers)
        self.core.asked.connect(self._reveal.start)

    def _scroll_to_answers(self) -> None:
        self._scroll.ensureWidgetVisible(self.core.answers)

    def _lay_out_lower(self) -> QtWidgets.QBoxLayout:
        """Return the layout of queue, versions and core: two columns, one above the other if the panel is narrow."""
        left, right = _column(None), _column(None)
        for column in (left, right):
            column.setSpacing(12)
        left.addWidget(_section("Queue", self.queue))
        left.addStretch(1)
        self._versions = _section("Versions", self.versions)
        right.addWidget(self._versions)
        right.addWidget(_section("Core", self.core))
        right.addStretch(1)
        self._lower = QtWidgets.QBoxLayout(QtWidgets.QBoxLayout.Direction.TopToBottom)
        self._lower.setSpacing(12)
        self._lower.addLayout(left, 1)
        self._lower.addLayout(right, 1)
        return self._lower

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """Arrange the lower half for the new width, and leave a narrow panel to its controls."""
        side = _MARGIN if self.width() >= _NARROW else _NARROW_MARGIN
        self._page_column.setContentsMargins(side, _MARGIN, side, _MARGIN)
        direction = QtWidgets.QBoxLayout.Direction
        self._lower.setDirection(direction.LeftToRight if self.width() >= _WIDE else direction.TopToBottom)
        super().resizeEvent(event)

    def sizeHint(self) -> QtCore.QSize:  # noqa: N802
        """Return the preferred size."""
        return QtCore.QSize(460, 620)


class NodeCombo(QtWidgets.QComboBox):
    """A combo box that signals when its list opens, so that the list is updated only then."""

    opened = QtCore.Signal()

    def showPopup(self) -> None:  # noqa: N802
        """Emit `opened`, then show the list."""
        self.opened.emit()
        super().showPopup()


def _column(owner: QtWidgets.QWidget | None) -> QtWidgets.QVBoxLayout:
    column = QtWidgets.QVBoxLayout(owner) if owner is not None else QtWidgets.QVBoxLayout()
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(6)
    return column


def _section(title: str, content: QtWidgets.QWidget) -> QtWidgets.QWidget:
    """Return a widget with a title, a rule to its right, and the content below."""
    section = QtWidgets.QWidget()
    heading = QtWidgets.QLabel(title)
    font = heading.font()
    font.setBold(True)
    heading.setFont(font)
    rule = QtWidgets.QFrame()
    rule.setFrameShape(QtWidgets.QFrame.Shape.HLine)
    rule.setFrameShadow(QtWidgets.QFrame.Shadow.Plain)
    rule.setEnabled(False)
    head = QtWidgets.QHBoxLayout()
    head.addWidget(heading)
    head.addWidget(rule, 1)
    column = _column(section)
    column.addLayout(head)
    column.addWidget(content)
    return section
