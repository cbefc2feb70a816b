"""Agreement of candidates: colours that independent paths lead to are averaged where they agree.

The mixing network decides for one candidate at most pixels. Its small errors (flow that is off by half a pixel, grain
and compression of the reference, rounded positions) are not those of another path, so the mean of both is closer to the
truth. Tracked places and reacquired flow are left out: they mostly repeat the errors of the flow that they start from.
See docs/method.md, "Refinement"; `benchmarks/agreement.py` measures the gain.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from stcolor_core.arrays import Chroma
from stcolor_core.method.refinement.candidates import FACTS, Candidates

__all__ = ["INDEPENDENT", "TOLERANCE", "average_agreeing"]

INDEPENDENT = ("flow", "anywhere", "previous")
"""The kinds of candidates whose errors have little to do with each other, as in `FACTS`."""

# Standard deviation in a* and b* of colours that count as the same: a colour that differs by 5 has a quarter of the
# weight of the chosen one, by 9 a hundredth. 4 and 5 gain 0.02 and 0.03 dB more on average, but single clips lose.
TOLERANCE = 3.0


def average_agreeing(
    color: Chroma, candidates: Candidates, *, kinds: Sequence[str] = INDEPENDENT, tolerance: float = TOLERANCE
) -> Chroma:
    """Return the mean of a colour and of the independent candidates that agree with it, at each pixel.

    It is one step of mean shift (Fukunaga and Hostetler 1975) with a Gaussian window:
    (c + sum_k s_k c_k) / (1 + sum_k s_k), s_k = exp(-|c_k - c|^2 / (2 * tolerance^2)).

    Args:
        color: The colour decided on, shape (H, W, 2).
        candidates: The candidates. Those that mattes forbid do not count.
        kinds: Kinds of the candidates that count, as in `FACTS`.
        tolerance: Standard deviation of the window in a* and b*, above 0.

    Returns:
        Shape (H, W, 2), between the colours that agree.
    """
    total, change = np.ones(color.shape[:2], np.float32), np.zeros(color.shape, np.float32)
    for index in np.flatnonzero(candidates.facts[:, [FACTS.index(kind) for kind in kinds]].any(axis=1)):
        difference = candidates.ab[index] - color
        a, b = difference[..., 0], difference[..., 1]
        weight = np.exp((a * a + b * b) * np.float32(-0.5 / tolerance**2))
        if candidates.allowed is not None:
            weight *= candidates.allowed[index]
        total += weight
        difference *= cv2.merge((weight, weight))  # numpy would go through the two channels pixel by pixel
        change += difference
    change /= cv2.merge((total, total))
    change += color
    return change
