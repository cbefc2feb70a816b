"""What `benchmarks/gpu.py` calls seconds a frame."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def test_neither_the_start_nor_warming_up_counts_as_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    gpu = importlib.import_module("gpu")
    now, runs = [0.0], []

    def color(count: int) -> None:
        runs.append(count)
        now[0] += (60 if len(runs) == 1 else 0) + 5 + 0.25 * count  # choosing kernels, the start of a run, its frames

    monkeypatch.setattr(gpu.time, "perf_counter", lambda: now[0])
    assert gpu.seconds_a_frame(color, 20) == pytest.approx(0.25)
    assert runs == [gpu.SHORT, gpu.SHORT, 20]


def test_every_row_is_longer_than_the_shot_that_it_is_compared_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    gpu = importlib.import_module("gpu")
    lengths = [frames for sizes in (gpu.SIZES, gpu.SMALL) for both in sizes.values() for frames in both]
    assert min(lengths) >= 2 * gpu.SHORT
