"""A field for one colour: its value as #rrggbb, and a button that opens Qt's dialog for colours."""

from __future__ import annotations

from ..host.qt import QtCore, QtGui, QtWidgets
from ..node.swatch_lines import is_color
from .buttons import make_button

__all__ = ["ColorField", "color_icon"]

_ICON = (36, 14)  # width and height in pixels


class ColorField(QtWidgets.QWidget):
    """Edits a colour of sRGB. Nuke's own dialog is modal, and gives values of the script's working space."""

    changed = QtCore.Signal()

    def __init__(self, name: str) -> None:
        """Make an empty field.

        Args:
            name: What the colour is, for the title of the dialog and for screen readers.
        """
        super().__init__()
        self._name = name
        self._dialog: QtWidgets.QColorDialog | None = None
        self.button = make_button("", "Choose the colour, also from anywhere on the screen.")
        self.button.setIconSize(QtCore.QSize(*_ICON))
        self.button.setAccessibleName(f"Choose: {name}")
        self.text = QtWidgets.QLineEdit()
        self.text.setPlaceholderText("#rrggbb")
        self.text.setAccessibleName(name)
        self.text.setMaximumWidth(10 * self.text.fontMetrics().horizontalAdvance("0"))
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.button)
        row.addWidget(self.text)
        row.addStretch(1)
        self.button.clicked.connect(self._open)
        self.text.textChanged.connect(self._show)
        self._show()

    def color(self) -> str:
        """Return the colour as #rrggbb; "" if the field has none."""
        text = self.text.text().strip().lower()
        text = text if text.startswith("#") else f"#{text}"
        return text if is_color(text) else ""

    def set_color(self, color: str) -> None:
        """Set the colour.

        Args:
            color: As #rrggbb; "" for none.
        """
        self.text.setText(color)

    def _show(self) -> None:
        self.button.setIcon(color_icon((self.color(),)))
        self.changed.emit()

    def _open(self) -> None:
        """Open Qt's own dialog, which looks and works alike on every platform."""
        if self._dialog is None:
            self._dialog = QtWidgets.QColorDialog(self)
            self._dialog.setOption(QtWidgets.QColorDialog.ColorDialogOption.DontUseNativeDialog)
            self._dialog.setWindowTitle(self._name)
            self._dialog.setModal(False)
            self._dialog.colorSelected.connect(self._take)
        if color := self.color():
            self._dialog.setCurrentColor(QtGui.QColor(color))
        self._dialog.show()
        self._dialog.raise_()

    def _take(self, color: QtGui.QColor) -> None:
        self.set_color(color.name())


def color_icon(colors: tuple[str, ...]) -> QtGui.QIcon:
    """Return an icon of colours side by side.

    Args:
        colors: As #rrggbb; "" leaves a part empty.
    """
    width, height = _ICON
    pixmap = QtGui.QPixmap(width, height)
    pixmap.fill(QtCore.Qt.GlobalColor.transparent)
    painter = QtGui.QPainter(pixmap)
    for index, color in enumerate(colors):
        if color:
            left, right = (round(width * place / len(colors)) for place in (index, index + 1))
            painter.fillRect(left, 0, right - left, height, QtGui.QColor(color))
    painter.end()
    icon = QtGui.QIcon(pixmap)
    icon.addPixmap(pixmap, QtGui.QIcon.Mode.Selected)  # else Qt tints it with the colour of the selection
    return icon
