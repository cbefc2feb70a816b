"""Pieces of an operation on two threads while torch has one."""

from __future__ import annotations

import threading

import pytest
import torch

from stcolor_core.method.sharing import share

SECONDS = 20  # before a wait is given up
pytestmark = pytest.mark.usefixtures("one_torch_thread")


def test_two_threads_work_at_once_under_the_callers_setting_of_gradients() -> None:
    both = threading.Barrier(2)
    seen: list[tuple[int, bool]] = []

    def meet(_: int) -> None:
        both.wait(SECONDS)
        seen.append((threading.get_ident(), torch.is_grad_enabled()))

    with torch.no_grad():
        share(meet, range(2))
    assert len({thread for thread, _ in seen}) == 2
    assert not any(gradients for _, gradients in seen)


def test_every_item_is_taken_once() -> None:
    taken: list[int] = []
    share(taken.append, range(1000))
    assert sorted(taken) == list(range(1000))
    share(taken.append, [])
    assert len(taken) == 1000


def test_torch_with_several_threads_is_not_given_another() -> None:
    torch.set_num_threads(2)
    threads: set[int] = set()
    share(lambda _: threads.add(threading.get_ident()), range(100))
    assert threads == {threading.get_ident()}


def test_nobody_waits_for_a_thread_that_is_busy_elsewhere() -> None:
    begun, done = threading.Event(), threading.Event()

    def hold(item: int) -> None:
        if threading.current_thread() is not other:
            begun.set()
        else:
            assert begun.wait(SECONDS)
        if item == 1:
            assert done.wait(SECONDS)

    other = threading.Thread(target=share, args=(hold, [0, 1]))
    other.start()
    assert begun.wait(SECONDS)  # the second thread is at work for the other caller
    taken: list[int] = []
    share(taken.append, range(10))
    done.set()
    other.join()
    assert sorted(taken) == list(range(10))


def test_a_piece_may_share_pieces_of_its_own() -> None:
    taken: list[tuple[int, int]] = []
    share(lambda outer: share(lambda inner: taken.append((outer, inner)), range(20)), range(20))
    assert sorted(taken) == [(outer, inner) for outer in range(20) for inner in range(20)]


@pytest.mark.parametrize("fails_in_caller", [True, False])
def test_an_exception_of_either_thread_is_raised_and_ends_the_work(fails_in_caller: bool) -> None:
    both, caller, taken = threading.Barrier(2), threading.get_ident(), []

    def fail(item: int) -> None:
        taken.append(item)
        both.wait(SECONDS)
        if (threading.get_ident() == caller) == fails_in_caller:
            raise RuntimeError("no memory")
        both.wait(0.5)  # broken: nobody else comes

    with pytest.raises((RuntimeError, threading.BrokenBarrierError)):
        share(fail, range(100))
    assert len(taken) <= 4
