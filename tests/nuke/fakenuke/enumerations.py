"""The knob that holds one of a list of words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from . import tcl
from .animation import Number
from .arrays import Unsigned_Knob

__all__ = ["Enumeration_Knob"]


class Enumeration_Knob(Unsigned_Knob):
    """One of a list of words. A word that is not in the list is refused."""

    __slots__ = ("_choices",)

    def __init__(self, name: str, label: str | None = None, values: Sequence[str] = ()) -> None:
        super().__init__(name, label)
        self._choices: Callable[[], list[str]] = list(values).copy

    def _memory(self) -> Any:
        return [number.copy() for number in self._numbers], self._choices()

    def _recall(self, memory: Any) -> None:
        super()._recall(memory[0])
        self._choices = list(memory[1]).copy

    def values(self) -> list[str]:
        return self._choices()

    def setValues(self, items: Sequence[str]) -> None:
        if isinstance(items, str) or not all(isinstance(item, str) for item in items):
            raise TypeError("setValues takes a list of str")
        with self._changing(callbacks=False):
            self._choices = list(items).copy

    def numValues(self) -> int:
        return len(self._choices())

    def enumName(self, n: int) -> str:
        return self._choices()[n]

    def _index(self, value: str) -> float:
        if value not in self._choices():
            raise ValueError(f"{self._name} has no value {value!r}, only {', '.join(self._choices())}")
        return float(self._choices().index(value))

    def _checked(self, value: Any) -> float:
        if isinstance(value, str):
            return self._index(value)
        checked = super()._checked(value)
        if not 0 <= checked < max(1, self.numValues()):
            raise ValueError(f"{self._name} has {self.numValues()} values, not {value + 1}")
        return checked

    def _given(self, number: float) -> Any:
        choices = self._choices()
        return choices[int(number)] if 0 <= int(number) < len(choices) else ""

    def value(self) -> str:
        return str(super().value())

    def getValue(self) -> float:
        return float(super().getValue())

    def _write(self) -> str:
        return super()._write() if self._is_moving() else str(self._given(self._numbers[0].value))

    def _read(self, text: str) -> None:
        if text in self._choices():
            self._numbers = [Number(self._index(text))]
            return
        super()._read(text)
        if self._numbers[0].expression == text:  # a bare word is not an expression: expressions are in braces
            self._index(text)

    def _definition(self) -> list[str]:
        return ["M", " ".join(tcl.quoted(choice) for choice in self._choices())]

    def _text_at(self, frame: float) -> str:
        return str(self._given(self._number_at(0, frame)))
