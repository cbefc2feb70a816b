"""The dialog of Add swatch: the objects of the matte at one frame, and the colour for one. GUI and main thread only.

A timer polls the task that asks the core, so no thread ever holds a widget. panel.py explains what a signal may be
connected to.
"""

from __future__ import annotations

from collections.abc import Callable

import nuke

from ..errors import Busy, RefColorizeError
from ..host.main_thread import when_idle
from ..host.qt import QtCore, QtWidgets, main_window
from ..jobs.matte_objects import MatteObject, ObjectsTask, find_objects
from ..node.swatch_lines import Swatch
from ..node.swatches import add_swatch, read_swatches, remove_swatch
from .buttons import make_button
from .color_field import ColorField, color_icon
from .weak_action import weak_action

__all__ = ["SwatchDialog", "close_all", "open_for"]

_POLL_MILLISECONDS = 100
_WAITING = "This waits until Nuke has finished rendering."
_FILTER_FROM = 9  # objects

_open: dict[str, SwatchDialog] = {}  # by the node's full name


def open_for(node: nuke.Node) -> SwatchDialog:
    """Show the dialog of a node for the current frame, in place of its open one.

    Args:
        node: A RefColorize node.

    Returns:
        The dialog, which reads the matte.

    Raises:
        RefColorizeError: If the node has no matte, or the plate does not have the current frame.
    """
    frame = int(nuke.frame())
    read_swatches(node)  # a line that cannot be read is better told before than after the choice
    task = find_objects(node, frame)
    name = node.fullName()
    if name in _open:
        _open[name].close()
    dialog = _open[name] = SwatchDialog(node, task, main_window())
    dialog.show()
    dialog.raise_()
    dialog.activateWindow()
    return dialog


def close_all() -> None:
    """Close every dialog, because the script is closed: another one may have a node of the same name."""
    for dialog in tuple(_open.values()):
        dialog.close()


