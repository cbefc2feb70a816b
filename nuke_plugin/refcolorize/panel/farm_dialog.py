"""The dialog of Render on farm: what is wanted, how it goes, where it is. GUI and main thread only.

It looks at what runs by a timer, so that no thread ever holds a widget; see panel.py for what signals may lead to.
"""

from __future__ import annotations

import re

import nuke

from ..errors import RefColorizeError
from ..host.qt import QtCore, QtGui, QtWidgets
from ..jobs import submit
from ..jobs.farm import Submission, SubmitOptions
from ..node import nodes
from .buttons import make_button
from .farm_form import FarmForm

__all__ = ["FarmDialog", "open_for"]

_LOOK_MILLISECONDS = 100
_AMBER = "#f0b45a"

_open: dict[str, FarmDialog] = {}  # by the node's full name


def open_for(node: nuke.Node) -> FarmDialog:
    """Show the dialog of a node. Raises RefColorizeError where the script has no name yet."""
    submit.require_script()
    name = node.fullName()
    if name in _open and not _open[name].is_busy():
        _open[name].close()
    if name not in _open:
        _open[name] = FarmDialog(node, QtWidgets.QApplication.activeWindow())
    dialog = _open[name]
    dialog.show()
    dialog.raise_()
    dialog.activateWindow()
    return dialog


class FarmDialog(QtWidgets.QDialog):
    """Of one node; what is chosen is offered again the next time, in any node, until Nuke ends."""

    _before = SubmitOptions()
    _left_out: frozenset[str] = frozenset()

    def __init__(self, node: nuke.Node, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose)
        self._name = node.fullName()
        self._submission: submit.SubmitTask | None = None
        self.setWindowTitle(f"Render {self._name} on the farm")
        self.form = FarmForm(
            writes=submit.writes_below(node),
            versions=[version.number for version in nodes.versions(node)],
            before=self._before,
            left_out=self._left_out,
        )
        self.note, self.status, self.bar = _words(), _words(), QtWidgets.QProgressBar()
        palette = self.note.palette()
        palette.setColor(QtGui.QPalette.ColorRole.WindowText, QtGui.QColor(_AMBER))
        self.note.setPalette(palette)
        self.bar.setRange(0, 0)
        self.bar.setTextVisible(False)
        self.found = _Found()
        self.go = QtWidgets.QPushButton()
        self.go.setDefault(True)
        self.folder, self.copy, self.leave = map(make_button, ("Open folder", "Copy line", "Close"))
        self._lay_out()
        self.resize(self.sizeHint())
        self._timer = QtCore.QTimer(self)
        self._timer.setInterval(_LOOK_MILLISECONDS)
        self._connect()
        self._show_form()

    def _lay_out(self) -> None:
        buttons = QtWidgets.QHBoxLayout()
        buttons.addWidget(self.folder)
        buttons.addWidget(self.copy)
        buttons.addStretch(1)
        buttons.addWidget(self.go)
        buttons.addWidget(self.leave)
        self._column = QtWidgets.QVBoxLayout(self)
        self._column.setContentsMargins(12, 12, 12, 12)
        self._column.setSpacing(10)
        for widget in (self.form, self.found, self.note, self.status, self.bar):
            self._column.addWidget(widget)
        self._column.addStretch(1)
        self._column.addLayout(buttons)

    def _connect(self) -> None:
        self._timer.timeout.connect(self._look)
        self.form.changed.connect(self._show_choice)
        self.go.clicked.connect(self._send)
        self.leave.clicked.connect(self.reject)
        self.folder.clicked.connect(self._open_folder)
        self.copy.clicked.connect(self._copy_line)
        self.finished.connect(self._forget)

    def sizeHint(self) -> QtCore.QSize:  # noqa: N802 (Qt's name)
        return super().sizeHint().expandedTo(QtCore.QSize(440, 0))

    def is_busy(self) -> bool:
        """Whether the core's program runs."""
        return self._submission is not None and not self._submission.ended

    def reject(self) -> None:
        """Close, and cancel what runs."""
        if self._submission is not None:
            self._submission.cancel()
        super().reject()

    def _forget(self) -> None:
        self._timer.stop()
        if _open.get(self._name) is self:
            del _open[self._name]

    # ---- what is shown

    def _show_form(self, refusal: str = "") -> None:
        self._show(form=True, refusal=refusal)
        self.form.setEnabled(True)
        self.go.setEnabled(True)
        self._show_choice()

    def _show_busy(self, words: str) -> None:
        self._show(form=True, busy=words)
        self.form.setEnabled(False)
        self.go.setEnabled(False)
        self.leave.setText("Cancel")

    def _show_found(self, submitted: Submission, line: str) -> None:
        self.found.show_submitted(submitted, line)
        self._show(form=False)
        self.leave.setDefault(True)

    def _show(self, *, form: bool, refusal: str = "", busy: str = "") -> None:
        self.form.setVisible(form)
        self.go.setVisible(form)
        for widget in (self.found, self.folder, self.copy):
            widget.setVisible(not form)
        for label, words in ((self.note, refusal), (self.status, busy)):
            label.setText(_breakable(words))
            label.setVisible(bool(words))
        self.bar.setVisible(bool(busy))
        self.leave.setText("Close")
        self._fit()

    def _show_choice(self) -> None:
        self.go.setText("Submit" if self.form.submits() else "Write")
        self._fit()

    def _fit(self) -> None:
        """As high as its words need at this width: Qt makes room for more of them, but not for lines that wrap."""
        self._column.activate()
        self.resize(self.width(), self._column.totalHeightForWidth(self.width()))

    # ---- what is done

    def _send(self) -> None:
        wanted = self.form.wanted()
        FarmDialog._before, FarmDialog._left_out = wanted, frozenset(self.form.not_ticked())
        node = nuke.toNode(self._name)
        if node is None:
            self._show_form(f"{self._name} is gone. Close this, and press Render on farm of another node.")
            return
        self._show_busy("Writing the shot")
        try:
            self._submission = submit.send(node, wanted)
        except RefColorizeError as error:
            self._show_form(str(error))
        else:
            self._show_busy("Writing the job. Nuke stays usable.")
            self._timer.start()

    def _look(self) -> None:
        """At what runs; show its end."""
        sent = self._submission
        if sent is None or not sent.ended:
            return
        self._timer.stop()
        if sent.submitted is not None:
            self._show_found(sent.submitted, sent.line)
        else:
            self._show_form(str(sent.error))

    def _open_folder(self) -> None:
        path = self.found.path.text()
        if not QtGui.QDesktopServices.openUrl(QtCore.QUrl.fromLocalFile(path)):
            self._show(form=False, refusal=f"Nothing on this machine opens {path}.")

    def _copy_line(self) -> None:
        QtWidgets.QApplication.clipboard().setText(self.found.line.toPlainText())


