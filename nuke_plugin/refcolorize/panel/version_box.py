"""The list of a node's versions on disk, to choose one and to compare two of them in the viewer."""

from __future__ import annotations

from collections.abc import Sequence

from ..host.qt import QtCore, QtGui, QtWidgets
from ..plurals import count_of, noun_of
from .buttons import make_button
from .state import VersionRow
from .wrap_row import WrapRow

__all__ = ["VersionBox"]

_ICON, _SMALL_ICON, _NO_ICON = (64, 36), (40, 22), (0, 0)  # of a thumbnail, in pixels
_KEYS, _CONFIDENCE = 1, 2  # columns
_LEVELS = (  # how much of a row is shown, from most to least: the picture's size, the column Keys, the whole remark
    (_ICON, True, True),
    (_SMALL_ICON, True, True),
    (_SMALL_ICON, False, True),
    (_NO_ICON, False, True),
    (_NO_ICON, False, False),
)
_COLUMNS = (("Version", 0), ("Keys", 0), ("Confidence", 0), ("Frames", 52), ("Comment", 40), ("Written", 72))
"""Each column's heading, and the width of the list in digits from which on there is room for it."""
_NO_FRAMES = (
    "Its run failed, or a farm has not begun it yet. Clean up removes it, unless a job works on it or it is the newest."
)
_NO_FRAMES_YET = "Its run has not finished a frame yet."
_HEADINGS = [heading for heading, _ in _COLUMNS]


class VersionBox(QtWidgets.QWidget):
    """A list of versions with the buttons Use and Swap. Swap switches between the last two versions that were used.

    Below the list is the comment of the chosen version, or of the one in use if none is chosen.
    """

    used = QtCore.Signal(int)
    commented = QtCore.Signal(int, str)
    clean_up_requested = QtCore.Signal()

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[VersionRow, ...] = ()
        self._node = ""
        self._previous: int | None = None
        self.list = _List()
        self.list.resized.connect(self._fit_columns)
        self.list.setHeaderLabels(_HEADINGS)
        self.list.setIconSize(QtCore.QSize(*_ICON))
        self.list.setRootIsDecorated(False)
        self.list.setAlternatingRowColors(True)
        self.list.setAccessibleName("Versions of this node")
        self.list.setFixedHeight(128)
        self.list.itemActivated.connect(self._use_chosen)
        self.list.currentItemChanged.connect(self._update_buttons)
        self.use, self.swap = make_button("Use"), make_button("Swap")
        self.clean_up = make_button(
            "Clean up...",
            "Find versions and rendered inputs that no job and no script in this folder uses, and ask to remove them.",
        )
        self.clean_up.clicked.connect(self.clean_up_requested)
        self.comment = QtWidgets.QLineEdit()
        self.comment.setAccessibleName("Comment of the version")
        self.comment.editingFinished.connect(self._emit_comment)
        self.use.clicked.connect(self._use_chosen)
        self.swap.clicked.connect(self._swap)
        self._empty = QtWidgets.QLabel("No versions yet. Each Colorize with new settings or inputs writes one.")
        self._empty.setWordWrap(True)
        self._icons: dict[tuple[str, float], QtGui.QIcon] = {}
        self._empty.setEnabled(False)
        buttons = WrapRow()
        buttons.add(self.use, self.swap, self.clean_up)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._empty)
        layout.addWidget(self.list)
        layout.addWidget(self.comment)
        layout.addWidget(buttons)
        self._fill()

    def show_versions(self, rows: Sequence[VersionRow], *, node: str = "") -> None:
        """Show the versions of a node.

        Args:
            rows: The versions, the newest first.
            node: The node's full name. Another name forgets the chosen version and the one for Swap.
        """
        if (tuple(rows), node) == (self._rows, self._node):
            return
        in_use, chosen = self._in_use(), self._chosen()
        self._rows = tuple(rows)
        if node != self._node:
            self._node, self._previous, chosen = node, None, None
        elif in_use not in (None, self._in_use()):
            self._previous = in_use
        self._fill()
        self.choose(chosen)

    def choose(self, number: int | None) -> None:
        """Choose a version in the list, like a click.

        Args:
            number: The version's number. If it is None or not in the list, nothing changes.
        """
        for index, row in enumerate(self._rows):
            item = self.list.topLevelItem(index)
            if item is not None and row.number == number:
                self.list.setCurrentItem(item)

    def _fill(self) -> None:
        blocked = self.list.blockSignals(True)  # while it is cleared, it and the rows do not belong together
        self.list.clear()
        for row in self._rows:
            item = QtWidgets.QTreeWidgetItem(_columns(row))
            for column in range(len(_HEADINGS)):
                item.setToolTip(column, _tooltip(row))
            font = item.font(0)
            font.setBold(row.used)
            item.setFont(0, font)
            if row.thumbnail:
                item.setIcon(0, self._icon(row.thumbnail))
            self.list.addTopLevelItem(item)
        self.list.blockSignals(blocked)
        self._fit_columns()
        for widget in (self.list, self.use, self.swap, self.clean_up, self.comment):
            widget.setVisible(bool(self._rows))
        self._empty.setVisible(not self._rows)
        self._update_buttons()

    def _icon(self, path: str) -> QtGui.QIcon:
        """Return the icon of a thumbnail, read again after it has changed."""
        key = path, QtCore.QFileInfo(path).lastModified().toMSecsSinceEpoch()
        if key not in self._icons:
            self._icons[key] = QtGui.QIcon(path)
        return self._icons[key]

    def _fit_columns(self) -> None:
        """Show as much of each row as there is room for, the version and its confidence always; tool tips have all."""
        digits = self.width() // max(1, self.fontMetrics().horizontalAdvance("0"))
        for column, (_, least) in enumerate(_COLUMNS):
            self.list.setColumnHidden(column, digits < least)
        for icon, has_keys, is_whole in _LEVELS:
            self.list.setIconSize(QtCore.QSize(*icon))
            self.list.setColumnHidden(_KEYS, not has_keys)
            for index, row in enumerate(self._rows):
                item = self.list.topLevelItem(index)
                if item is not None:
                    item.setText(0, _version_text(row, is_whole=is_whole))
            if self._width_needed() <= self.list.viewport().width():
                break
        for column in range(len(_HEADINGS) - 1):
            self.list.resizeColumnToContents(column)

    def _width_needed(self) -> int:
        """Return the width of the columns up to the confidence, in pixels."""
        header = self.list.header()
        shown = [column for column in range(_CONFIDENCE + 1) if not self.list.isColumnHidden(column)]
        return sum(max(self.list.sizeHintForColumn(column), header.sectionSizeHint(column)) for column in shown)

    def _in_use(self) -> int | None:
        return next((row.number for row in self._rows if row.used), None)

    def _chosen(self) -> int | None:
        index = self.list.currentIndex().row()
        return self._rows[index].number if index >= 0 else None

    def _swap_target(self) -> int | None:
        """Return the version that Swap shows: the one in use before, else the next older one, else the next newer."""
        numbers, in_use = [row.number for row in self._rows if row.frames], self._in_use()
        older = [number for number in numbers if in_use is None or number < in_use]
        newer = [number for number in reversed(numbers) if in_use is not None and number > in_use]
        nearest = next(iter([*older, *newer]), None)
        return self._previous if self._previous in numbers and self._previous != in_use else nearest

    def _use_chosen(self) -> None:
        self._use(self._chosen())

    def _swap(self) -> None:
        self._use(self._swap_target())

    def _use(self, number: int | None) -> None:
        if number is not None and number != self._in_use():
            self.used.emit(number)

    def _commented_version(self) -> VersionRow | None:
        """Return the version whose comment is shown."""
        number = self._in_use() if self._chosen() is None else self._chosen()
        return next((row for row in self._rows if row.number == number), None)

    def _emit_comment(self) -> None:
        row = self._commented_version()
        if row is not None and self.comment.text().strip() != row.comment:
            self.commented.emit(row.number, self.comment.text().strip())

    def _show_comment(self) -> None:
        row = self._commented_version()
        self.comment.setEnabled(row is not None)
        self.comment.setPlaceholderText("" if row is None else f"Comment on v{row.number:03d}")
        if not self.comment.hasFocus() or not self.comment.isModified():
            self.comment.setText("" if row is None else row.comment)

    def _update_buttons(self) -> None:
        self._show_comment()
        chosen, other, in_use = self._chosen(), self._swap_target(), self._in_use()
        self.use.setEnabled(chosen not in (None, in_use))
        self.use.setText("Use" if chosen is None else f"Use v{chosen:03d}")
        self.use.setToolTip("Show the chosen version in the node.")
        self.swap.setEnabled(len(self._rows) > 1 and other is not None)
        self.swap.setText("Swap" if other is None else f"Swap with v{other:03d}")
        self.swap.setToolTip(
            "When there are two versions, this button switches between them."
            if other is None or len(self._rows) < 2
            else f"Show v{other:03d} in the node instead, to compare the two in the viewer. Press again to go back."
        )