class SwatchDialog(QtWidgets.QDialog):
    """The dialog of one node and one frame. It stays open, for several objects."""

    def __init__(self, node: nuke.Node, task: ObjectsTask, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.setModal(False)
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose)
        self._name, self._frame, self._task = node.fullName(), task.frame, task
        self._swatches: dict[str, Swatch] = {}  # of this frame, by object
        self._items: list[QtWidgets.QTreeWidgetItem] = []  # the objects, in the list's order
        self.setWindowTitle(f"Swatches of {self._name} at frame {self._frame}")
        self._make_list()
        self.color, self.light = ColorField("The colour"), ColorField("The colour in the light")
        self.has_light = QtWidgets.QCheckBox("Another colour in the light")
        self.has_light.setToolTip(
            "One colour gets lighter and darker with the object, as paint does. With two, the first is that of the "
            "shadow, and the object's lightness chooses between them."
        )
        self.note, self.bar = QtWidgets.QLabel(), QtWidgets.QProgressBar()
        self.note.setWordWrap(True)
        self.note.setTextInteractionFlags(QtCore.Qt.TextInteractionFlag.TextSelectableByMouse)
        self.bar.setRange(0, 0)
        self.bar.setTextVisible(False)
        self.add_button = make_button("Add")
        self.add_button.setDefault(True)
        self.remove_button = make_button("Remove", "Remove the swatch of this object at this frame.")
        self.again_button = make_button("Try again")
        self.close_button = make_button("Close")
        self._lay_out()
        self._timer = QtCore.QTimer(self)
        self._timer.setInterval(_POLL_MILLISECONDS)
        self._connect()
        self._wait()

    def _make_list(self) -> None:
        self.filter, self.objects = QtWidgets.QLineEdit(), QtWidgets.QTreeWidget()
        self.filter.setPlaceholderText("Find an object")
        self.filter.setClearButtonEnabled(True)
        self.objects.setHeaderLabels(["Object", "Covers"])
        self.objects.setRootIsDecorated(False)
        self.objects.setUniformRowHeights(True)
        self.objects.setAccessibleName("Objects of the matte")
        header = self.objects.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QtWidgets.QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QtWidgets.QHeaderView.ResizeMode.ResizeToContents)

    def _lay_out(self) -> None:
        self._label = QtWidgets.QLabel("Colour")
        grid = QtWidgets.QGridLayout()
        grid.addWidget(self._label, 0, 0)
        grid.addWidget(self.color, 0, 1)
        grid.addWidget(self.has_light, 1, 0)
        grid.addWidget(self.light, 1, 1)
        grid.setColumnStretch(1, 1)
        buttons = QtWidgets.QHBoxLayout()
        buttons.addWidget(self.remove_button)
        buttons.addStretch(1)
        for button in (self.add_button, self.again_button, self.close_button):
            buttons.addWidget(button)
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(10)
        column.addWidget(self.filter)
        column.addWidget(self.objects)
        column.addLayout(grid)
        column.addWidget(self.note)
        column.addWidget(self.bar)
        column.addLayout(buttons)
        self.resize(self.sizeHint().expandedTo(QtCore.QSize(420, 360)))

    def _connect(self) -> None:
        self._timer.timeout.connect(self._poll)
        self.filter.textChanged.connect(self._filter)
        self.objects.currentItemChanged.connect(self._show_swatch)
        self.has_light.toggled.connect(self._update)
        self.color.changed.connect(self._update)
        self.light.changed.connect(self._update)
        self.add_button.clicked.connect(self._add)
        self.remove_button.clicked.connect(self._remove)
        self.again_button.clicked.connect(self._try_again)
        self.close_button.clicked.connect(self.reject)
        self.finished.connect(self._forget)

    def _forget(self) -> None:
        self._timer.stop()
        self._task.cancel()
        if _open.get(self._name) is self:
            del _open[self._name]

    # ---- the objects

    def _wait(self) -> None:
        self._show_note(f"Reading the matte of frame {self._frame}. Nuke stays usable.", busy=True)
        self._timer.start()

    def _poll(self) -> None:
        """Show the objects as soon as the core has answered."""
        if not self._task.ended:
            return
        self._timer.stop()
        if self._task.error is not None:
            self._show_note(str(self._task.error), failed=True)
        elif not self._task.objects:
            self._show_note(f"The matte is empty at frame {self._frame}. Go to a frame at which it shows the object.")
        else:
            self._show_note("")
            self._fill(self._task.objects)

    def _fill(self, objects: tuple[MatteObject, ...]) -> None:
        right = QtCore.Qt.AlignmentFlag.AlignRight | QtCore.Qt.AlignmentFlag.AlignVCenter
        for each in objects:
            item = QtWidgets.QTreeWidgetItem([each.name, _percent(each.share)])
            item.setTextAlignment(1, right)
            self.objects.addTopLevelItem(item)
            self._items.append(item)
        self.filter.setVisible(len(self._items) >= _FILTER_FROM)
        try:
            self._read_swatches()
        except RefColorizeError as error:  # the artist has edited the lines since
            self._show_note(str(error))
        self.objects.setCurrentItem(self._items[0])
        self.objects.setFocus()

    def _filter(self, text: str) -> None:
        words = text.strip().lower()
        for item in self._items:
            item.setHidden(words not in item.text(0).lower())
        if not self._object():
            for item in [item for item in self._items if not item.isHidden()][:1]:
                self.objects.setCurrentItem(item)
        self._update()

    def _object(self) -> str:
        item = self.objects.currentItem()
        return "" if item is None or item.isHidden() else item.text(0)

    def _read_swatches(self) -> None:
        """Read the node's swatches of this frame, and show their colours in the list."""
        node = nuke.toNode(self._name)
        found = [] if node is None else read_swatches(node)
        self._swatches = {each.object: each for each in found if each.frame == self._frame}
        for item in self._items:
            swatch = self._swatches.get(item.text(0))
            item.setIcon(0, color_icon(swatch.colors if swatch else ("",)))

    def _show_swatch(self) -> None:
        """Show the colours of the chosen object, if it has any; else those of the last one stay."""
        swatch = self._swatches.get(self._object())
        if swatch is not None:
            self.color.set_color(swatch.colors[0])
            self.light.set_color(swatch.colors[-1] if len(swatch.colors) > 1 else "")
            self.has_light.setChecked(len(swatch.colors) > 1)
        self._update()

    def _colors(self) -> tuple[str, ...]:
        """Return the chosen colours; empty if one is missing."""
        fields = (self.color, self.light) if self.has_light.isChecked() else (self.color,)
        colors = tuple(field.color() for field in fields)
        return colors if all(colors) else ()

    def _update(self) -> None:
        self._label.setText("Colour in shadow" if self.has_light.isChecked() else "Colour")
        self.light.setEnabled(self.has_light.isChecked())
        existing = self._object() in self._swatches
        self.add_button.setText("Change" if existing else "Add")
        self.add_button.setEnabled(bool(self._object() and self._colors()))
        self.remove_button.setEnabled(existing)

    def _show_note(self, text: str, *, busy: bool = False, failed: bool = False) -> None:
        self.note.setText(text)
        self.note.setVisible(bool(text))
        self.bar.setVisible(busy)
        self.again_button.setVisible(failed)
        for widget in (self.objects, self.color, self.light, self.has_light):
            widget.setEnabled(not busy and not failed)
        self.filter.setVisible(len(self._items) >= _FILTER_FROM)
        self._update()

    # ---- the actions

    def _add(self) -> None:
        name, colors, frame = self._object(), self._colors(), self._frame
        self._change("Add swatch", lambda node: add_swatch(node, frame=frame, object=name, colors=colors))

    def _remove(self) -> None:
        name, frame = self._object(), self._frame
        self._change("Remove swatch", lambda node: remove_swatch(node, frame=frame, object=name))

    def _change(self, name: str, change: Callable[[nuke.Node], object]) -> None:
        """Change the node as one step of undo, as soon as Nuke is not rendering."""
        when_idle(
            weak_action(self, lambda dialog: dialog._change_now(name, change)),
            give_up=weak_action(self, lambda dialog, error: dialog._show_note(str(error))),
            waiting=weak_action(self, lambda dialog: dialog._show_note(_WAITING)),
        )

    def _change_now(self, name: str, change: Callable[[nuke.Node], object]) -> None:
        node = nuke.toNode(self._name)
        if node is None:
            self._show_note(f"{self._name} is gone. Close this window, and press Add swatch on another node.")
            return
        try:
            with nuke.Undo():
                nuke.Undo.name(name)
                change(node)
            self._read_swatches()
        except Busy:
            raise
        except RefColorizeError as error:
            self._show_note(str(error))
        else:
            self._show_note("")

    def _try_again(self) -> None:
        when_idle(
            weak_action(self, SwatchDialog._read_again),
            give_up=weak_action(self, lambda dialog, error: dialog._show_note(str(error), failed=True)),
            waiting=weak_action(self, lambda dialog: dialog._show_note(_WAITING, busy=True)),
        )

    def _read_again(self) -> None:
        node = nuke.toNode(self._name)
        if node is None:
            self._show_note(f"{self._name} is gone. Close this window, and press Add swatch on another node.")
            return
        try:
            self._task = find_objects(node, self._frame)
        except Busy:
            raise
        except RefColorizeError as error:
            self._show_note(str(error), failed=True)
        else:
            self._wait()


def _percent(share: float) -> str:
    """Return a share of the picture as text."""
    percent = 100 * share
    return f"{percent:.0f} %" if percent >= 10 else f"{percent:.1f} %" if percent >= 0.1 else "< 0.1 %"
