"""A small cache of the values that were used last."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["RecentValues"]

Key = TypeVar("Key")
Value = TypeVar("Value")


class RecentValues(Generic[Key, Value]):
    """A cache of the values that were used last. Safe to use from several threads.

    Unlike `functools.lru_cache` on a method, it holds no reference to the object that makes the values, so that they
    are freed at once together with their owner.

    Args:
        size: The number of values to keep.
    """

    def __init__(self, size: int) -> None:
        self._size, self._lock = size, threading.Lock()
        self._values: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key, make: Callable[[Key], Value]) -> Value:
        """Return the cached value of a key; if there is none, make it. Two threads may make the same value.

        Args:
            key: The key.
            make: Returns the value of a key.
        """
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make(key)
        with self._lock:
            self._values[key] = value
            while len(self._values) > self._size:
                self._values.popitem(last=False)
        return value

    def take(self, key: Key, make: Callable[[Key], Value]) -> Value:
        """Return the cached value of a key and cache it no longer; if there is none, make it.

        Args:
            key: The key.
            make: Returns the value of a key.
        """
        with self._lock:
            if key in self._values:
                return self._values.pop(key)
        return make(key)
