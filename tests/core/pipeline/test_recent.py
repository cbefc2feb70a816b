"""The latest values are kept, and released with their owner."""

from __future__ import annotations

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from stcolor_core.pipeline.recent import RecentValues


def test_only_the_most_recent_values_are_kept() -> None:
    made: list[int] = []

    def make(key: int) -> int:
        made.append(key)
        return 10 * key

    recent = RecentValues[int, int](2)
    assert [recent.get(key, make) for key in (1, 2, 1, 3, 1, 2)] == [10, 20, 10, 30, 10, 20]
    assert made == [1, 2, 3, 2]


def test_a_value_that_is_taken_makes_room_for_others() -> None:
    made: list[int] = []

    def make(key: int) -> int:
        made.append(key)
        return 10 * key

    recent = RecentValues[int, int](2)
    assert [recent.get(1, make), recent.get(2, make), recent.take(1, make), recent.get(3, make)] == [10, 20, 10, 30]
    assert [recent.get(2, make), recent.take(4, make), recent.get(1, make)] == [20, 40, 10]
    assert made == [1, 2, 3, 4, 1]


def test_threads_that_ask_at_once_wait_for_one_that_makes_the_value() -> None:
    recent, made, begun, asked = RecentValues[int, int](2), [0], threading.Event(), threading.Event()

    def make(key: int) -> int:
        made[0] += 1
        begun.set()
        assert asked.wait(30)
        return 10 * key

    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(recent.get, 1, make)
        assert begun.wait(30)
        others = [threads.submit(recent.get, 1, make), threads.submit(recent.take, 1, make)]
        assert not any(other.done() for other in others)
        asked.set()
        assert [future.result(30) for future in (first, *others)] == [10, 10, 10]
    assert made == [1]


def test_what_cannot_be_made_is_raised_in_every_thread_and_tried_again() -> None:
    recent, begun, asked = RecentValues[int, int](2), threading.Event(), threading.Event()

    def fail(key: int) -> int:
        begun.set()
        assert asked.wait(30)
        raise ValueError(key)

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(recent.get, 1, fail)
        assert begun.wait(30)
        other = threads.submit(recent.get, 1, fail)
        asked.set()
        for future in (first, other):
            with pytest.raises(ValueError, match="1"):
                future.result(30)
    assert recent.get(1, int) == 1


def test_values_are_freed_together_with_their_owner() -> None:
    class Owner:
        def __init__(self) -> None:
            self.recent = RecentValues[int, "Owner.Value"](2)

        class Value:
            pass

        def get(self) -> Value:
            return self.recent.get(1, self.make)

        def make(self, _: int) -> Value:
            return Owner.Value()

    owner = Owner()
    value = weakref.ref(owner.get())
    assert value() is not None
    gc.disable()
    try:
        del owner
        assert value() is None
    finally:
        gc.enable()
