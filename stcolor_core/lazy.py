"""Properties that are computed on first use, by several threads at a time for different objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

__all__ = ["lazy_property"]

Value = TypeVar("Value")


class lazy_property(Generic[Value]):  # noqa: N801  (a decorator)
    """A property whose value is computed once and then kept in the object.

    Before Python 3.12 `functools.cached_property` computes it for one object at a time, even on several threads: frames
    would wait for each other's features. Two threads that ask the same object at the same time may both compute it.
    """

    def __init__(self, compute: Callable[[Any], Value]) -> None:
        """Decorate a method.

        Args:
            compute: Takes the object and returns the value.
        """
        self._compute, self.__doc__ = compute, compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> lazy_property[Value]: ...

    @overload
    def __get__(self, instance: object, owner: type) -> Value: ...

    def __get__(self, instance: object | None, owner: type) -> Value | lazy_property[Value]:
        if instance is None:
            return self
        value = instance.__dict__[self._name] = self._compute(instance)  # found there before this from now on
        return value
