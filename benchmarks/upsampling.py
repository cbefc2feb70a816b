"""Compare methods of upsampling ab: PSNR against the truth, and cost.

    PYTHONPATH=. python benchmarks/upsampling.py --dataset DIR [--every 25] [--quick]

Each case averages the true ab of a picture over areas to the low size, upsamples it with every method and the true L*,
and prints PSNR in dB (8-bit sRGB, mean over frames) of the whole frame / of the pixels within 3 px of a strong chroma
edge. The cases by attention and by flow start from ab of the frame four earlier, carried to this one at the low size:
the pipeline's real input, with its errors.

DAVIS chroma at 480 lines is JPEG 4:2:0 of quality 75, and smooth over 2 to 4 px, which favours plain smooth
interpolation. The decisive cases have fully resolved chroma: DAVIS reduced to 216 and 120 lines, and the full-chroma
stills of scikit-image.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import skimage
from numpy.typing import NDArray

from stcolor_core.arrays import Mask
from stcolor_core.method.upsampling import upsample

Array = NDArray[Any]
Carry = Callable[[Array, Array], Array]
Method = Callable[[Array, Array, Array], Array]
STILLS = [
    Path(skimage.__file__).parent / "data" / f"{name}.png"
    for name in ("astronaut", "coffee", "chelsea", "motorcycle_left")
]


def resize(picture: Array, shape: tuple[int, ...], method: int) -> Array:
    """Return a picture at another size.

    Args:
        picture: Shape (h, w) or (h, w, C).
        shape: Rows and columns to resize to; what follows them is ignored.
        method: OpenCV's number of the interpolation.
    """
    return cv2.resize(picture, shape[1::-1], interpolation=method)


def plain(ab: Array, _guide_low: Array, guide: Array, *, method: int) -> Array:
    """Return ab upsampled without regard to L*.

    Args:
        ab: a* and b*, shape (h, w, 2).
        guide: L* at full size, shape (H, W).
        method: OpenCV's number of the interpolation.
    """
    return resize(ab, guide.shape, method)


def sharpened(ab: Array, _guide_low: Array, guide: Array) -> Array:
    """Upsample bicubically, then correct twice so that the area average returns ab (iterative back-projection).

    Args:
        ab: a* and b*, shape (h, w, 2).
        guide: L* at full size, shape (H, W).

    Returns:
        a* and b*, shape (H, W, 2).
    """
    fine = resize(ab, guide.shape, cv2.INTER_CUBIC)
    for _ in range(2):
        fine += resize(ab - resize(fine, ab.shape, cv2.INTER_AREA), guide.shape, cv2.INTER_CUBIC)
    return fine


def joint_bilateral(ab: Array, guide_low: Array, guide: Array, *, taps: int = 2, sigma: float = 8.0) -> Array:
    """Average the nearest `taps` x `taps` low pixels, weighted by a spline of distance and L* (Kopf et al. 2007).

    Args:
        ab: a* and b*, shape (h, w, 2).
        guide_low: L* of the same size, shape (h, w).
        guide: L* at full size, shape (H, W).
        taps: 2 or 3.
        sigma: Difference in L* at which a pixel's weight has fallen to 0.61.

    Returns:
        a* and b*, shape (H, W, 2).
    """
    nearest = []
    for low, high in zip(guide_low.shape, guide.shape, strict=True):
        at = (np.arange(high) + 0.5) * low / high - 0.5
        index = np.floor(at + (taps % 2) / 2).astype(int)[:, None] + np.arange(taps) - (taps - 1) // 2
        away = np.abs(at[:, None] - index)
        weight = 1 - away if taps == 2 else np.where(away < 0.5, 0.75 - away**2, np.maximum(1.5 - away, 0) ** 2 / 2)
        nearest.append((index.clip(0, low - 1), weight.astype(np.float32)))
    (rows, row_weight), (columns, column_weight) = nearest
    total = np.zeros((*guide.shape, 2), np.float32)
    weights = np.zeros(guide.shape, np.float32)
    for i in range(taps):
        for j in range(taps):
            away = guide - guide_low[rows[:, i]][:, columns[:, j]]
            weight = (np.exp(-0.5 * (away / sigma) ** 2) + 1e-4) * row_weight[:, i, None] * column_weight[:, j]
            total += weight[..., None] * ab[rows[:, i]][:, columns[:, j]]
            weights += weight
    return total / weights[..., None]


def fast_guided(ab: Array, guide_low: Array, guide: Array, *, radius: int = 1, variance: float = 1.0) -> Array:
    """Apply the fast guided filter (He & Sun 2015), clamped to the range of the surrounding 3x3 low pixels.

    Args:
        ab: a* and b*, shape (h, w, 2).
        guide_low: L* of the same size, shape (h, w).
        guide: L* at full size, shape (H, W).
        radius: Radius of the windows, in low pixels.
        variance: Added to the variance of L* in a window; more makes the result smoother.

    Returns:
        a* and b*, shape (H, W, 2).
    """
    size = (2 * radius + 1, 2 * radius + 1)
    mean = partial(cv2.blur, ksize=size, borderType=cv2.BORDER_REPLICATE)
    light = mean(guide_low)
    spread = np.maximum(mean(guide_low * guide_low) - light * light, 0) + variance
    slope = (mean(ab * guide_low[..., None]) - mean(ab) * light[..., None]) / spread[..., None]
    offset = mean(ab) - slope * light[..., None]
    fine = resize(mean(slope), guide.shape, 1) * guide[..., None] + resize(mean(offset), guide.shape, 1)
    low, high = (resize(extreme(ab, np.ones((3, 3), np.uint8)), guide.shape, 1) for extreme in (cv2.erode, cv2.dilate))
    return np.clip(fine, low, high)


METHODS: dict[str, Method] = {
    "bilinear": partial(plain, method=cv2.INTER_LINEAR),
    "bicubic": partial(plain, method=cv2.INTER_CUBIC),
    "bicubic, back-projected": sharpened,
    "joint bilateral 2x2, sigma 8": joint_bilateral,
    "joint bilateral 3x3, sigma 8": partial(joint_bilateral, taps=3),
    "joint bilateral 2x2, sigma 4": partial(joint_bilateral, sigma=4.0),
    "fast guided r 1": fast_guided,
    "fast guided r 2": partial(fast_guided, radius=2),
    "upsample, linear": partial(upsample, interpolation="linear"),
    "upsample": upsample,
}


def read_lab(path: Path, height: int | None = None) -> Array:
    """Return CIE Lab of an sRGB file, (H, W, 3); with a height, reduced by area and rounded to 8 bits first.

    Args:
        path: The picture.
        height: Rows to reduce it to; None keeps its size.
    """
    bgr = cv2.imread(str(path))
    if height and height != bgr.shape[0]:
        width = round(bgr.shape[1] * height / bgr.shape[0])
        bgr = cv2.resize(bgr, (width, height), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(bgr.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)


def to_rgb8(lab: Array) -> NDArray[np.float64]:
    """Return CIE Lab as sRGB in whole levels, 0..255.

    Args:
        lab: CIE Lab, shape (H, W, 3).
    """
    return np.round(np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), 0, 1).astype(np.float64) * 255)


def edge_band(ab: Array) -> Mask:
    """Return the mask of pixels within 3 px of a chroma gradient above 6 units a pixel.

    Args:
        ab: a* and b*, shape (H, W, 2).
    """
    smooth = cv2.GaussianBlur(ab, (0, 0), 0.7)
    gradients = [cv2.Sobel(smooth, cv2.CV_32F, dx, 1 - dx, scale=1 / 8) for dx in (0, 1)]
    strong = (np.sum(np.square(gradients), axis=(0, 3)) > 36).astype(np.uint8)
    return cv2.dilate(strong, np.ones((7, 7), np.uint8)).astype(bool)


def by_flow(earlier: Array, guide_low: Array) -> Array:
    """Return ab of an earlier frame (Lab at low size, (h, w, 3)), moved to this frame by DIS flow.

    Args:
        earlier: CIE Lab of the earlier frame, shape (h, w, 3).
        guide_low: L* of this frame, shape (h, w).
    """
    to_byte = [np.clip(light * 2.55, 0, 255).astype(np.uint8) for light in (guide_low, earlier[..., 0])]
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(*to_byte, None)
    rows, columns = np.mgrid[: guide_low.shape[0], : guide_low.shape[1]].astype(np.float32)
    return cv2.remap(earlier[..., 1:], columns + flow[..., 0], rows + flow[..., 1], 1, borderMode=cv2.BORDER_REPLICATE)


def by_attention(earlier: Array, guide_low: Array, *, radius: int = 9) -> Array:
    """Return ab of an earlier frame, averaged over a window by the similarity of 3x3 patches of L*.

    Args:
        earlier: CIE Lab of the earlier frame, shape (h, w, 3).
        guide_low: L* of this frame, shape (h, w).
        radius: Radius of the window, in low pixels.
    """
    padded = cv2.copyMakeBorder(earlier, *(radius,) * 4, cv2.BORDER_REPLICATE)
    height, width = guide_low.shape
    total = np.zeros((height, width, 3), np.float32)
    for y in range(2 * radius + 1):
        for x in range(2 * radius + 1):
            there = padded[y : y + height, x : x + width]
            weight = np.exp(-cv2.blur((there[..., 0] - guide_low) ** 2, (3, 3)) / 8) + 1e-12
            total += weight[..., None] * np.dstack([np.ones_like(weight), there[..., 1:]])
    return np.ascontiguousarray(total[..., 1:] / total[..., :1])


def pictures(data: Path, every: int, height: int | None) -> Iterator[tuple[Array, Array | None]]:
    """Yield each DAVIS picture with the one four frames earlier, or, if height is None, each still with None.

    Args:
        data: Holds a folder of pictures for each sequence.
        every: Distance in frames from one picture to the next.
        height: Rows to reduce the pictures to; None for the stills.
    """
    if height is None:
        yield from ((read_lab(path), None) for path in STILLS)
        return
    for folder in sorted(data.iterdir()):
        frames = sorted(folder.glob("*.jpg"))
        for number in range(4, len(frames), every):
            yield read_lab(frames[number], height), read_lab(frames[number - 4], height)


def score(pairs: Iterator[tuple[Array, Array | None]], ratio: float, carry: Carry | None) -> dict[str, Array]:
    """Return the mean PSNR of each method: of the frame, and of its chroma edges. Without `carry`, ab is the truth.

    Args:
        pairs: CIE Lab of pictures at full size, each with an earlier one or None.
        ratio: Low size as a share of the full one, 0..1.
        carry: Takes ab of the earlier picture to this one at low size.
    """
    scores: dict[str, list[tuple[float, float]]] = {name: [] for name in METHODS}
    for lab, earlier in pairs:
        shape = (round(lab.shape[0] * ratio), round(lab.shape[1] * ratio))
        guide, ab = np.ascontiguousarray(lab[..., 0]), np.ascontiguousarray(lab[..., 1:])
        guide_low, low = resize(guide, shape, cv2.INTER_AREA), resize(ab, shape, cv2.INTER_AREA)
        if carry and earlier is not None:
            low = carry(resize(earlier, shape, cv2.INTER_AREA), guide_low)
        truth, band = to_rgb8(lab), edge_band(ab)
        for name, method in METHODS.items():
            squared = np.square((to_rgb8(np.dstack([guide, method(low, guide_low, guide)])) - truth) / 255)
            edge = -10 * np.log10(squared[band].mean()) if band.any() else np.nan
            scores[name].append((-10 * np.log10(squared.mean()), edge))
    return {name: np.nanmean(rows, axis=0) for name, rows in scores.items()}


def cost(shape: tuple[int, int], low: tuple[int, int]) -> dict[str, tuple[float, float]]:
    """Return the time of each method in seconds (best of three), and its traced peak in MiB with the result.

    Args:
        shape: Rows and columns of the full size.
        low: Those of the low size.
    """
    random = np.random.default_rng(0)
    guide = cv2.GaussianBlur(random.random(shape, np.float32) * 100, (0, 0), 3)
    ab, guide_low = random.normal(0, 30, (*low, 2)).astype(np.float32), resize(guide, low, cv2.INTER_AREA)
    costs = {}
    for name, method in METHODS.items():
        seconds = []
        for _ in range(3):
            start = time.perf_counter()
            method(ab, guide_low, guide)
            seconds.append(time.perf_counter() - start)
        tracemalloc.start()
        method(ab, guide_low, guide)
        costs[name] = min(seconds), tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
    return costs


CASES: list[tuple[str, int | None, float, Carry | None]] = [
    ("DAVIS 54 -> 216", 216, 54 / 216, None),
    ("DAVIS 30 -> 120", 120, 30 / 120, None),
    ("DAVIS 120 -> 480", 480, 120 / 480, None),
    ("DAVIS 216 -> 480", 480, 216 / 480, None),
    ("DAVIS 432 -> 480", 480, 432 / 480, None),
    ("stills from 1/4", None, 1 / 4, None),
    ("stills from 1/2", None, 1 / 2, None),
    ("DAVIS 54 -> 216, carried by attention", 216, 54 / 216, by_attention),
    ("DAVIS 54 -> 216, carried by flow", 216, 54 / 216, by_flow),
    ("DAVIS 216 -> 480, carried by flow", 480, 216 / 480, by_flow),
]


def main() -> None:
    """Run the measurement that the command line names, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, required=True, help="a DAVIS-like folder")
    parser.add_argument("--every", type=int, default=25, help="take every n-th frame of a sequence")
    parser.add_argument("--quick", action="store_true", help="leave out the cost on a 4096 x 2160 plate")
    options = parser.parse_args()
    for title, height, ratio, carry in CASES:
        print(f"{title}: PSNR of the frame / of the chroma edges, dB", flush=True)
        for name, (frame, edge) in score(pictures(options.dataset, options.every, height), ratio, carry).items():
            print(f"    {name:30s}{frame:6.2f} / {edge:5.2f}", flush=True)
    if not options.quick:
        print("4096 x 2160 from 819 x 432: seconds, peak MiB (result 68)")
        for name, (seconds, peak) in cost((2160, 4096), (432, 819)).items():
            print(f"    {name:30s}{seconds:6.2f}  {peak:6.0f}", flush=True)


if __name__ == "__main__":
    main()
