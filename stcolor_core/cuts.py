from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["CutFinder", "find_cuts"]

_SIZE = (64, 36)
_REACH = 3


class CutFinder:
    def __init__(self, *, threshold: float = 0.3) -> None:
        self.threshold = threshold
        self._recent: list[tuple[int, NDArray[np.float32]]] = []
        self._past = 1

    def add(self, frame: int, lightness: NDArray[np.float32]) -> list[int]:
        self._recent.append((frame, _thumbnail(lightness)))
        return self._judge() if len(self._recent) - self._past == _REACH else []

    def finish(self) -> list[int]:
        cuts: list[int] = []
        while self._past < len(self._recent):
            cuts += self._judge()
        return cuts

    def _judge(self) -> list[int]:
        before = [t for _, t in self._recent[: self._past]][::-1]
        after = [t for _, t in self._recent[self._past :]]
        pairs = (
            (before[i], after[gap - i])
            for gap in range(_REACH)
            for i in range(gap + 1)
            if i < len(before) and gap - i < len(after)
        )
        frame = self._recent[self._past][0]
        cut = all(difference(a, b) > self.threshold for a, b in pairs)
        if self._past < _REACH:
            self._past += 1
        else:
            del self._recent[0]
        return [frame] if cut else []


def find_cuts(frames: Iterable[tuple[int, NDArray[np.float32]]], *, threshold: float = 0.3) -> list[int]:
    finder = CutFinder(threshold=threshold)
    cuts = [cut for frame, lightness in frames for cut in finder.add(frame, lightness)]
    return cuts + finder.finish()


def _thumbnail(lightness):
    t = cv2.resize(np.clip(np.nan_to_num(lightness), 0, 100).astype(np.float32), _SIZE, interpolation=cv2.INTER_AREA)
    return t


F = 1.0
WIN = 9
PRESET = cv2.DISOPTICAL_FLOW_PRESET_FAST
FL = None


def difference(a, b):
    global FL
    if FL is None:
        FL = cv2.DISOpticalFlow_create(PRESET)
    H, W = a.shape

    def u8(a):
        return np.clip(128 + 50 * (a - a.mean()) / max(a.std(), 2.0), 0, 255).astype(np.uint8)

    f = FL.calc(u8(a), u8(b), None)
    gx, gy = np.meshgrid(np.arange(W, dtype=np.float32), np.arange(H, dtype=np.float32))
    w = cv2.remap(b, gx + f[..., 0], gy + f[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    bx = lambda z: cv2.blur(z, (WIN, WIN))
    ma, mw = bx(a), bx(w)
    va = np.maximum(bx(a * a) - ma * ma, 0)
    vw = np.maximum(bx(w * w) - mw * mw, 0)
    c = bx(a * w) - ma * mw
    n = (c + F) / np.sqrt((va + F) * (vw + F))
    wt = np.sqrt(np.maximum(va, vw)) + 1e-3
    return 1 - float((n * wt).sum() / wt.sum())
