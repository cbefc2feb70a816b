"""The words of `stcolor status`."""

from __future__ import annotations

import pytest

from stcolor_core.cli import serve


@pytest.mark.parametrize(
    ("states", "words"),
    [
        ([], "0 jobs run, 0 wait."),
        (["running"], "1 job runs, 0 wait."),
        (["running", "running", "queued", "done"], "2 jobs run, 1 waits."),
        (["queued", "queued"], "0 jobs run, 2 wait."),
    ],
)
def test_jobs_are_counted_in_the_singular_and_the_plural(states: list[str], words: str) -> None:
    assert serve._count_jobs(states) == words
