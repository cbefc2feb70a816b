"""Knobs that hold numbers: they animate, take expressions, and convert to Python numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from expressions import evaluate, names
from nkscript import words

from . import tcl
from .animation import AnimationCurve, Number, number_from_script, number_to_script
from .knobs import Knob

__all__ = ["Array_Knob", "Boolean_Knob", "Disable_Knob", "Double_Knob", "Int_Knob", "Unsigned_Knob"]


class Array_Knob(Knob):
    """Numbers, each a constant, a curve or an expression. Channel -1 means all of them."""

    __slots__ = ("_default", "_numbers", "_range")
    _AXES = ""  # names of the numbers in expressions

    def __init__(self, name: str, label: str | None = None, count: int = 1) -> None:
        super().__init__(name, label)
        self._numbers = [Number() for _ in range(count)]
        self._default = [0.0] * count
        self._range: tuple[float, float] | None = None

    # ---- for the fake

    def _memory(self) -> Any:
        return [number.copy() for number in self._numbers]

    def _recall(self, memory: Any) -> None:
        self._numbers = [number.copy() for number in memory]

    def _number_at(self, index: int, frame: float) -> float:
        number = self._numbers[index]
        if number.expression is None:
            return number.at(frame)
        variables = {name: tcl.number(name, self.node(), frame) for name in names(number.expression)}
        return float(evaluate(number.expression, variables, dtype="float64"))

    def _checked(self, value: Any) -> float:
        """Return a value as the stored number; raise TypeError if Nuke would refuse it."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError(f"{self.Class()} {self._name} takes a number, not {type(value).__name__}")
        return float(value)

    def _given(self, number: float) -> Any:
        """Return the number as Python receives it."""
        return number

    def _indices(self, channel: int) -> range:
        count = len(self._numbers)
        if not -1 <= channel < count:
            raise IndexError(f"knob {self._name} has no channel {channel}")
        return range(count) if channel == -1 else range(channel, channel + 1)

    def _is_default(self) -> bool:
        return self._numbers == [Number(value) for value in self._default]

    def _write(self) -> str:
        if not self._is_moving() and len({number.value for number in self._numbers}) == 1:
            return number_to_script(self._numbers[0])
        texts = [number_to_script(number) for number in self._numbers]
        moving = [number.keys is not None or number.expression is not None for number in self._numbers]
        return " ".join(f"{{{text}}}" if moves else text for text, moves in zip(texts, moving))

    def _is_moving(self) -> bool:
        return any(number.keys is not None or number.expression is not None for number in self._numbers)

    def _read(self, text: str) -> None:
        read = [number_from_script(word) for word in words(text)]
        if len(read) not in (1, len(self._numbers)):
            raise ValueError(f"{self._name} {{{text}}}: {len(self._numbers)} numbers are expected")
        self._numbers = [read[index % len(read)].copy() for index in range(len(self._numbers))]

    def _definition(self) -> list[str]:
        return ["R", *(f"{limit:g}" for limit in self._range)] if self._range else []

    def _text_at(self, frame: float) -> str:
        return " ".join(f"{self._number_at(index, frame):g}" for index in range(len(self._numbers)))

    def _set(self, value: float, frame: float, index: int) -> None:
        for at in self._indices(index):
            number = self._numbers[at]
            number.expression = None
            if number.keys is None:
                number.value = value
            else:
                number.set_key(frame, value)

    # ---- Nuke's

    def arraySize(self) -> int:
        return len(self._numbers)

    def value(self, index: int = -1) -> Any:
        return self._at(self._session.frame if self._node else 0, index)

    def getValue(self, index: int = -1) -> Any:
        return self._raw_at(self._session.frame if self._node else 0, index)

    def valueAt(self, time: float, index: int = -1) -> Any:
        return self._at(float(time), index)

    def getValueAt(self, time: float, index: int = -1) -> Any:
        return self._raw_at(float(time), index)

    def _at(self, frame: float, index: int) -> Any:
        if self._node:
            self._session.main_thread.require()
        values = [self._given(self._number_at(at, frame)) for at in self._indices(index)]
        return values[0] if len(values) == 1 else values

    def _raw_at(self, frame: float, index: int) -> Any:
        values = [self._number_at(at, frame) for at in self._indices(index)]
        return values[0] if len(values) == 1 else values

    def setValue(self, val: Any, chan: int = -1) -> bool:
        if isinstance(val, (list, tuple)):
            return self._set_all(val)
        checked = self._checked(val)
        with self._changing():
            self._set(checked, self._session.frame if self._node else 0, chan)
        return True

    def _set_all(self, values: Sequence[Any]) -> bool:
        if len(values) != len(self._numbers):
            raise ValueError(f"expecting a sequence of {len(self._numbers)} floats, {len(values)} found")
        checked = [self._checked(value) for value in values]
        with self._changing():
            for index, value in enumerate(checked):
                self._set(value, self._session.frame if self._node else 0, index)
        return True

    def setValueAt(self, val: Any, time: float, index: int = -1) -> bool:
        checked = self._checked(val)
        with self._changing():
            self._set(checked, float(time), index)
        return True

    def defaultValue(self) -> float:
        return self._default[0]

    def setDefaultValue(self, val: Sequence[float]) -> None:
        self._default = [float(value) for value in val]
        self._numbers = [Number(value) for value in self._default]

    def notDefault(self) -> bool:
        return not self._is_default()

    def setRange(self, low: float, high: float) -> None:
        self._range = (float(low), float(high))

    def min(self) -> float:
        return self._range[0] if self._range else 0.0

    def max(self) -> float:
        return self._range[1] if self._range else 1.0

    # ---- animation

    def isAnimated(self, channel: int = -1) -> bool:
        return any(self._numbers[at].keys is not None for at in self._indices(channel))

    def setAnimated(self, channel: int = -1) -> bool:
        """Begin a curve with a key of the current value at the current frame."""
        with self._changing():
            frame = self._session.frame if self._node else 0
            for at in self._indices(channel):
                if self._numbers[at].keys is None:
                    self._numbers[at].set_key(frame, self._numbers[at].value)
        return True

    def clearAnimated(self, channel: int = -1) -> bool:
        with self._changing():
            frame = self._session.frame if self._node else 0
            for at in self._indices(channel):
                self._numbers[at] = Number(self._number_at(at, frame))
        return True

    def setKeyAt(self, time: float, index: int = -1) -> bool:
        with self._changing():
            for at in self._indices(index):
                self._numbers[at].set_key(float(time), self._numbers[at].at(float(time)))
        return True

    def isKey(self, index: int = -1) -> bool:
        return self.isKeyAt(self._session.frame, index)

    def isKeyAt(self, time: float, index: int = -1) -> bool:
        return any(key.x == time for at in self._indices(index) for key in self._numbers[at].keys or ())

    def removeKey(self, index: int = -1) -> bool:
        return self.removeKeyAt(self._session.frame, index)

    def removeKeyAt(self, time: float, index: int = -1) -> bool:
        found = self.isKeyAt(time, index)
        with self._changing():
            for at in self._indices(index):
                number = self._numbers[at]
                if number.keys is not None:
                    number.value = number.at(float(time))
                    number.keys = [key for key in number.keys if key.x != time] or None
        return found

    def getNumKeys(self, index: int = -1) -> int:
        return sum(len(self._numbers[at].keys or ()) for at in self._indices(index))

    def getKeyTime(self, keyIndex: int, channel: int = 0) -> float:
        return float((self._numbers[channel].keys or [])[keyIndex].x)

    def getKeyList(self) -> list[float]:
        return sorted({float(key.x) for number in self._numbers for key in number.keys or ()})

    def animation(self, chan: int) -> AnimationCurve | None:
        (at,) = self._indices(chan) if chan != -1 else self._indices(0)
        number = self._numbers[at]
        if number.keys is None and number.expression is None:
            return None
        return AnimationCurve(self, at, self._name)

    def animations(self) -> list[AnimationCurve]:
        return [curve for at in range(len(self._numbers)) if (curve := self.animation(at)) is not None]

    def hasExpression(self, index: int = -1) -> bool:
        return any(self._numbers[at].expression is not None for at in self._indices(index))

    def setExpression(self, expression: str, channel: int = -1) -> bool:
        if not isinstance(expression, str):
            raise TypeError(f"expected str, got {type(expression).__name__}")
        with self._changing():
            for at in self._indices(channel):
                self._numbers[at].expression = expression
        return True


