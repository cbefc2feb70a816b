"""The dialog of Render on farm: its options, its progress and the written job. GUI and main thread only.

A timer polls the running submission, so no thread ever holds a widget. panel.py explains what a signal may be connected
to.
"""

from __future__ import annotations

import nuke

from ..errors import Busy, RefColorizeError
from ..host.dialogs import show_message
from ..host.main_thread import is_rendering, when_idle
from ..host.qt import QtCore, QtGui, QtWidgets, main_window
from ..jobs import submit
from ..jobs.farm import Submission, SubmitOptions
from ..jobs.farm_choices import FarmChoices
from ..jobs.farm_summary import summarize
from ..node import node_results
from ..node.write_nodes import writes_below
from .buttons import make_button
from .farm_form import FarmForm
from .scrolled_column import ScrolledColumn
from .weak_action import weak_action
from .wrapped_text import WrappedText

__all__ = ["FarmDialog", "close_all", "open_for"]

_POLL_MILLISECONDS = 100
_FORM_MILLISECONDS = 200
_SUMMARY_TICKS = 5  # of the form's timer: how often the node is read again, which may have been changed meanwhile
_WORKING = "Rendering inputs, if any, and writing the job. Nuke stays usable."
_ASKING = "Waiting for an answer about keyframes without colour, in the other window."
_WAITING = "This waits until Nuke has finished rendering."
_AMBER = "#f0b45a"

_open: dict[str, FarmDialog] = {}  # by the node's full name
_of_closed_scripts: set[FarmDialog] = set()  # kept alive until their submissions end and are read


def open_for(node: nuke.Node) -> FarmDialog:
    """Show the dialog of a node and return it; RefColorizeError if the script has no name yet.

    Args:
        node: A RefColorize node.

    Returns:
        The dialog: the node's open one if it is busy, else a new one.
    """
    submit.require_script()
    name = node.fullName()
    if name in _open and not _open[name].is_busy():
        _open[name].close()
    if name not in _open:
        _open[name] = FarmDialog(node, main_window())
    dialog = _open[name]
    dialog.show()
    dialog.raise_()
    dialog.activateWindow()
    return dialog


def close_all() -> None:
    """Close every dialog, because the script is closed: another may have a node of the same name.

    A submission that waits is dropped with its dialog. One that runs goes on, and its dialog still tells how it ends.
    """
    for dialog in tuple(_open.values()):
        dialog.leave_script()


