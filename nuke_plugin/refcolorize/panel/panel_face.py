"""How the panel is laid out: one column where it is narrow, the lower half in two where it is wide."""

from __future__ import annotations

from ..host.qt import QtCore, QtGui, QtWidgets
from .core_box import CoreBox
from .elided import ElidedLabel
from .queue_list import QueueList
from .references_box import ReferencesBox
from .version_box import VersionBox
from .view import hint_text

__all__ = ["NodeCombo", "PanelFace"]

_WIDE = 760


class PanelFace(QtWidgets.QWidget):
    """The panel's widgets and their places; what they do is the panel's."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._make_widgets()
        self._lay_out()

    def _make_widgets(self) -> None:
        self.nodes = NodeCombo()
        self.nodes.setToolTip("The RefColorize node that is shown. Selecting one in the node graph shows it too.")
        self.nodes.setAccessibleName("RefColorize node")
        self.status = ElidedLabel()
        self.colorize = QtWidgets.QPushButton("Colorize")
        self.colorize.setToolTip("Colour the shot from its keyframes, as the button on the node does.")
        self.note = QtWidgets.QLabel()
        self.note.setWordWrap(True)
        self.note.setTextInteractionFlags(QtCore.Qt.TextInteractionFlag.TextSelectableByMouse)
        palette = self.note.palette()
        palette.setColor(QtGui.QPalette.ColorRole.WindowText, QtGui.QColor("#f0b45a"))
        self.note.setPalette(palette)
        self.empty = QtWidgets.QLabel(hint_text(None))
        self.empty.setWordWrap(True)
        self.create_node = QtWidgets.QPushButton("Create RefColorize")
        self.references, self.queue, self.versions, self.core = ReferencesBox(), QueueList(), VersionBox(), CoreBox()

    def _lay_out(self) -> None:
        head = QtWidgets.QHBoxLayout()
        head.addWidget(self.nodes)
        head.addWidget(self.status, 1)
        head.addWidget(self.colorize)
        self._for_node = QtWidgets.QWidget()
        of_node = _column(self._for_node)
        of_node.addLayout(head)
        of_node.addWidget(self.references)
        self._for_none = QtWidgets.QWidget()
        of_none = _column(self._for_none)
        of_none.addWidget(self.empty)
        of_none.addWidget(self.create_node, 0, QtCore.Qt.AlignmentFlag.AlignLeft)
        page = QtWidgets.QWidget()
        inside = _column(page)
        inside.setContentsMargins(8, 8, 8, 8)
        inside.setSpacing(10)
        for widget in (self._for_none, self._for_node, self.note):
            inside.addWidget(widget)
        inside.addLayout(self._lay_out_lower())
        inside.addStretch(1)
        scroll = QtWidgets.QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(page)
        _column(self).addWidget(scroll)

    def _lay_out_lower(self) -> QtWidgets.QBoxLayout:
        """Queue, versions and core: two columns, which stand one above the other where the panel is narrow."""
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
        direction = QtWidgets.QBoxLayout.Direction
        self._lower.setDirection(direction.LeftToRight if self.width() >= _WIDE else direction.TopToBottom)
        super().resizeEvent(event)

    def sizeHint(self) -> QtCore.QSize:  # noqa: N802
        return QtCore.QSize(460, 620)


class NodeCombo(QtWidgets.QComboBox):
    """Says when its list is opened, so that the list is made when it is looked at and not all the time."""

    opened = QtCore.Signal()

    def showPopup(self) -> None:  # noqa: N802
        self.opened.emit()
        super().showPopup()


def _column(owner: QtWidgets.QWidget | None) -> QtWidgets.QVBoxLayout:
    column = QtWidgets.QVBoxLayout(owner) if owner is not None else QtWidgets.QVBoxLayout()
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(6)
    return column


def _section(title: str, content: QtWidgets.QWidget) -> QtWidgets.QWidget:
    """A title with a line beside it, and what it stands for."""
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
