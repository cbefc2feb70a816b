"""The latest values are kept, and released with their owner."""

from __future__ import annotations

import gc
import weakref

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
