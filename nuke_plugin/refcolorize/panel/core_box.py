"""The core's state in two lines, and what can be done with it."""

from __future__ import annotations

from ..host.qt import QtCore, QtGui, QtWidgets
from .buttons import make_button
from .view import Core

__all__ = ["CoreBox"]

_GREEN, _GREY, _AMBER = "#74b87a", "#808080", "#f7a11b"


class CoreBox(QtWidgets.QWidget):
    """Shows a Core; the buttons come out as signals. Between a click and the answer all are off, and it says so."""

    started = QtCore.Signal()
    stopped = QtCore.Signal()
    log_wanted = QtCore.Signal()
    page_wanted = QtCore.Signal()

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._lamp, self._title, self._detail = QtWidgets.QLabel("●"), QtWidgets.QLabel(), QtWidgets.QLabel()
        for label in (self._title, self._detail):
            label.setWordWrap(True)
            label.setTextInteractionFlags(QtCore.Qt.TextInteractionFlag.TextSelectableByMouse)
        self._detail.setEnabled(False)
        self.start = make_button("Start", "Start the core on this machine.")
        self.stop = make_button("Stop", "Stop the core. A job that runs goes on when it starts again.")
        self.log = make_button("Show log", "Open the core's log file.")
        self.page = make_button("Open page", "Open the core's page in the browser: jobs, pictures, confidence.")
        self.start.clicked.connect(self.started)
        self.stop.clicked.connect(self.stopped)
        self.log.clicked.connect(self.log_wanted)
        self.page.clicked.connect(self.page_wanted)
        grid = QtWidgets.QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setColumnStretch(1, 1)
        grid.setVerticalSpacing(2)
        grid.addWidget(self._lamp, 0, 0, QtCore.Qt.AlignmentFlag.AlignTop)
        grid.addWidget(self._title, 0, 1)
        grid.addWidget(self._detail, 1, 1)
        buttons = QtWidgets.QHBoxLayout()
        buttons.setContentsMargins(0, 4, 0, 0)
        for button in (self.start, self.stop, self.log, self.page):
            buttons.addWidget(button)
        buttons.addStretch(1)
        grid.addLayout(buttons, 2, 0, 1, 2)
        self.show_busy("Looking for the core")

    def show_core(self, core: Core) -> None:
        """The core as it was found."""
        self._say(core.title, core.detail, _GREEN if core.running else _GREY)
        self.start.setVisible(not core.running)
        self.stop.setVisible(core.running)
        for button, enabled in ((self.start, True), (self.stop, True), (self.log, True), (self.page, core.running)):
            button.setEnabled(enabled)

    def show_busy(self, title: str) -> None:
        """Something is under way; the next `show_core` ends it."""
        self._say(title, "", _AMBER)
        for button in (self.start, self.stop, self.page):
            button.setEnabled(False)

    def words(self) -> str:
        """What is said of the core."""
        return "\n".join(label.text() for label in (self._title, self._detail) if label.text())

    def _say(self, title: str, detail: str, color: str) -> None:
        palette = self._lamp.palette()
        palette.setColor(QtGui.QPalette.ColorRole.WindowText, QtGui.QColor(color))
        self._lamp.setPalette(palette)
        self._title.setText(title)
        self._detail.setText(detail)
        self._detail.setVisible(bool(detail))
