"""A layer's shape moves with its object, and is torn open where its parts move apart."""

from __future__ import annotations

import numpy as np
import pytest

from stcolor_core.method.tracking.layers import Layer

HEIGHT, WIDTH = 96, 160
ROWS, COLUMNS = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
SHAPE = ((np.abs(COLUMNS - 80) < 32) & (np.abs(ROWS - 48) < 20)).astype(np.float32)
INNER = (np.abs(COLUMNS - 80) < 24) & (np.abs(ROWS - 48) < 12)


def moved(x: np.ndarray, y: np.ndarray) -> Layer:
    layer = Layer(SHAPE, 50 * SHAPE, SHAPE, np.zeros(2))
    onward = np.dstack([np.broadcast_to(part, SHAPE.shape) for part in (x, y)]).astype(np.float32)
    return layer.move(onward, SHAPE, np.ones_like(SHAPE), outline=8.0)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (np.float32(5), np.float32(-3)),  # moves
        (0.05 * (COLUMNS - 80), 0.05 * (ROWS - 48)),  # comes nearer
        (-0.05 * (ROWS - 48), 0.05 * (COLUMNS - 80)),  # turns
    ],
    ids=["shift", "zoom", "turn"],
)
def test_a_shape_that_moves_as_one_stays_whole(x: np.ndarray, y: np.ndarray) -> None:
    layer = moved(x, y)
    centre = np.broadcast_to(x, SHAPE.shape)[48, 80], np.broadcast_to(y, SHAPE.shape)[48, 80]
    inner = np.roll(INNER, (round(float(centre[1])), round(float(centre[0]))), (0, 1))
    assert layer.shape[inner].min() > 0.7
    assert layer.shape.sum() > 0.9 * SHAPE.sum()


def test_a_gap_between_parts_that_move_apart_is_not_filled() -> None:
    layer = moved(np.where(COLUMNS < 80, np.float32(-5), np.float32(5)), np.float32(0))
    gap = (np.abs(COLUMNS - 80) < 2) & (np.abs(ROWS - 48) < 12)
    parts = (np.abs(np.abs(COLUMNS - 80) - 24) < 6) & (np.abs(ROWS - 48) < 12)
    assert layer.shape[gap].max() < 0.3
    assert layer.shape[parts].min() > 0.9
    assert layer.lightness[gap].min() > 30  # what it was last seen with moves as before