class FarmDialog(QtWidgets.QDialog):
    """The dialog of one node. The last options are offered again in the next dialog of any node, until Nuke ends."""

    _last_options = SubmitOptions()
    _excluded_writes: frozenset[str] = frozenset()

    def __init__(self, node: nuke.Node, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose)
        self._name = node.fullName()
        self._submission: submit.SubmitTask | None = None
        self._waits = False  # whether a submission waits until Nuke is not rendering
        self.setWindowTitle(f"Render {self._name} on the farm")
        self.form = FarmForm(
            writes=writes_below(node),
            versions=[version.number for version in node_results.versions(node) if version.shot_file.is_file()],
            previous=self._last_options,
            excluded=self._excluded_writes,
        )
        self.summary = WrappedText()
        self._choices = FarmChoices("")
        self._summed_up: SubmitOptions | None = None
        self._can_submit = True  # False if the summary says what is wrong
        self._ticks = 0  # of the form's timer, since the summary was made
        self._fitted_height = 0  # as this dialog has set it; another one is the artist's
        self.note, self.status, self.bar = WrappedText(), WrappedText(), QtWidgets.QProgressBar()
        self.note.set_color(QtGui.QColor(_AMBER))
        self.bar.setRange(0, 0)
        self.bar.setTextVisible(False)
        self.result_box = _ResultBox()
        self.submit_button = QtWidgets.QPushButton()
        self.submit_button.setDefault(True)
        self.folder_button = make_button("Open folder")
        self.copy_button = make_button("Copy", "Copy the command line to the clipboard.")
        self.close_button = make_button("Close")
        self._lay_out()
        self._timer = QtCore.QTimer(self)
        self._timer.setInterval(_POLL_MILLISECONDS)
        self._form_timer = QtCore.QTimer(self)
        self._form_timer.setInterval(_FORM_MILLISECONDS)
        self._news_timer = QtCore.QTimer(self)
        self._news_timer.setSingleShot(True)
        self._news_timer.setInterval(0)  # later: the page has no place for a new text yet
        self._connect()
        self._ask_engine()
        self._form_timer.start()
        self._show_form()

    def _lay_out(self) -> None:
        buttons = QtWidgets.QHBoxLayout()
        buttons.addWidget(self.folder_button)
        buttons.addWidget(self.copy_button)
        buttons.addStretch(1)
        buttons.addWidget(self.submit_button)
        buttons.addWidget(self.close_button)
        self._column = QtWidgets.QVBoxLayout(self)
        self._column.setContentsMargins(12, 12, 12, 12)
        self._column.setSpacing(10)
        self._page = ScrolledColumn(
            self.form, self.summary, self.result_box, self.note, self.status, self.bar, spacing=self._column.spacing()
        )
        self._column.addWidget(self._page, 1)
        self._column.addLayout(buttons)

    def _connect(self) -> None:
        self._timer.timeout.connect(self._poll)
        self._form_timer.timeout.connect(self._update_form)
        self._news_timer.timeout.connect(self._show_news)
        self.form.changed.connect(self._update_submit_button)
        self.form.engine.currentIndexChanged.connect(self._ask_engine)
        self.submit_button.clicked.connect(self._send)
        self.close_button.clicked.connect(self.reject)
        self.folder_button.clicked.connect(self._open_folder)
        self.copy_button.clicked.connect(self._copy_command)
        self.finished.connect(self._forget)

    def sizeHint(self) -> QtCore.QSize:  # noqa: N802 (Qt's name)
        """Return the preferred size: at least 440 pixels wide, and as tall as its texts need then."""
        width = max(440, self.minimumSizeHint().width())
        return QtCore.QSize(width, self._height_for(width))

    def is_busy(self) -> bool:
        """Return whether a submission is running, or waits until Nuke is not rendering."""
        return self._waits or (self._submission is not None and not self._submission.ended)

    def leave_script(self) -> None:
        """Close, because the script is closed; if a submission runs, as soon as it has ended without a job."""
        if not self._timer.isActive():
            self.close()
            return
        self._form_timer.stop()  # it would sum up a node of the same name in another script
        _of_closed_scripts.add(self)
        del _open[self._name]

    def reject(self) -> None:
        """Cancel a submission that runs or waits, and close."""
        if self._submission is not None:
            self._submission.cancel()
        super().reject()

    def _forget(self) -> None:
        self._waits = False
        for timer in (self._timer, self._form_timer, self._news_timer):
            timer.stop()
        if _open.get(self._name) is self:
            del _open[self._name]
        _of_closed_scripts.discard(self)

    # ---- the three states: form, busy, result

    def _show_form(self, error: str = "") -> None:
        self._show(form=True, error=error)
        self.form.setEnabled(True)
        self.submit_button.setEnabled(self._can_submit)
        if error:  # the summary may have it too
            self._summed_up = None
            self._update_form()
        self._update_submit_button()

    def _show_busy(self, text: str) -> None:
        self._show(form=True, busy=text)
        self.form.setEnabled(False)
        self.submit_button.setEnabled(False)
        self.close_button.setText("Cancel")

    def _show_result(self, submission: Submission, command: str) -> None:
        self.result_box.show_submission(submission, command)
        self._show(form=False)
        self.close_button.setDefault(True)

    def _show(self, *, form: bool, error: str = "", busy: str = "") -> None:
        self.form.setVisible(form)
        self.summary.setVisible(form)
        self.submit_button.setVisible(form)
        for widget in (self.result_box, self.folder_button, self.copy_button):
            widget.setVisible(not form)
        for label, text in ((self.note, error), (self.status, busy)):
            label.setText(text)
            label.setVisible(bool(text))
        self.bar.setVisible(bool(busy))
        self.close_button.setText("Close")
        self._fit()
        self._news_timer.start()

    def _show_news(self) -> None:
        """Scroll to the error or the progress."""
        if self.summary.isVisible() and not self._can_submit:
            self._page.ensureWidgetVisible(self.summary)
        for widget in (self.note, self.status, self.bar):
            if widget.isVisible():
                self._page.ensureWidgetVisible(widget)

    def _ask_engine(self) -> None:
        """Ask the chosen engine for its pools and groups; `_update_form` takes the answer."""
        self.form.show_choices({})
        self._choices = FarmChoices(self.form.options().engine).start()

    def _update_form(self) -> None:
        """Offer what the engine has answered, and sum up what would be submitted."""
        if self.form.isHidden() or is_rendering():
            return
        self.form.show_choices(self._choices.choices)
        self.form.setToolTip(self._choices.problem)
        options = self.form.options()
        self._ticks += 1
        if options != self._summed_up or (options.version is None and self._ticks >= _SUMMARY_TICKS):
            self._summed_up, self._ticks = options, 0
            self._show_summary(options)
            self._fit()

    def _show_summary(self, options: SubmitOptions) -> None:
        """Show what would be submitted, or why nothing can be; the note does not say the latter again."""
        text, self._can_submit = self._summarize(options)
        color = self.palette().color(QtGui.QPalette.ColorRole.WindowText) if self._can_submit else _AMBER
        self.summary.set_color(QtGui.QColor(color))
        self.summary.setText(text)
        if self.note.text() == self.summary.text():
            self.note.setText("")
            self.note.hide()
        self.submit_button.setEnabled(self._can_submit and not self.is_busy())

    def _summarize(self, options: SubmitOptions) -> tuple[str, bool]:
        """Return the summary, or an error, and whether there is something to submit."""
        node = nuke.toNode(self._name)
        if node is None:
            return self._gone(), False
        try:
            shot = submit.farm_shot(node, options.version)
        except RefColorizeError as error:
            return str(error), False
        return summarize(shot, options), bool(shot.frames)

    def _gone(self) -> str:
        return f"{self._name} is gone. Close this dialog and press Render on farm on another node."

    def _update_submit_button(self) -> None:
        self.submit_button.setText("Submit" if self.form.submits() else "Write")
        self._fit()

    def _fit(self) -> None:
        """Take the height that the texts need at this width, unless the artist has chosen another one."""
        self._page.update_least_size()
        self._column.activate()
        is_own = self.height() == self._fitted_height or not self._fitted_height
        width = max(self.width(), self.minimumSizeHint().width()) if self._fitted_height else self.sizeHint().width()
        if is_own:
            self.resize(width, self._height_for(width))
            self._fitted_height = self.height()

    def _height_for(self, width: int) -> int:
        """Return the height at which nothing needs to be scrolled, as far as the screen has room for it."""
        margins = self._column.contentsMargins()
        page = self._page.height_for(width - margins.left() - margins.right())
        rest = self._column.totalMinimumSize().height() - self._page.minimumHeight()
        return min(page + rest, QtWidgets.QApplication.primaryScreen().availableGeometry().height())

    # ---- the actions

    def _send(self) -> None:
        """Submit as soon as Nuke is not rendering. Until then the dialog says that it waits, and can be cancelled."""
        options = self.form.options()
        FarmDialog._last_options, FarmDialog._excluded_writes = options, frozenset(self.form.unticked())
        self._waits = True
        self._show_busy("Writing the shot")
        when_idle(
            weak_action(self, lambda dialog: dialog._send_now(options)),
            give_up=weak_action(self, lambda dialog, error: dialog._refuse(str(error))),
            waiting=weak_action(self, lambda dialog: dialog._show_busy(_WAITING)),
        )

    def _send_now(self, options: SubmitOptions) -> None:
        if not self._waits:  # the artist has closed the dialog
            return
        node = nuke.toNode(self._name)
        if node is None:
            self._refuse(self._gone())
            return
        try:
            self._submission = submit.send(node, options, in_dialog=True)
        except Busy:
            raise
        except RefColorizeError as error:
            self._refuse(str(error))
        else:
            self._waits = False
            self._show_busy(_WORKING)
            self._timer.start()

    def _refuse(self, error: str) -> None:
        """Show why nothing was submitted, and the form again."""
        if self._waits:
            self._waits = False
            self._show_form(error)

    def _poll(self) -> None:
        """Show the result as soon as the submission has ended, and until then whether it waits for an answer."""
        task = self._submission
        if task is None:
            return
        if not task.ended:
            text = _ASKING if task.is_asking else _WORKING
            if self.status.text() != text:
                self._show_busy(text)
                self.bar.setVisible(not task.is_asking)
            return
        self._timer.stop()
        if task.submitted is not None:
            self._show_result(task.submitted, task.line)
        elif self in _of_closed_scripts:
            self.close()
            show_message(self.windowTitle(), f"Nothing was submitted. {task.error}")
        else:
            self._show_form(str(task.error))

    def _open_folder(self) -> None:
        path = self.result_box.path.text()
        if not QtGui.QDesktopServices.openUrl(QtCore.QUrl.fromLocalFile(path)):
            self._show(form=False, error=f"This machine has no program that opens {path}. Open it in a file browser.")

    def _copy_command(self) -> None:
        QtWidgets.QApplication.clipboard().setText(self.result_box.line.toPlainText())


class _ResultBox(QtWidgets.QWidget):
    """The written job: its id, its path, the farm's message and the command that repeats it."""

    def __init__(self) -> None:
        super().__init__()
        self.title, self.message = WrappedText(), WrappedText()
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
        self.line.setAccessibleName("The command to run by hand")
        form = QtWidgets.QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setRowWrapPolicy(QtWidgets.QFormLayout.RowWrapPolicy.WrapLongRows)
        form.addRow(self.title)
        form.addRow("Job", self.job)
        form.addRow("Path", self.path)
        form.addRow(self.message)
        form.addRow("By hand", self.line)
        self._form = form

    def show_submission(self, submission: Submission, command: str) -> None:
        """Show a written job and the command line that repeats it in a shell."""
        self.title.setText(submission.title())
        self.job.setText(submission.job)
        self.path.setText(submission.path)
        self.path.setToolTip(submission.path)
        self.message.setText(submission.message)
        self.message.setVisible(bool(submission.message))
        self.line.setPlainText(command)
        for widget in (self.job, self._form.labelForField(self.job)):
            widget.setVisible(bool(submission.job))
