"""The list of the core's jobs: running, queued and recently ended ones, each with a progress bar and Cancel."""

from __future__ import annotations

from collections.abc import Sequence

from ..host.qt import QtCore, QtGui, QtWidgets
from .elided import ElidedLabel
from .state import JobRow

__all__ = ["NO_JOBS", "ON_THE_WAY", "QueueList"]

NO_JOBS = "No jobs. Press Colorize to start one."
ON_THE_WAY = "The job is listed here as soon as the core has it."
_BAR_RANGE = 1000
_BAR_HEIGHT = 18
_ONE_LINE = 60  # digits that a line must have room for, if title, bar and Cancel are to stand side by side


class QueueList(QtWidgets.QWidget):
    """Shows rows of jobs. A job keeps its widget as long as it is shown, and with it the keyboard focus."""

    cancelled = QtCore.Signal(str)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._jobs: dict[str, _JobWidget] = {}
        self._layout = QtWidgets.QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(4)
        self._empty = QtWidgets.QLabel(NO_JOBS)
        self._empty.setWordWrap(True)
        self._empty.setEnabled(False)
        self._layout.addWidget(self._empty)

    def show_rows(self, rows: Sequence[JobRow], *, empty: str = NO_JOBS) -> None:
        """Show the current queue.

        Args:
            rows: The jobs, from top to bottom.
            empty: What to say if there are none.
        """
        for removed in self._jobs.keys() - {row.id for row in rows}:
            self._jobs.pop(removed).deleteLater()
        for index, row in enumerate(rows):
            if row.id not in self._jobs:
                self._jobs[row.id] = _JobWidget(row.id)
                self._jobs[row.id].cancelled.connect(self.cancelled)
            job = self._jobs[row.id]
            job.show_row(row)
            if self._layout.indexOf(job) != index:
                self._layout.insertWidget(index, job)
        self._empty.setText(empty)
        self._empty.setVisible(not rows)

    def bar(self, job: str) -> QtWidgets.QProgressBar:
        """Return the progress bar of a job.

        Args:
            job: The id of a job that is shown.
        """
        return self._jobs[job].bar

    def cancel_button(self, job: str) -> QtWidgets.QToolButton:
        """Return the Cancel button of a job.

        Args:
            job: The id of a job that is shown.
        """
        return self._jobs[job].cancel


class _JobWidget(QtWidgets.QWidget):
    """One job of the list: title, progress bar with the state, Cancel."""

    cancelled = QtCore.Signal(str)

    def __init__(self, job: str) -> None:
        super().__init__()
        self._job = job
        self._is_wide: bool | None = None
        self._title = ElidedLabel()
        self.bar = _StateBar()
        self.cancel = QtWidgets.QToolButton()
        self.cancel.setText("Cancel")
        self.cancel.setAutoRaise(True)
        self.cancel.clicked.connect(self._cancel)
        policy = self.cancel.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.cancel.setSizePolicy(policy)
        self._layout = QtWidgets.QGridLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setHorizontalSpacing(6)
        self._layout.setVerticalSpacing(1)
        self._place(is_wide=False)

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """Place the parts for the new width."""
        super().resizeEvent(event)
        self._place(is_wide=event.size().width() >= _ONE_LINE * self.fontMetrics().horizontalAdvance("0"))

    def _place(self, *, is_wide: bool) -> None:
        """Place title, bar and Cancel in one line, or the bar below the other two."""
        if is_wide == self._is_wide:
            return
        self._is_wide = is_wide
        row, column = (0, 1) if is_wide else (1, 0)
        self._layout.addWidget(self._title, 0, 0)
        self._layout.addWidget(self.bar, row, column, 1, 1 if is_wide else 3)
        self._layout.addWidget(self.cancel, 0, 2)
        self._layout.setColumnStretch(0, 2)
        self._layout.setColumnStretch(1, 3 if is_wide else 0)

    def _cancel(self) -> None:
        self.cancelled.emit(self._job)

    def show_row(self, row: JobRow) -> None:
        """Show the current state of the job."""
        font = self._title.font()
        font.setBold(row.own)
        self._title.setFont(font)
        self._title.setText(row.title)
        self._title.setEnabled(row.live)
        self.setToolTip(f"{row.title}: {row.state}\n{row.tooltip}")
        self.bar.setValue(round(row.progress * _BAR_RANGE) if row.live else 0)
        self.bar.show_state(row.state)
        self.bar.setEnabled(row.live)
        self.bar.setAccessibleName(f"{row.title}: {row.state}")
        self.cancel.setVisible(row.live)
        self.cancel.setToolTip(f"Stop {row.title} after the current frame. Finished frames are kept.")


class _StateBar(QtWidgets.QProgressBar):
    """A progress bar with the state of a job, without its remark if there is no room: 37 of 100, 1 h 20 min left."""

    _state = ""  # of the class, since Qt may tell of a font before __init__ has come that far

    def __init__(self) -> None:
        super().__init__()
        self.setRange(0, _BAR_RANGE)
        self.setAlignment(QtCore.Qt.AlignmentFlag.AlignCenter)
        self._fit()

    def show_state(self, state: str) -> None:
        """Show a state; the row's tool tip has all of it."""
        self._state = state
        self._fit()

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """Show as much of the state as there is room for."""
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QtCore.QEvent) -> None:  # noqa: N802
        """Do the same for another font."""
        super().changeEvent(event)
        if event.type() == QtCore.QEvent.Type.FontChange:
            self._fit()

    def _fit(self) -> None:
        metrics = self.fontMetrics()
        self.setMaximumHeight(max(_BAR_HEIGHT, metrics.height() + 2))
        fits = metrics.horizontalAdvance(self._state) <= self.width()
        self.setFormat((self._state if fits else self._state.partition(",")[0]).replace("%", "%%"))
