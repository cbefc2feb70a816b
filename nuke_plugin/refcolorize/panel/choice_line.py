"""A line of text with a list of known values to choose from, if they are known. Another value can always be typed."""

from __future__ import annotations

from collections.abc import Sequence

from ..host.qt import QtCore, QtWidgets

__all__ = ["ChoiceLine"]


class ChoiceLine(QtWidgets.QLineEdit):
    """A line edit. Down, or the button at its right end, opens the list of choices."""

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self._names: tuple[str, ...] = ()
        icon = self.style().standardIcon(QtWidgets.QStyle.StandardPixmap.SP_ArrowDown)
        self._open = self.addAction(icon, QtWidgets.QLineEdit.ActionPosition.TrailingPosition)
        self._open.setToolTip("Choose one that the farm has")
        self._open.setVisible(False)
        self._open.triggered.connect(self._show_list)

    def choices(self) -> tuple[str, ...]:
        """Return the names that can be chosen."""
        return self._names

    def show_choices(self, names: Sequence[str]) -> None:
        """Offer names; what is typed stays.

        Args:
            names: The names; empty if they are not known.
        """
        if tuple(names) == self._names:
            return
        self._names = tuple(names)
        completer = QtWidgets.QCompleter(list(names), self)
        completer.setCompletionMode(QtWidgets.QCompleter.CompletionMode.UnfilteredPopupCompletion)
        completer.setCaseSensitivity(QtCore.Qt.CaseSensitivity.CaseInsensitive)
        self.setCompleter(completer)
        self._open.setVisible(bool(names))

    def _show_list(self) -> None:
        self.setFocus()
        if self.completer() is not None:
            self.completer().complete()
