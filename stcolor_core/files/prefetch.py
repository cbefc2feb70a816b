"""Work done ahead, in a thread beside, so that reading, computing and writing overlap."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["ahead"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(function: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result, None, None]:
    """`function` of every item, in order, each computed in a thread beside while the result before it is in use.

    Never more than one is ahead, so that memory stays flat; one of these behind another makes a pipeline. One thread
    computes all of them, one after another, and the items themselves are taken in the caller's. What `function` raises
    is raised where its result would have come. Whoever leaves early waits for the one that is being computed.
    """
    with ThreadPoolExecutor(max_workers=1) as beside:
        waiting: Future[Result] | None = None
        for item in items:
            begun = beside.submit(function, item)
            if waiting is not None:
                yield waiting.result()
            waiting = begun
        if waiting is not None:
            yield waiting.result()
