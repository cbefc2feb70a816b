"""Prefetch: compute the next items on worker threads while the caller uses the current one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["prefetch"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def prefetch(
    function: Callable[[Item], Result], items: Iterable[Item], *, workers: int = 1
) -> Generator[Result, None, None]:
    """Apply a function to every item, and yield the results in the order of the items, computed ahead of the caller.

    The items are taken from the iterable on the caller's thread. At most one result for each worker is computed ahead,
    so that memory stays flat. Several prefetches in a row make a pipeline.

    Args:
        function: Computes a result from an item. An exception is raised in place of its result.
        items: The items. An exception that they raise is raised after the results of the items before it.
        workers: How many items are worked on at a time, each on a thread of its own.

    Yields:
        The results. A caller that leaves early waits for the items being computed.
    """
    pending: deque[Future[Result]] = deque()
    source, failure, exhausted = iter(items), None, False
    with ThreadPoolExecutor(max_workers=workers) as pool:
        try:
            while pending or not exhausted:
                if not exhausted:
                    try:
                        pending.append(pool.submit(function, next(source)))
                    except StopIteration:
                        exhausted = True
                    except Exception as error:  # noqa: BLE001  (raised below)
                        failure, exhausted = error, True
                if pending and (exhausted or len(pending) > workers):
                    yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
    if failure is not None:
        raise failure
