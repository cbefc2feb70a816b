"""Knobs with several named numbers."""

from __future__ import annotations

from .arrays import Array_Knob

__all__ = ["AColor_Knob", "Color_Knob", "UV_Knob", "WH_Knob", "XYZ_Knob", "XY_Knob"]


class _Vector(Array_Knob):
    """Several named numbers."""

    __slots__ = ()

    def __init__(self, name: str, label: str | None = None) -> None:
        super().__init__(name, label, len(self._AXES))

    def names(self, n: int) -> str:
        return self._AXES[n]


class XYZ_Knob(_Vector):
    """Three numbers."""

    __slots__ = ()
    _AXES = "xyz"

    def x(self) -> float:
        return float(self.value(0))

    def y(self) -> float:
        return float(self.value(1))

    def z(self) -> float:
        return float(self.value(2))


class XY_Knob(_Vector):
    """A point."""

    __slots__ = ()
    _AXES = "xy"


class WH_Knob(_Vector):
    """A size."""

    __slots__ = ()
    _AXES = "wh"


class UV_Knob(_Vector):
    """Two numbers."""

    __slots__ = ()
    _AXES = "uv"


class Color_Knob(_Vector):
    """Red, green and blue."""

    __slots__ = ()
    _AXES = "rgb"


class AColor_Knob(Color_Knob):
    """Red, green, blue and alpha."""

    __slots__ = ()
    _AXES = "rgba"
