"""The widget that shows the core's state, with buttons to start and stop it and to open its log and its page."""

from __future__ import annotations

from ..host.qt import QtCore, QtGui, QtWidgets
from ..plurals import count_of
from .buttons import make_button
from .state import CoreStatus
from .wrap_row import WrapRow
from .wrapped_text import WrappedText

__all__ = ["CoreBox"]

_GREEN, _GREY, _AMBER = "#74b87a", "#808080", "#f7a11b"


class CoreBox(QtWidgets.QWidget):
    """Shows a CoreStatus. The buttons emit signals; they are disabled between a click and the next `show_core`."""

    asked = QtCore.Signal()
    started = QtCore.Signal()
    stopped = QtCore.Signal()
    log_requested = QtCore.Signal()
    page_requested = QtCore.Signal()

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._lamp, self._title, self._detail = QtWidgets.QLabel("●"), QtWidgets.QLabel(), QtWidgets.QLabel()
        for label in (self._title, self._detail):
            label.setWordWrap(True)
            label.setTextInteractionFlags(QtCore.Qt.TextInteractionFlag.TextSelectableByMouse)
        self._detail.setEnabled(False)
        self.start = make_button("Start", "Start the core on this machine.")
        self.stop = make_button("Stop", "Stop the core. A running job continues when the core starts again.")
        self.log = make_button("Show log", "Open the core's log file.")
        self.page = make_button("Open page", "Open the core's page with jobs, pictures and confidence in a browser.")
        self.question = WrappedText()
        self.stop_now = make_button("Stop the core", "A running job continues when the core starts again.")
        self.keep = make_button("Keep it running")
        self._jobs = 0
        self.start.clicked.connect(self.started)
        self.stop.clicked.connect(self._ask)
        self.stop_now.clicked.connect(self._stop)
        self.keep.clicked.connect(self._keep)
        self.log.clicked.connect(self.log_requested)
        self.page.clicked.connect(self.page_requested)
        grid = QtWidgets.QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setColumnStretch(1, 1)
        grid.setVerticalSpacing(2)
        grid.addWidget(self._lamp, 0, 0, QtCore.Qt.AlignmentFlag.AlignTop)
        grid.addWidget(self._title, 0, 1)
        grid.addWidget(self._detail, 1, 1)
        buttons = WrapRow()
        buttons.add(self.start, self.stop, self.log, self.page)
        grid.addWidget(buttons, 2, 0, 1, 2)
        answers = WrapRow()
        answers.add(self.stop_now, self.keep)
        self.answers = QtWidgets.QWidget()
        column = QtWidgets.QVBoxLayout(self.answers)
        column.setContentsMargins(0, 4, 0, 0)
        column.addWidget(self.question)
        column.addWidget(answers)
        grid.addWidget(self.answers, 3, 0, 1, 2)
        self.answers.hide()
        self.show_busy("Looking for the core")

    def show_core(self, core: CoreStatus) -> None:
        """Show the core's state and enable the buttons.

        Args:
            core: The state.
        """
        self._jobs = core.jobs
        self.answers.setVisible(self.answers.isVisibleTo(self) and core.running)
        self._show(core.title, core.detail, _GREEN if core.running else _AMBER if core.starting else _GREY)
        self.start.setVisible(not core.running)
        self.stop.setVisible(core.running)
        for button, enabled in (
            (self.start, not core.starting),
            (self.stop, True),
            (self.log, True),
            (self.page, core.running),
        ):
            button.setEnabled(enabled)

    def show_busy(self, title: str) -> None:
        """Show that the panel waits for the core, and disable the buttons until the next `show_core`.

        Args:
            title: The line to show.
        """
        self.answers.hide()
        self._show(title, "", _AMBER)
        for button in (self.start, self.stop, self.page):
            button.setEnabled(False)

    def _ask(self) -> None:
        """Ask before the core stops; the question is in the panel, since a modal window may freeze Nuke."""
        jobs = f"{count_of(self._jobs, 'job')} of this machine" if self._jobs else ""
        running = f"{jobs} will wait until the core starts again. Finished frames stay. " if jobs else ""
        self.question.setText(f"{running}Stop the core?")
        self.answers.show()
        self.asked.emit()

    def _stop(self) -> None:
        self.answers.hide()
        self.stopped.emit()

    def _keep(self) -> None:
        self.answers.hide()

    def text(self) -> str:
        """Return the lines that are shown."""
        return "\n".join(label.text() for label in (self._title, self._detail) if label.text())

    def _show(self, title: str, detail: str, color: str) -> None:
        palette = self._lamp.palette()
        palette.setColor(QtGui.QPalette.ColorRole.WindowText, QtGui.QColor(color))
        self._lamp.setPalette(palette)
        self._title.setText(title)
        self._detail.setText(detail)
        self._detail.setVisible(bool(detail))
