"""The form with the options of a farm submission. Takes plain data; does not import nuke."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..core.engines import ENGINES
from ..host.qt import QtCore, QtGui, QtWidgets
from ..jobs.farm import SubmitOptions
from ..plurals import noun_of
from .choice_line import ChoiceLine

__all__ = ["FarmForm"]


_MAX_FRAMES, _MAX_TASKS, _MAX_HANDLES, _MAX_PRIORITY = 100_000, 1_000, 1_000, 100
_MAX_MINUTES = 10_000


class FarmForm(QtWidgets.QWidget):
    """A form that edits SubmitOptions."""

    changed = QtCore.Signal()

    def __init__(
        self, *, writes: Sequence[str], versions: Sequence[int], previous: SubmitOptions, excluded: Collection[str]
    ) -> None:
        """Fill the form.

        Args:
            writes: The names of the Write nodes below the node.
            versions: The numbers of the versions on disk, the oldest first.
            previous: The options to start with.
            excluded: The names of Write nodes that start unticked.
        """
        super().__init__()
        self._make_choices(versions, previous)
        self._make_writes(writes, excluded)
        self._make_numbers(previous)
        self._make_switches(previous)
        names = ("pool", "secondary_pool", "group", "show", "facility", "nuke", "comment", "views")
        self._texts = {name: _line_edit(getattr(previous, name)) for name in names}
        self._texts["nuke"].setPlaceholderText("nuke, from the PATH of the hosts")
        self._texts["nuke"].setToolTip("The Nuke executable on the farm hosts; it renders the Write nodes.")
        self._texts["comment"].setPlaceholderText("none")
        self._texts["views"].setPlaceholderText("as set in each Write")
        self._texts["views"].setToolTip("The views that the Write nodes render, separated by commas: left,right.")
        self.submit = QtWidgets.QCheckBox("Submit at once")
        self.submit.setToolTip("Off: the job is only written to disk, so that you can check it or submit it by hand.")
        self.submit.setChecked(previous.submit)
        self._lay_out()
        self.engine.currentIndexChanged.connect(self._show_rows)
        self.submit.toggled.connect(self.changed)
        self._show_rows()

    def options(self) -> SubmitOptions:
        """Return the chosen options. Options that the engine does not support keep their defaults."""
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

    def show_choices(self, choices: Mapping[str, Sequence[str]]) -> None:
        """Offer the names that the farm has.

        Args:
            choices: Field of `SubmitOptions` -> its names. A field that is not in it can be typed only.
        """
        for name, line in self._texts.items():
            line.show_choices(choices.get(name, ()))

    def submits(self) -> bool:
        """Return whether the job is submitted, and not only written."""
        return ENGINES[self._engine()].submits and self.submit.isChecked()

    def ticked(self) -> list[str]:
        """Return the names of the Write nodes to render."""
        return [name for name, box in self.writes.items() if box.isChecked()]

    def unticked(self) -> list[str]:
        """Return the names of the Write nodes that are not to be rendered."""
        return [name for name, box in self.writes.items() if not box.isChecked()]

    # ---- the widgets

    def _make_choices(self, versions: Sequence[int], previous: SubmitOptions) -> None:
        self.engine, self.version = QtWidgets.QComboBox(), QtWidgets.QComboBox()
        for name, engine in ENGINES.items():
            self.engine.addItem(engine.title, name)
        self.engine.setCurrentIndex(self.engine.findData(previous.engine))
        self.engine.setToolTip("The farm software that the job is written for.")
        self.version.addItem("The node as it is now", None)
        for number in reversed(versions):
            self.version.addItem(f"v{number:03d} again", number)
        self.version.setToolTip(
            "The node as it is now: a new version if anything has changed since the last one. A version on disk: the "
            "farm renders only its missing frames."
        )
        self._hint = _muted_label("")

    def _make_writes(self, writes: Sequence[str], excluded: Collection[str]) -> None:
        self.writes = {name: QtWidgets.QCheckBox(name) for name in writes}
        self._writes = QtWidgets.QWidget()
        boxes = QtWidgets.QVBoxLayout(self._writes)
        boxes.setContentsMargins(0, 3, 0, 3)
        for name, box in self.writes.items():
            box.setChecked(name not in excluded)
            box.setToolTip("A Write node below this node. The farm renders it after the colour.")
            boxes.addWidget(box)
        if not writes:
            boxes.addWidget(_muted_label("There is no Write node below this node. The farm renders the colour only."))

    def _make_numbers(self, previous: SubmitOptions) -> None:
        self.max_span = _spin(previous.max_span, least=1, most=_MAX_FRAMES, default="default", unit="frame")
        self.max_span.setToolTip(
            "The maximum number of frames in a task. With fewer frames more hosts share the shot; the result is the "
            "same. By default a task goes from keyframe to keyframe; on Deadline 10 it has 60 frames."
        )
        self.chunk = _spin(previous.chunk, least=1, most=_MAX_TASKS, default="one task", unit="task")
        self.chunk.setToolTip("How many tasks a host takes at once. They share its start-up time.")
        self.handles = _spin(previous.handles, least=1, most=_MAX_HANDLES, default="none", unit="frame")
        self.handles.setToolTip(
            "How many frames before and after its own a Write reads, for example for a time offset or motion blur. The "
            "Write waits for the colour of these frames too. Otherwise it may read the grey plate there."
        )
        self.gpus = QtWidgets.QCheckBox("Only on hosts with a GPU")
        self.gpus.setChecked(previous.gpus != 0)
        self.priority = _spin(previous.priority, least=0, most=_MAX_PRIORITY, default="the farm's default", unit="")
        self.priority.setToolTip("0 to 100; higher numbers run first.")

    def _make_switches(self, previous: SubmitOptions) -> None:
        self.timeout = _spin(previous.timeout, least=1, most=_MAX_MINUTES, default="none", unit="minute")
        self.timeout.setToolTip("A task that takes longer fails, and the farm tries it again.")
        self.proxy = QtWidgets.QCheckBox("Render at proxy size")
        self.proxy.setChecked(previous.proxy)
        self.continue_on_error = QtWidgets.QCheckBox("Continue after a failed frame")
        self.continue_on_error.setToolTip("After a frame that fails, a Write node renders the next one.")
        self.proxy.setToolTip("Applies to the Write nodes only. The colour is always computed at full size.")
        self.continue_on_error.setChecked(previous.continue_on_error)

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
        """Show the rows that the engine supports."""
        engine = ENGINES[self._engine()]
        self._hint.setText(engine.hint)
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


def _muted_label(text: str) -> QtWidgets.QLabel:
    label = QtWidgets.QLabel(text)
    label.setWordWrap(True)
    label.setEnabled(False)
    return label


def _line_edit(text: str) -> ChoiceLine:
    line = ChoiceLine(text)
    line.setPlaceholderText("the farm's default")
    palette = line.palette()
    muted = palette.color(QtGui.QPalette.ColorGroup.Disabled, QtGui.QPalette.ColorRole.Text)
    palette.setColor(QtGui.QPalette.ColorRole.PlaceholderText, muted)  # some styles draw it black on dark
    line.setPalette(palette)
    return line


class _Spin(QtWidgets.QSpinBox):
    """A spin box with a unit, in the singular at 1. One below its least value stands for None."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit
        self.valueChanged.connect(self._show_unit)
        self._show_unit()

    def _show_unit(self) -> None:
        self.setSuffix(f" {noun_of(self.value(), self._unit)}" if self._unit else "")


def _spin(value: int | None, *, least: int, most: int, default: str, unit: str) -> QtWidgets.QSpinBox:
    """Return a spin box for least..most. One below the least stands for None and shows the text `default`."""
    spin = _Spin(unit)
    spin.setRange(least - 1, most)
    spin.setSpecialValueText(default)
    spin.setValue(least - 1 if value is None else value)
    return spin


def _number(spin: QtWidgets.QSpinBox) -> int | None:
    return None if spin.value() == spin.minimum() else spin.value()