class Double_Knob(Array_Knob):
    """A number, or several that have the same value."""

    __slots__ = ()


class Int_Knob(Array_Knob):
    """A whole number; a float is refused, as by Nuke 17."""

    __slots__ = ()

    def _checked(self, value: Any) -> float:
        if not isinstance(value, int):
            raise TypeError(f"{self.Class()} {self._name} takes int, not {type(value).__name__}")
        return float(value)

    def _given(self, number: float) -> int:
        return int(number)


class Unsigned_Knob(Int_Knob):
    """A whole number that is not negative."""

    __slots__ = ()


class Boolean_Knob(Array_Knob):
    """On or off."""

    __slots__ = ()
    _FLAGS = 0

    def __init__(self, name: str, label: str | None = None, value: bool = False) -> None:
        super().__init__(name, label)
        self.setDefaultValue([float(value)])

    def _checked(self, value: Any) -> float:
        if not isinstance(value, (bool, int)):
            raise TypeError(f"{self.Class()} {self._name} takes bool, not {type(value).__name__}")
        return float(bool(value))

    def _given(self, number: float) -> bool:
        return bool(number)

    def _write(self) -> str:
        return super()._write() if self._is_moving() else str(bool(self._numbers[0].value)).lower()

    def _read(self, text: str) -> None:
        super()._read({"true": "1", "false": "0"}.get(text, text))

    def _text_at(self, frame: float) -> str:
        return str(bool(self._number_at(0, frame))).lower()


class Disable_Knob(Boolean_Knob):
    """The knob that disables a node."""

    __slots__ = ()
