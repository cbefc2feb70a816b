"""Results computed ahead on a worker thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from stcolor_core.files.prefetch import prefetch

_SECONDS = 10.0  # that something which must happen may take


def doubled(number: int) -> int:
    return 2 * number


def test_results_are_computed_in_order_in_one_other_thread_and_items_are_read_in_this_one() -> None:
    def items() -> Iterator[tuple[int, int]]:
        yield from ((number, threading.get_ident()) for number in range(50))

    def seen(item: tuple[int, int]) -> tuple[int, int, int]:
        return (*item, threading.get_ident())

    results = list(prefetch(seen, items()))
    assert [number for number, _, _ in results] == list(range(50))
    assert {thread for _, thread, _ in results} == {threading.get_ident()}
    (worker,) = {thread for _, _, thread in results}
    assert worker != threading.get_ident()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_any_small_number_of_items_is_processed(count: int) -> None:
    assert list(prefetch(doubled, range(count))) == [2 * number for number in range(count)]


def test_the_next_item_is_computed_while_one_is_in_use_and_no_later_one() -> None:
    begun = [threading.Event() for _ in range(4)]

    def begin(number: int) -> int:
        begun[number].set()
        return number

    with closing(prefetch(begin, range(4))) as results:
        for number in range(3):
            assert next(results) == number
            assert begun[number + 1].wait(_SECONDS)
            assert not any(event.is_set() for event in begun[number + 2 :])


def test_an_error_is_raised_in_place_of_its_result() -> None:
    def third_fails(number: int) -> int:
        if number == 3:
            raise ValueError("the third")
        return number

    results = prefetch(third_fails, range(1, 9))
    assert [next(results), next(results)] == [1, 2]
    with pytest.raises(ValueError, match="the third"):
        next(results)


def test_leaving_early_waits_for_the_current_item_and_leaves_no_thread() -> None:
    before = threading.active_count()
    begun, go_on = threading.Event(), threading.Event()
    done: list[int] = []

    def slow(number: int) -> int:
        if number == 1:
            begun.set()
            go_on.wait(_SECONDS)
        done.append(number)
        return number

    results = prefetch(slow, prefetch(int, range(1000)))
    next(results)
    assert begun.wait(_SECONDS)
    threading.Timer(0.02, go_on.set).start()
    results.close()
    assert done == [0, 1]
    del results
    assert threading.active_count() <= before + 1  # the timer's


def test_several_workers_compute_at_a_time_and_keep_the_order() -> None:
    together = threading.Barrier(3, timeout=_SECONDS)

    def meet(number: int) -> int:
        together.wait()  # fails unless three items are worked on at a time
        return number

    assert list(prefetch(meet, range(9), workers=3)) == list(range(9))


@pytest.mark.parametrize("workers", [1, 3])
def test_an_error_of_the_items_is_raised_after_the_results_of_those_before(workers: int) -> None:
    def items() -> Iterator[int]:
        yield from range(5)
        raise ValueError("no sixth item")

    results = prefetch(doubled, prefetch(doubled, items(), workers=workers), workers=workers)
    assert [next(results) for _ in range(5)] == [0, 4, 8, 12, 16]
    with pytest.raises(ValueError, match="sixth"):
        next(results)


def test_leaving_early_starts_no_further_item() -> None:
    begun, go_on = {1: threading.Event(), 2: threading.Event()}, threading.Event()
    done: list[int] = []

    def slow(number: int) -> int:
        if number:
            begun[number].set()
            go_on.wait(_SECONDS)
        done.append(number)
        return number

    results = prefetch(slow, range(1000), workers=2)
    assert next(results) == 0
    assert all(event.wait(_SECONDS) for event in begun.values())  # one that has not begun would be cancelled
    threading.Timer(0.02, go_on.set).start()
    results.close()
    assert sorted(done) == [0, 1, 2]