class _List(QtWidgets.QTreeWidget):
    """A list that tells when its width has changed."""

    resized = QtCore.Signal()

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """Emit `resized`, if it has another width."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.resized.emit()


def _version_text(row: VersionRow, *, is_whole: bool) -> str:
    """Return the name of a version with a remark; without room "!" for a warning, and bold type for "in use"."""
    remark = "" if not row.used else "out of date" if row.stale else "in use"
    remark = remark if is_whole or not remark else "!" if row.stale else ""
    if not row.frames or row.missing:
        remark = "!" if not is_whole else "frames missing" if row.frames else "no frames"
    return f"v{row.number:03d}  {remark}".rstrip()


def _columns(row: VersionRow) -> list[str]:
    confidence = "" if row.confidence is None else f"{100 * row.confidence:.1f} %"
    keys = str(len(row.keys)) if row.keys else ""
    return [_version_text(row, is_whole=True), keys, confidence, str(row.frames), row.comment, row.written]


def _tooltip(row: VersionRow) -> str:
    keys = ", ".join(map(str, row.keys))
    confidence = "" if row.confidence is None else f"Mean confidence {100 * row.confidence:.1f} %"
    lines = (
        f"v{row.number:03d}, {count_of(row.frames, 'frame')}, {row.written}",
        f"{count_of(row.missing, 'frame')} missing on disk" if row.missing else "",
        "" if row.frames else _NO_FRAMES_YET if row.working else _NO_FRAMES,
        row.stale,
        f"{noun_of(len(row.keys), 'Keyframe')} {keys}" if keys else "",
        confidence,
        row.comment,
    )
    return "\n".join(line for line in lines if line)
