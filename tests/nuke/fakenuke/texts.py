"""Knobs that hold text: words, files, channels, scripts."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from . import tcl, variables
from .knobs import DO_NOT_WRITE, Knob, text
from .views import with_view

__all__ = [
    "ChannelMask_Knob",
    "Channel_Knob",
    "EvalString_Knob",
    "File_Knob",
    "Multiline_Eval_String_Knob",
    "PyScript_Knob",
    "PythonKnob",
    "Script_Knob",
    "String_Knob",
    "Text_Knob",
]


class String_Knob(Knob):
    """Text that is kept as typed."""

    __slots__ = ("_default", "_string")

    def __init__(self, name: str, label: str | None = None, string: str = "") -> None:
        super().__init__(name, label)
        self._string = self._default = text(string)

    def _memory(self) -> Any:
        return self._string

    def _recall(self, memory: Any) -> None:
        self._string = memory

    def _is_default(self) -> bool:
        return self._string == self._default

    def _write(self) -> str:
        return self._string

    def _read(self, words: str) -> None:
        self._string = words

    def value(self) -> str:
        return self._string

    def getValue(self) -> str:
        return self._string

    def getText(self) -> str:
        return self._string

    def setText(self, val: str) -> None:
        self.setValue(val)

    def setValue(self, val: str, view: str | None = None) -> bool:
        del view
        with self._changing():
            self._string = text(val)
        return True


class EvalString_Knob(String_Knob):
    """Text with Tcl in brackets, which `evaluate` evaluates."""

    __slots__ = ()

    def evaluate(self) -> str:
        return self._text_at(self._session.frame)

    def _text_at(self, frame: float) -> str:
        return tcl.expand(self._string, self.node(), frame)


class Multiline_Eval_String_Knob(EvalString_Knob):
    """Text of several lines."""

    __slots__ = ()


class File_Knob(EvalString_Knob):
    """A file or a sequence; %04d and #### stand for the frame.

    value() and getValue() return %04d for a path written with ####, and toScript() keeps #### (practice: public
    tools that compare the two). getEvaluatedValue() has the current frame and view in the path (practice: Foundry's
    captureViewer.py sets a frame, evaluates, and tests the file), although its docstring promises "technical notation".
    """

    __slots__ = ()

    def value(self) -> str:
        return tcl.technical(self._string) if self._session.disputed.value_is_technical else self._string

    def getValue(self) -> str:
        return self.value()

    def getEvaluatedValue(self) -> str:
        if self._session.disputed.evaluated_has_frame:
            return self.evaluate()
        return tcl.technical(tcl.expand(self._string, self.node(), self._session.frame))

    def evaluate(self) -> str:
        text = self._string
        if self._session.disputed.evaluate_has_variables:
            text = variables.expand(text, self.node())
        path = tcl.technical(tcl.expand(text, self.node(), self._session.frame))
        return self._localized(with_view(tcl.with_frame(path, self._session.frame), self._session.view))

    def _localized(self, path: str) -> str:
        """Return the local copy of a Read's file, under its own name (Nuke's manual, "Localization")."""
        node, folder = self.node(), self._session.localized
        if folder and node.Class() == "Read" and node["localizationPolicy"].value() != "off":
            return f"{folder}/{PurePosixPath(path).name}"
        return path

    def setValue(self, val: str) -> bool:
        return super().setValue(val)

    def fromScript(self, script: str) -> None:
        super().fromScript(script)

    def fromUserText(self, val: str) -> None:
        """Set the text as typed into a Read: "plate.####.exr 1001-1050" also sets its range."""
        path, _, frames = text(val).rpartition(" ")
        first, dash, last = frames.partition("-")
        if not (path and dash and first.isdigit() and last.isdigit()):
            path, first = val, ""
        self.setValue(path)
        for knob, frame in (("first", first), ("last", last), ("origfirst", first), ("origlast", last)):
            if first and knob in self.node().knobs():
                self.node()[knob].setValue(int(frame))


class Channel_Knob(String_Knob):
    """A channel or a layer that must exist."""

    __slots__ = ()

    def _read(self, words: str) -> None:
        if self._node is not None:
            self._session.layers.require(words)
        self._string = words

    def setValue(self, name: str) -> None:
        with self._changing():
            self._read(text(name))


class ChannelMask_Knob(Channel_Knob):
    """Several channels: a layer, "all", or "none"."""

    __slots__ = ()


class Script_Knob(String_Knob):
    """A button that runs its text."""

    __slots__ = ()

    def command(self) -> str:
        return self._string

    def setCommand(self, cmd: str) -> None:
        self.setValue(cmd)

    def execute(self) -> None:
        raise NotImplementedError("the fake runs no Tcl buttons")


class PyScript_Knob(Script_Knob):
    """A button that runs its text as Python."""

    __slots__ = ()
    _FLAGS = 0

    def _definition(self) -> list[str]:
        return ["T", self._string]

    def execute(self) -> None:
        self._session.run_button(self)


class PathRemaps_Knob(String_Knob):
    """The Path Substitutions of the preferences; undocumented. Only toScript() has them (practice: public tools)."""

    __slots__ = ()

    def value(self) -> float:  # type: ignore[override]
        return 0.0


class PythonKnob(String_Knob):
    """The text of a callback, such as knobChanged."""

    __slots__ = ()


class Text_Knob(String_Knob):
    """A line that the artist can only read; also the divider.

    Its text is saved in the script, as T of its addUserKnob line (3584 of 7958 such lines of public scripts have one);
    Cryptomatte sets DO_NOT_WRITE against that.
    """

    __slots__ = ()

    def _is_default(self) -> bool:
        return True

    def _definition(self) -> list[str]:
        keeps = not self.getFlag(DO_NOT_WRITE) or self._session.disputed.saves_text_of_do_not_write
        return ["T", self._string] if self._string and keeps else []
