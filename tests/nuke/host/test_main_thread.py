"""Calls from another thread into Nuke's main thread."""

from __future__ import annotations

import importlib
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import pytest


class Nuke(ModuleType):
    """The three things of Nuke that count here: a GUI, a main thread that takes calls, and no word of exceptions."""

    def __init__(self) -> None:
        super().__init__("nuke")
        self.GUI, self.closing, self.swallowed = True, False, 0
        self.renders = 0  # number of further checks during which a render is in progress
        self._calls: queue.Queue[tuple[Callable[[], Any], threading.Event]] = queue.Queue()

    def executeInMainThreadWithResult(self, call: Callable[[], Any]) -> None:  # noqa: N802  (Nuke's name)
        assert self.GUI, "fails without a GUI"
        assert threading.current_thread() is not threading.main_thread(), "would wait for itself"
        if self.closing:
            return
        done = threading.Event()
        self._calls.put((call, done))
        assert done.wait(10)

    def executing(self) -> bool:
        assert threading.current_thread() is threading.main_thread()
        self.renders = max(0, self.renders - 1)
        return bool(self.renders)

    def take_call(self) -> None:
        call, done = self._calls.get(timeout=10)
        try:
            call()
        except BaseException:  # noqa: BLE001  (as Nuke does)
            self.swallowed += 1
        done.set()


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Nuke]:
    fake = Nuke()
    monkeypatch.setitem(sys.modules, "nuke", fake)
    monkeypatch.delitem(sys.modules, "refcolorize.host.main_thread", raising=False)
    yield fake
    sys.modules.pop("refcolorize.host.main_thread", None)


@pytest.fixture
def in_main_thread(fake: Nuke) -> Callable[..., Any]:
    function: Callable[..., Any] = importlib.import_module("refcolorize.host.main_thread").in_main_thread
    return function


@pytest.fixture
def other_thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


def where(*args: object, **kwargs: object) -> tuple[threading.Thread, object, object]:
    return threading.current_thread(), args, kwargs


def test_a_call_from_another_thread_runs_in_the_main_thread_and_returns_its_value(
    fake: Nuke, in_main_thread: Callable[..., Any], other_thread: ThreadPoolExecutor
) -> None:
    value = other_thread.submit(in_main_thread, where, 1, b=2)
    fake.take_call()
    assert value.result(10) == (threading.main_thread(), (1,), {"b": 2})


def test_none_is_a_valid_result(
    fake: Nuke, in_main_thread: Callable[..., Any], other_thread: ThreadPoolExecutor
) -> None:
    value = other_thread.submit(in_main_thread, lambda: None)
    fake.take_call()
    assert value.result(10) is None


def test_an_exception_is_raised_in_the_calling_thread(
    fake: Nuke, in_main_thread: Callable[..., Any], other_thread: ThreadPoolExecutor
) -> None:
    value = other_thread.submit(in_main_thread, int, "no number")
    fake.take_call()
    with pytest.raises(ValueError, match="no number"):
        value.result(10)
    assert fake.swallowed == 0


def test_a_call_is_held_while_nuke_renders(
    fake: Nuke, in_main_thread: Callable[..., Any], other_thread: ThreadPoolExecutor
) -> None:
    fake.renders = 3
    value = other_thread.submit(in_main_thread, lambda: fake.renders)
    for _ in range(3):
        fake.take_call()
    assert value.result(10) == 0


def test_a_call_that_may_be_skipped_is_skipped_while_nuke_renders(
    fake: Nuke, in_main_thread: Callable[..., Any], other_thread: ThreadPoolExecutor
) -> None:
    unless_rendering = importlib.import_module("refcolorize.host.main_thread").unless_rendering
    fake.renders = 2
    called: list[int] = []
    first = other_thread.submit(unless_rendering, lambda: called.append(1))
    fake.take_call()
    second = other_thread.submit(unless_rendering, lambda: called.append(2))
    fake.take_call()
    assert (first.result(10), second.result(10), called) == (False, True, [2])


def test_a_call_from_the_main_thread_runs_at_once(in_main_thread: Callable[..., Any]) -> None:
    assert in_main_thread(where)[0] is threading.main_thread()


def test_without_a_gui_the_call_runs_in_the_calling_thread(
    fake: Nuke, in_main_thread: Callable[..., Any], other_thread: ThreadPoolExecutor
) -> None:
    fake.GUI = False
    assert other_thread.submit(in_main_thread, where).result(10)[0] is not threading.main_thread()


def test_a_closing_nuke_cancels_the_call(
    fake: Nuke, in_main_thread: Callable[..., Any], other_thread: ThreadPoolExecutor
) -> None:
    fake.closing = True
    with pytest.raises(importlib.import_module("refcolorize.errors").Cancelled, match="closing"):
        other_thread.submit(in_main_thread, where).result(10)
