"""What can be chosen before a shot goes to the farm, as a form. Fed with plain data; no Nuke."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..core.engines import ENGINES
from ..host.qt import QtCore, QtGui, QtWidgets
from ..jobs.farm import SubmitOptions

__all__ = ["FarmForm"]

_MOST_FRAMES, _MOST_TASKS, _MOST_HANDLES, _MOST_PRIORITY = 100_000, 1_000, 1_000, 100
_MOST_MINUTES = 10_000
_ROWS_SHOWN = 5


class FarmForm(QtWidgets.QWidget):
    """A form that starts with what was wanted before, and gives what is wanted now."""

    changed = QtCore.Signal()

    def __init__(
        self, *, writes: Sequence[str], versions: Sequence[int], before: SubmitOptions, left_out: Collection[str]
    ) -> None:
        """writes: below the node. versions: on disk, the oldest first. left_out: Writes not to be ticked."""
        super().__init__()
        self._make_choices(versions, before)
        self._make_writes(writes, left_out)
        self._make_numbers(before)
        self._make_switches(before)
        names = ("pool", "secondary_pool", "group", "show", "nuke", "comment", "views")
        self._texts = {name: _line(getattr(before, name)) for name in names}
        self._texts["nuke"].setPlaceholderText("nuke, as it is found on the hosts")
        self._texts["nuke"].setToolTip("Nuke's program on the farm's hosts, which renders the Write nodes.")
        self._texts["comment"].setPlaceholderText("none")
        self._texts["views"].setPlaceholderText("as each Write says")
        self._texts["views"].setToolTip("The views that the Write nodes render, with commas between: left,right.")
        self.submit = QtWidgets.QCheckBox("Submit at once")
        self.submit.setToolTip("Off: the job is written and stays here, for you to look at or to submit by hand.")
        self.submit.setChecked(before.submit)
        self._lay_out()
        self.engine.currentIndexChanged.connect(self._show_rows)
        self.submit.toggled.connect(self.changed)
        self._show_rows()

    def wanted(self) -> SubmitOptions:
        """What is chosen now; what the engine does not know is left out."""
        has = ENGINES[self._engine()].has
        texts = {name: line.text().strip() for name, line in self._texts.items() if name in has}
        return SubmitOptions(
            engine=self._engine(),
            version=self.version.currentData(),
            writes=tuple(self.ticked()),
            max_span=_number(self.max_span),
            chunk=_number(self.chunk),
            gpus=0 if "gpus" in has and not self.gpus.isChecked() else None,
            handles=_number(self.handles) if "handles" in has else None,
            priority=_number(self.priority),
            timeout=_number(self.timeout) if "timeout" in has else None,
            proxy="proxy" in has and self.proxy.isChecked(),
            continue_on_error="continue_on_error" in has and self.continue_on_error.isChecked(),
            submit=self.submit.isChecked(),
            **texts,
        )

    def submits(self) -> bool:
        """Whether the job leaves this machine."""
        return ENGINES[self._engine()].submits and self.submit.isChecked()

    def ticked(self) -> list[str]:
        """The Write nodes to be rendered."""
        return [name for name, box in self.writes.items() if box.isChecked()]

    def not_ticked(self) -> list[str]:
        """The others."""
        return [name for name, box in self.writes.items() if not box.isChecked()]

    # ---- the widgets

    def _make_choices(self, versions: Sequence[int], before: SubmitOptions) -> None:
        self.engine, self.version = QtWidgets.QComboBox(), QtWidgets.QComboBox()
        for name, engine in ENGINES.items():
            self.engine.addItem(engine.title, name)
        self.engine.setCurrentIndex(self.engine.findData(before.engine))
        self.engine.setToolTip("Whose job is made of the shot.")
        self.version.addItem("The node as it is now", None)
        for number in reversed(versions):
            self.version.addItem(f"v{number:03d} again", number)
        self.version.setToolTip(
            "A new version where anything has changed since the last one; or one on disk again, of which the farm "
            "makes only the frames that are missing."
        )
        self._hint = _muted("")

    def _make_writes(self, writes: Sequence[str], left_out: Collection[str]) -> None:
        self.writes = {name: QtWidgets.QCheckBox(name) for name in writes}
        inside = QtWidgets.QWidget()
        boxes = QtWidgets.QVBoxLayout(inside)
        boxes.setContentsMargins(0, 3, 0, 3)
        for name, box in self.writes.items():
            box.setChecked(name not in left_out)
            box.setToolTip("A Write node below this node: the farm renders it once the colour is there.")
            boxes.addWidget(box)
        if not writes:
            boxes.addWidget(_muted("No Write node is below this node: the farm makes the colour only."))
        self._writes = QtWidgets.QScrollArea()
        self._writes.setWidgetResizable(True)
        self._writes.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        self._writes.setHorizontalScrollBarPolicy(QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._writes.setWidget(inside)
        rows = max(2, min(len(writes), _ROWS_SHOWN))
        self._writes.setFixedHeight(inside.sizeHint().height() * rows // max(rows, len(writes)))

    def _make_numbers(self, before: SubmitOptions) -> None:
        self.max_span = _spin(before.max_span, least=1, most=_MOST_FRAMES, usual="the usual", unit=" frames")
        self.max_span.setToolTip(
            "The most frames of a task: the fewer, the more hosts share the shot; the pixels stay the same. Usually a "
            "task goes from keyframe to keyframe; on Deadline 10 it has 60 frames."
        )
        self.chunk = _spin(before.chunk, least=1, most=_MOST_TASKS, usual="one task", unit=" tasks")
        self.chunk.setToolTip("How many tasks a host may take at once: they share its start.")
        self.handles = _spin(before.handles, least=1, most=_MOST_HANDLES, usual="none", unit=" frames")
        self.handles.setToolTip(
            "How many frames before and after its own a Write reads, by a time offset or motion blur for example. It "
            "waits for their colour too; of a frame that it does not wait for, it may find the grey plate."
        )
        self.gpus = QtWidgets.QCheckBox("Only on hosts with a GPU")
        self.gpus.setChecked(before.gpus != 0)
        self.priority = _spin(before.priority, least=0, most=_MOST_PRIORITY, usual="the farm's own", unit="")
        self.priority.setToolTip("0 to 100, the highest first.")

    def _make_switches(self, before: SubmitOptions) -> None:
        self.timeout = _spin(before.timeout, least=1, most=_MOST_MINUTES, usual="none", unit=" minutes")
        self.timeout.setToolTip("A task that takes longer fails, and the farm tries it again.")
        self.proxy = QtWidgets.QCheckBox("Render at proxy size")
        self.proxy.setChecked(before.proxy)
        self.continue_on_error = QtWidgets.QCheckBox("Go on after a failed frame")
        self.continue_on_error.setToolTip("A Write node renders the next frame after one that fails.")
        self.proxy.setToolTip("Of the Write nodes; the colour is always made at full size.")
        self.continue_on_error.setChecked(before.continue_on_error)

    def _lay_out(self) -> None:
        self._rows: dict[str, QtWidgets.QWidget] = {
            "gpus": self.gpus,
            "handles": self.handles,
            "priority": self.priority,
            "timeout": self.timeout,
            **self._texts,
            "proxy": self.proxy,
            "continue_on_error": self.continue_on_error,
        }
        self._form = QtWidgets.QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setRowWrapPolicy(QtWidgets.QFormLayout.RowWrapPolicy.WrapLongRows)
        self._form.setFieldGrowthPolicy(QtWidgets.QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for label, field in (
            ("Engine", self.engine),
            ("", self._hint),
            ("Version", self.version),
            ("Then render", self._writes),
            ("Longest task", self.max_span),
            ("Chunk", self.chunk),
            *(("" if isinstance(row, QtWidgets.QCheckBox) else _label(name), row) for name, row in self._rows.items()),
            ("", self.submit),
        ):
            self._form.addRow(label, field)
            if label:
                field.setAccessibleName(label)

    def _show_rows(self) -> None:
        """Those that the engine knows."""
        engine = ENGINES[self._engine()]
        self._hint.setText(ENGINES[self._engine()].hint)
        for name, row in self._rows.items():
            row.setVisible(name in engine.has)
            if (label := self._form.labelForField(row)) is not None:
                label.setVisible(name in engine.has)
        self.submit.setVisible(engine.submits)
        self.changed.emit()

    def _engine(self) -> str:
        return str(self.engine.currentData())


def _label(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _muted(text: str) -> QtWidgets.QLabel:
    label = QtWidgets.QLabel(text)
    label.setWordWrap(True)
    label.setEnabled(False)
    return label


def _line(text: str) -> QtWidgets.QLineEdit:
    line = QtWidgets.QLineEdit(text)
    line.setPlaceholderText("the farm's own")
    palette = line.palette()
    muted = palette.color(QtGui.QPalette.ColorGroup.Disabled, QtGui.QPalette.ColorRole.Text)
    palette.setColor(QtGui.QPalette.ColorRole.PlaceholderText, muted)  # else black on dark in some styles
    line.setPalette(palette)
    return line


def _spin(value: int | None, *, least: int, most: int, usual: str, unit: str) -> QtWidgets.QSpinBox:
    """One below the least stands for what is usual."""
    spin = QtWidgets.QSpinBox()
    spin.setRange(least - 1, most)
    spin.setSpecialValueText(usual)
    spin.setSuffix(unit)
    spin.setValue(least - 1 if value is None else value)
    return spin


def _number(spin: QtWidgets.QSpinBox) -> int | None:
    return None if spin.value() == spin.minimum() else spin.value()