class _Found(QtWidgets.QWidget):
    """Where the job is."""

    def __init__(self) -> None:
        super().__init__()
        self.title, self.message = _words(), _words()
        self.path, self.job = QtWidgets.QLineEdit(), QtWidgets.QLineEdit()
        for line in (self.path, self.job):
            line.setReadOnly(True)
        font = self.title.font()
        font.setBold(True)
        self.title.setFont(font)
        self.line = QtWidgets.QPlainTextEdit()
        self.line.setReadOnly(True)
        self.line.setFont(QtGui.QFontDatabase.systemFont(QtGui.QFontDatabase.SystemFont.FixedFont))
        self.line.setFixedHeight(5 * self.line.fontMetrics().lineSpacing())
        self.line.setAccessibleName("The line to run by hand")
        form = QtWidgets.QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setRowWrapPolicy(QtWidgets.QFormLayout.RowWrapPolicy.WrapLongRows)
        form.addRow(self.title)
        form.addRow("Job", self.job)
        form.addRow("Path", self.path)
        form.addRow(self.message)
        form.addRow("By hand", self.line)
        self._form = form

    def show_submitted(self, submitted: Submission, line: str) -> None:
        """line: what made the job, to be typed by hand."""
        self.title.setText(submitted.title())
        self.job.setText(submitted.job)
        self.path.setText(submitted.path)
        self.path.setToolTip(submitted.path)
        self.message.setText(_breakable(submitted.message))
        self.message.setVisible(bool(submitted.message))
        self.line.setPlainText(line)
        for widget in (self.job, self._form.labelForField(self.job)):
            widget.setVisible(bool(submitted.job))


def _words() -> QtWidgets.QLabel:
    label = QtWidgets.QLabel()
    label.setWordWrap(True)
    label.setTextInteractionFlags(QtCore.Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def _breakable(words: str) -> str:
    """With places in its paths where a line may end; else a long one would keep the dialog wide."""
    return re.sub(r"(?<=[/\\_])(?=[^\s])", "\u200b", words)
