"""The core's jobs: what runs, what waits, what ended last; each with a bar, its state in words, and cancel."""

from __future__ import annotations

from collections.abc import Sequence

from ..host.qt import QtCore, QtWidgets
from .elided import ElidedLabel
from .view import Row

__all__ = ["QueueList"]

_STEPS = 1000


class QueueList(QtWidgets.QWidget):
    """Shows rows; a row stays the same widget as long as its job is shown, so that the focus stays where it is."""

    cancelled = QtCore.Signal(str)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._jobs: dict[str, _Job] = {}
        self._layout = QtWidgets.QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(4)
        self._empty = QtWidgets.QLabel("No jobs. Colorize puts one here.")
        self._empty.setWordWrap(True)
        self._empty.setEnabled(False)
        self._layout.addWidget(self._empty)

    def show_rows(self, rows: Sequence[Row]) -> None:
        """The queue as it is now."""
        for gone in self._jobs.keys() - {row.id for row in rows}:
            self._jobs.pop(gone).deleteLater()
        for place, row in enumerate(rows):
            if row.id not in self._jobs:
                self._jobs[row.id] = _Job(row.id)
                self._jobs[row.id].cancelled.connect(self.cancelled)
            job = self._jobs[row.id]
            job.show_row(row)
            if self._layout.indexOf(job) != place:
                self._layout.insertWidget(place, job)
        self._empty.setVisible(not rows)

    def bar(self, job: str) -> QtWidgets.QProgressBar:
        """The bar of a job that is shown."""
        return self._jobs[job].bar

    def cancel_button(self, job: str) -> QtWidgets.QToolButton:
        """The button that cancels a job that is shown."""
        return self._jobs[job].cancel


class _Job(QtWidgets.QWidget):
    """One job in a line: name, bar with words, cancel."""

    cancelled = QtCore.Signal(str)

    def __init__(self, job: str) -> None:
        super().__init__()
        self._job = job
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        self._title = ElidedLabel()
        self.bar = QtWidgets.QProgressBar()
        self.bar.setRange(0, _STEPS)
        self.bar.setMaximumHeight(18)
        self.bar.setAlignment(QtCore.Qt.AlignmentFlag.AlignCenter)
        self.cancel = QtWidgets.QToolButton()
        self.cancel.setText("Cancel")
        self.cancel.setAutoRaise(True)
        self.cancel.clicked.connect(self._cancel)
        policy = self.cancel.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.cancel.setSizePolicy(policy)
        layout.addWidget(self._title, 2)
        layout.addWidget(self.bar, 3)
        layout.addWidget(self.cancel)

    def _cancel(self) -> None:
        self.cancelled.emit(self._job)

    def show_row(self, row: Row) -> None:
        """The job as it is now."""
        font = self._title.font()
        font.setBold(row.own)
        self._title.setFont(font)
        self._title.setText(row.title)
        self._title.setEnabled(row.live)
        self.setToolTip(f"{row.title}: {row.state}\n{row.tip}")
        self.bar.setValue(round(row.share * _STEPS) if row.live else 0)
        self.bar.setFormat(row.state.replace("%", "%%"))
        self.bar.setEnabled(row.live)
        self.bar.setAccessibleName(f"{row.title}: {row.state}")
        self.cancel.setVisible(row.live)
        self.cancel.setToolTip(f"Stop {row.title} after the frame in hand. What is written stays.")
