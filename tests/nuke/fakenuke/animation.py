"""Curves and keys. A number of a knob is a constant, a curve with keys, or an expression."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nkscript import words

if TYPE_CHECKING:
    from .arrays import Array_Knob

# The names are documented, but not Nuke's own numbers.
HORIZONTAL, BREAK, BEFORE_CONST, BEFORE_LINEAR, AFTER_CONST, AFTER_LINEAR = 1, 2, 4, 8, 16, 32
USER_SET_SLOPE, SMOOTH, LINEAR, CONSTANT, CATMULL_ROM, CUBIC = 64, 128, 256, 512, 1024, 2048

_LETTERS = {"K": CONSTANT, "L": LINEAR, "C": CUBIC, "H": HORIZONTAL, "R": CATMULL_ROM}
_LETTER_OF = {interpolation: letter for letter, interpolation in _LETTERS.items()}
_FIELDS = ("x", "y", "interpolation", "extrapolation", "la", "ra", "lslope", "rslope", "selected")


class AnimationKey:
    """A key: frame x, value y."""

    __slots__ = ("_curve", "_fields")

    def __init__(self, x: float, y: float, interpolation: int = SMOOTH) -> None:
        self._curve: AnimationCurve | None = None
        self._fields: dict[str, Any] = dict.fromkeys(_FIELDS, 0.0)
        self._fields.update(x=float(x), y=float(y), interpolation=interpolation, extrapolation=0, la=1.0, ra=1.0)
        self._fields["selected"] = False

    def _copy(self) -> AnimationKey:
        copy = AnimationKey(0, 0)
        copy._fields = dict(self._fields)
        return copy

    def _editing(self) -> AbstractContextManager[None]:
        return nullcontext() if self._curve is None else self._curve._editing()

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AnimationKey) and self._fields == other._fields


def _field(name: str) -> property:
    def get(key: AnimationKey) -> Any:
        return key._fields[name]

    def set_(key: AnimationKey, value: Any) -> None:
        with key._editing():
            key._fields[name] = type(key._fields[name])(value)

    return property(get, set_)


for _name in _FIELDS:
    setattr(AnimationKey, _name, _field(_name))


@dataclass
class Number:
    """One number of a knob: a constant if keys and expression are None."""

    value: float = 0.0
    keys: list[AnimationKey] | None = None
    expression: str | None = None

    def copy(self) -> Number:
        """Return a copy with its own keys."""
        return Number(self.value, None if self.keys is None else [key._copy() for key in self.keys], self.expression)

    def at(self, frame: float) -> float:
        """Return the value without the expression. Between keys it is constant or linear, unlike Nuke's."""
        if not self.keys:
            return self.value
        before = [key for key in self.keys if key.x <= frame]
        after = [key for key in self.keys if key.x > frame]
        if not before or not after:
            return float((before[-1] if before else after[0]).y)
        left, right = before[-1], after[0]
        if left.interpolation == CONSTANT:
            return float(left.y)
        return float(left.y + (right.y - left.y) * (frame - left.x) / (right.x - left.x))

    def set_key(self, frame: float, value: float) -> AnimationKey:
        """Change the key at the frame, or add one with the interpolation of the previous key."""
        self.keys = self.keys if self.keys is not None else []
        for key in self.keys:
            if key.x == frame:
                key._fields["y"] = float(value)
                return key
        before = [key for key in self.keys if key.x < frame]
        new = AnimationKey(frame, value, before[-1].interpolation if before else SMOOTH)
        self.keys.append(new)
        self.keys.sort(key=lambda key: float(key.x))
        return new


def number_from_script(text: str) -> Number:
    """Return a number from one word of a knob's value: "0.5", "curve K x1001 1 x1050 0", or an expression."""
    parts = words(text)
    if parts and parts[0] == "curve":
        return Number(keys=list(_keys(parts[1:])))
    plain = parts[0] if len(parts) == 1 else text
    try:
        return Number(float(int(plain, 16) if plain.startswith("0x") else float(plain)))
    except ValueError:
        return Number(expression=plain)


def number_to_script(number: Number) -> str:
    """Return the word that `number_from_script` reads."""
    if number.expression is not None:
        return number.expression
    if number.keys is None:
        return _text(number.value)
    parts, letter = ["curve"], ""
    for key in number.keys:
        now = _LETTER_OF.get(key.interpolation, "")
        parts += [now] if now != letter else []
        letter = now
        parts += [f"x{_text(key.x)}", _text(key.y)]
    return " ".join(parts)


def _text(number: float) -> str:
    """Return the number as text that can be read back exactly."""
    return str(int(number)) if float(number).is_integer() else repr(float(number))


def _keys(parts: Iterable[str]) -> Iterator[AnimationKey]:
    interpolation, frame = SMOOTH, 0.0
    for part in parts:
        if part in _LETTERS:
            interpolation = _LETTERS[part]
        elif part.startswith("x"):
            frame = float(part[1:])
        else:
            yield AnimationKey(frame, float(part), interpolation)
            frame += 1  # values without a frame belong to successive frames


class AnimationCurve:
    """The curve of one number of a knob."""

    __slots__ = ("_index", "_knob")

    def __init__(self, knob: Array_Knob, index: int, name: str, view: str | None = None) -> None:
        del name, view
        self._knob, self._index = knob, index

    @property
    def _number(self) -> Number:
        return self._knob._numbers[self._index]

    @contextmanager
    def _editing(self) -> Iterator[None]:
        with self._knob._changing():
            yield
            if self._number.keys is not None:
                self._number.keys.sort(key=lambda key: float(key.x))

    def keys(self) -> list[AnimationKey]:
        found = list(self._number.keys or ())
        for key in found:
            key._curve = self
        return found

    def addKey(self, keys: AnimationKey | list[AnimationKey]) -> None:
        with self._editing():
            for key in keys if isinstance(keys, list) else [keys]:
                self._number.set_key(key.x, key.y)._fields.update(key._fields)

    def setKey(self, t: float, y: float) -> AnimationKey:
        with self._editing():
            key = self._number.set_key(float(t), float(y))
        key._curve = self
        return key

    def removeKey(self, keys: AnimationKey | list[AnimationKey]) -> None:
        gone = {key.x for key in (keys if isinstance(keys, list) else [keys])}
        with self._editing():
            self._number.keys = [key for key in self._number.keys or () if key.x not in gone] or None

    def clear(self) -> None:
        with self._editing():
            self._number.keys = None

    def changeInterpolation(self, keys: list[AnimationKey], type: int) -> None:
        with self._editing():
            for key in keys:
                key._fields["interpolation"] = type

    def evaluate(self, t: float) -> float:
        return self._knob._number_at(self._index, float(t))

    def size(self) -> int:
        return len(self._number.keys or ())

    def knob(self) -> Array_Knob:
        return self._knob

    def knobIndex(self) -> int:
        return self._index

    def constant(self) -> bool:
        return self._number.expression is None and len({key.y for key in self._number.keys or ()}) <= 1

    def noExpression(self) -> bool:
        return self._number.expression is None

    def expression(self) -> str:
        return self._number.expression or "curve"

    def setExpression(self, s: str) -> None:
        self._knob.setExpression(s, self._index)

    def toScript(self, selected: bool = False) -> str:
        if selected:
            raise NotImplementedError("the fake has no selected keys")
        return number_to_script(self._number)

    def fromScript(self, s: str) -> None:
        with self._editing():
            self._knob._numbers[self._index] = number_from_script(s)
