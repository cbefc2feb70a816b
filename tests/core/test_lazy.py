"""Properties that are computed on first use."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from stcolor_core.lazy import lazy_property
from stcolor_core.method.tracking.walk import View


@dataclass(frozen=True)
class Squared:
    side: int
    meeting: threading.Barrier

    @lazy_property
    def area(self) -> int:
        """Return the area once another object's is computed too."""
        self.meeting.wait(timeout=10)
        return self.side**2


def test_two_objects_are_computed_at_the_same_time() -> None:
    meeting = threading.Barrier(2)
    squares = Squared(2, meeting), Squared(3, meeting)
    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(lambda square: square.area, squares)) == [4, 9]


def test_a_value_is_computed_once() -> None:
    square = Squared(2, threading.Barrier(1))
    assert square.area == 4
    square.meeting.abort()  # computing it again would raise
    assert square.area == 4


def test_the_features_of_frames_do_not_wait_for_each_other() -> None:
    assert isinstance(View.features, lazy_property)
