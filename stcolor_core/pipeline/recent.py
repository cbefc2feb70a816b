"""A small cache of the values that were used last."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
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
        self._in_making: dict[Key, Future[Value]] = {}

    def get(self, key: Key, make: Callable[[Key], Value]) -> Value:
        """Return the cached value of a key; if there is none, make it. Threads that ask meanwhile wait for it.

        Args:
            key: The key.
            make: Returns the value of a key; must not ask for the same one. What it raises is raised in each thread.
        """
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
            waited_for = self._in_making.get(key)
            if waited_for is None:
                own = self._in_making[key] = Future()
        if waited_for is not None:
            return waited_for.result()
        try:
            value = make(key)
        except BaseException as error:
            with self._lock:
                del self._in_making[key]
            own.set_exception(error)
            raise
        with self._lock:
            del self._in_making[key]
            self._values[key] = value
            while len(self._values) > self._size:
                self._values.popitem(last=False)
        own.set_result(value)
        return value

    def forget(self, key: Key) -> None:
        """Cache the value of a key no longer.

        Args:
            key: The key.
        """
        with self._lock:
            self._values.pop(key, None)

    def take(self, key: Key, make: Callable[[Key], Value]) -> Value:
        """Return the cached value of a key and cache it no longer; if there is none, make it.

        Args:
            key: The key.
            make: Returns the value of a key.
        """
        with self._lock:
            waited_for = self._in_making.get(key)
        if waited_for is not None:
            waited_for.exception()  # whoever makes it hears of what fails
        with self._lock:
            if key in self._values:
                return self._values.pop(key)
        return make(key)
