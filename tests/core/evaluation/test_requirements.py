"""Clips that an evaluation cannot take are refused before any is read."""

from __future__ import annotations

import pytest

from stcolor_core.errors import BadRequest
from stcolor_core.evaluation.dataset import DatasetSequence
from stcolor_core.evaluation.protocol import PROTOCOLS
from stcolor_core.evaluation.requirements import require_memory


@pytest.mark.parametrize(("workers", "told"), [(1, "with 1 worker, and"), (2, "with 2 workers, and")])
def test_a_clip_that_memory_cannot_hold_is_told_with_its_length_and_the_workers(workers: int, told: str) -> None:
    films = [DatasetSequence(name, (), movie_frames=10**9) for name in ("bear", "film")]
    with pytest.raises(BadRequest) as caught:
        require_memory(PROTOCOLS["first+last"], films, workers=workers)
    assert str(caught.value).startswith("1000000000 frames of the clip bear at 384 x 216 take ")
    assert told in str(caught.value)
