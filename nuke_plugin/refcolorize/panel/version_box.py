"""The versions a node has on disk: which one it shows, and two of them in turn, to compare them in the viewer."""

from __future__ import annotations

from collections.abc import Sequence

from ..host.qt import QtCore, QtWidgets
from .buttons import make_button
from .view import VersionLine

__all__ = ["VersionBox"]


class VersionBox(QtWidgets.QWidget):
    """A list of versions with Use, and Swap, which goes back and forth between the two that were used last.

    Below it the comment of the version that is chosen, else of the one in use.
    """

    used = QtCore.Signal(int)
    commented = QtCore.Signal(int, str)
    clean_up_wanted = QtCore.Signal()

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines: tuple[VersionLine, ...] = ()
        self._node = ""
        self._before: int | None = None
        self.list = QtWidgets.QTreeWidget()
        self.list.setHeaderLabels(["Version", "Frames", "Keyframes", "Confidence", "Comment", "Written"])
        self.list.setRootIsDecorated(False)
        self.list.setAlternatingRowColors(True)
        self.list.setAccessibleName("Versions of this node")
        self.list.setFixedHeight(104)
        self.list.itemActivated.connect(self._use_chosen)
        self.list.currentItemChanged.connect(self._update_buttons)
        self.use, self.swap = make_button("Use"), make_button("Swap")
        self.clean_up = make_button(
            "Clean up...", "Count the versions and rendered inputs that nothing refers to, and ask to remove them."
        )
        self.clean_up.clicked.connect(self.clean_up_wanted)
        self.comment = QtWidgets.QLineEdit()
        self.comment.setAccessibleName("Comment of the version")
        self.comment.editingFinished.connect(self._comment_chosen)
        self.use.clicked.connect(self._use_chosen)
        self.swap.clicked.connect(self._use_other)
        self._empty = QtWidgets.QLabel("No versions yet. Each Colorize with other settings writes a new one.")
        self._empty.setWordWrap(True)
        self._empty.setEnabled(False)
        buttons = QtWidgets.QHBoxLayout()
        for button in (self.use, self.swap):
            buttons.addWidget(button)
        buttons.addStretch(1)
        buttons.addWidget(self.clean_up)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._empty)
        layout.addWidget(self.list)
        layout.addWidget(self.comment)
        layout.addLayout(buttons)
        self._fill()

    def show_versions(self, lines: Sequence[VersionLine], *, node: str = "") -> None:
        """The versions there are, the newest first. node: whose they are."""
        if (tuple(lines), node) == (self._lines, self._node):
            return
        before, chosen = self._in_use(), self._chosen()
        self._lines = tuple(lines)
        if node != self._node:
            self._node, self._before, chosen = node, None, None
        elif before not in (None, self._in_use()):
            self._before = before
        self._fill()
        self.choose(chosen)

    def choose(self, number: int | None) -> None:
        """Choose a version in the list, as a click does."""
        for index, line in enumerate(self._lines):
            item = self.list.topLevelItem(index)
            if item is not None and line.number == number:
                self.list.setCurrentItem(item)

    def _fill(self) -> None:
        self.list.clear()
        for line in self._lines:
            item = QtWidgets.QTreeWidgetItem(_columns(line))
            item.setToolTip(2, ", ".join(map(str, line.keys)))
            item.setToolTip(4, line.comment)
            font = item.font(0)
            font.setBold(line.used)
            item.setFont(0, font)
            if line.used:
                item.setText(0, f"v{line.number:03d}  in use")
            self.list.addTopLevelItem(item)
        for column in range(4):
            self.list.resizeColumnToContents(column)
        for widget in (self.list, self.use, self.swap, self.clean_up, self.comment):
            widget.setVisible(bool(self._lines))
        self._empty.setVisible(not self._lines)
        self._update_buttons()

    def _in_use(self) -> int | None:
        return next((line.number for line in self._lines if line.used), None)

    def _chosen(self) -> int | None:
        index = self.list.currentIndex().row()
        return self._lines[index].number if index >= 0 else None

    def _other(self) -> int | None:
        """What Swap shows next: the version that was in use before, else the one below, else the one above."""
        numbers, now = [line.number for line in self._lines], self._in_use()
        older = [number for number in numbers if now is None or number < now]
        newer = [number for number in reversed(numbers) if now is not None and number > now]
        nearest = next(iter([*older, *newer]), None)
        return self._before if self._before in numbers and self._before != now else nearest

    def _use_chosen(self) -> None:
        self._use(self._chosen())

    def _use_other(self) -> None:
        self._use(self._other())

    def _use(self, number: int | None) -> None:
        if number is not None and number != self._in_use():
            self.used.emit(number)

    def _commented(self) -> VersionLine | None:
        """The version whose comment is shown."""
        number = self._in_use() if self._chosen() is None else self._chosen()
        return next((line for line in self._lines if line.number == number), None)

    def _comment_chosen(self) -> None:
        line = self._commented()
        if line is not None and self.comment.text().strip() != line.comment:
            self.commented.emit(line.number, self.comment.text().strip())

    def _show_comment(self) -> None:
        line = self._commented()
        self.comment.setEnabled(line is not None)
        self.comment.setPlaceholderText("" if line is None else f"Comment on v{line.number:03d}")
        if not self.comment.hasFocus() or not self.comment.isModified():
            self.comment.setText("" if line is None else line.comment)

    def _update_buttons(self) -> None:
        self._show_comment()
        chosen, other, now = self._chosen(), self._other(), self._in_use()
        self.use.setEnabled(chosen not in (None, now))
        self.use.setText("Use" if chosen is None else f"Use v{chosen:03d}")
        self.use.setToolTip("Show the chosen version in the node.")
        self.swap.setEnabled(len(self._lines) > 1 and other is not None)
        self.swap.setText("Swap" if other is None else f"Swap with v{other:03d}")
        self.swap.setToolTip(
            "With a second version, this goes back and forth between the two."
            if other is None or len(self._lines) < 2
            else f"Show v{other:03d} in the node instead; press again to go back. The viewer compares the two so."
        )


def _columns(line: VersionLine) -> list[str]:
    sure = "" if line.confidence is None else f"{round(100 * line.confidence)} %"
    keys = str(len(line.keys)) if line.keys else ""
    return [f"v{line.number:03d}", str(line.frames), keys, sure, line.comment, line.written]
