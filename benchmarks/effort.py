"""Measure the artist's effort: how good a shot gets with every keyframe that is added, by where the keyframes are put.

    PYTHONPATH=. python benchmarks/effort.py --dataset DIR [--frames 40] [--most 4] [--best 10] [--cache DIR]

Each sequence is coloured with 1, 2, ... keyframes, put

- planned: where `stcolor plan` says, which sees the grey plate alone;
- evenly: in the middle of equal stretches;
- suggested: the first one where `stcolor plan` says, each next one where `stcolor suggest` says after the shot has been
  coloured with those before it;
- averages: the same, but with suggestions from the frames' average confidences alone;
- ruler, after-first, averages-after-first: the first frame is a keyframe, and the others are put evenly, as `suggest`
  says, or as it says by averages;
- best: by the best of all sets on every n-th frame, found with the truth in hand (--best n).

Prints, for each number of keyframes, PSNR in dB and the share of the pixels that are right: PSNR over the frames that
are a keyframe in none of the placements, the share over the whole shot. Then the number of keyframes until 95 % are
right, and by how much `suggest` overstates its gains. Frames between the same keyframes are coloured once; --cache
keeps them from run to run. --workers colours several sequences at a time.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.dataset import DatasetSequence, read_dataset
from stcolor_core.evaluation.metrics import within_threshold
from stcolor_core.files.scratch import Scratch
from stcolor_core.images.color import lab_to_srgb
from stcolor_core.method.key_coverage import GRID, KeyCoverage, estimate_coverage
from stcolor_core.method.propagation import Propagator
from stcolor_core.models import registry
from stcolor_core.shots.key_choice import best_key_sets, suggest_by_coverage
from stcolor_core.shots.settings import Method
from stcolor_core.shots.spans import Span, plan
from stcolor_core.shots.suggestion import suggest_keyframes

CPU = torch.device("cpu")
ENOUGH = 0.95
FREE = ("planned", "evenly", "suggested", "averages", "best")
AFTER_FIRST = ("ruler", "after-first", "averages-after-first")
PLACEMENTS = (*FREE[:-1], *AFTER_FIRST)


@dataclass(frozen=True)
class Frame:
    """What is measured of one coloured frame.

    Attributes:
        error: Mean squared error of sRGB, 0..1.
        right: Share of the pixels that are right.
        confidence: Of each cell, 0..1.
    """

    error: float
    right: float
    confidence: NDArray[np.float32]


@dataclass
class Coloring:
    """Colours a clip from any keyframes; what lies between the same keyframes is coloured once.

    Attributes:
        clip: The clip with the true colours.
        cache: Folder that keeps the frames of each span from run to run; None for no such folder.
        known: Frames of the spans coloured so far, by the span's keyframes and then by frame number.
    """

    clip: Clip
    cache: Path | None
    known: dict[str, dict[int, Frame]] = field(default_factory=dict)
    _propagator: Propagator | None = None

    def frames(self, keys: Sequence[int]) -> dict[int, Frame]:
        """Return every frame that is not a keyframe.

        Args:
            keys: Frames that are keyframes, at least one.
        """
        spans = plan(range(len(self.clip.rgb)), keys, [])
        return {number: frame for span in spans for number, frame in self._span(span).items()}

    def _span(self, span: Span) -> dict[int, Frame]:
        name = "_".join(str(frame) for frame in (span.before, span.after, *span.others))
        path = None if self.cache is None else self.cache / f"{name}.npz"
        if name not in self.known:
            self.known[name] = self._load(path) if path and path.is_file() else self._color(span, path)
        return self.known[name]

    @staticmethod
    def _load(path: Path) -> dict[int, Frame]:
        with np.load(path) as data:
            rows = zip(data["error"].tolist(), data["right"].tolist(), data["confidence"], strict=True)
            return {int(number): Frame(*row) for number, row in zip(data["frames"], rows, strict=True)}

    def _color(self, span: Span, path: Path | None) -> dict[int, Frame]:
        if self._propagator is None:
            self._propagator = Propagator(registry.build("standard", device=CPU), Method(tracking="dense"), device=CPU)
        frames = {}
        with Scratch() as scratch:
            for colored in self._propagator.color(span, self.clip, scratch):
                lab = np.dstack([self.clip.lightnesses[colored.frame], colored.ab])
                picture, truth = lab_to_srgb(lab), self.clip.rgb[colored.frame]
                confidence = cv2.resize(colored.confidence, GRID[::-1], interpolation=cv2.INTER_AREA)
                frames[colored.frame] = Frame(
                    float(np.mean((np.clip(picture, 0, 1) - truth) ** 2)),
                    float(within_threshold(truth, picture).mean()),
                    np.asarray(confidence, np.float32),
                )
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(
                path,
                frames=list(frames),
                error=[frame.error for frame in frames.values()],
                right=[frame.right for frame in frames.values()],
                confidence=[frame.confidence for frame in frames.values()],
            )
        return frames


@dataclass(frozen=True)
class Placement:
    """Keyframes of one placement, and what they gave.

    Attributes:
        keys: The keyframes.
        frames: The other frames.
        count: Frames of the shot.
    """

    keys: tuple[int, ...]
    frames: dict[int, Frame]
    count: int

    @property
    def right(self) -> float:
        """Return the share of the shot's pixels that are right; a keyframe is."""
        return (len(self.keys) + sum(frame.right for frame in self.frames.values())) / self.count

    def psnr(self, over: Sequence[int]) -> float:
        """Return the mean PSNR over frames, in dB.

        Args:
            over: Frames to average over, at least one, none of them a keyframe.
        """
        return float(np.mean([-10 * np.log10(max(self.frames[number].error, 1e-10)) for number in over]))


def evenly(count: int, keys: int) -> tuple[int, ...]:
    """Return keyframes in the middle of equal stretches.

    Args:
        count: Frames of the shot.
        keys: Number of keyframes, at most `count`.
    """
    return tuple(int((place + 0.5) * count / keys) for place in range(keys))


def evenly_after_first(count: int, keys: int) -> tuple[int, ...]:
    """Return keyframes at equal distances from the first frame on, with half that distance after the last one.

    Args:
        count: Frames of the shot.
        keys: Number of keyframes, at least 1 and at most `count`.
    """
    return tuple(round(place * count / (keys - 0.5)) for place in range(keys))


def add_suggested(coverage: KeyCoverage, coloring: Coloring, keys: tuple[int, ...]) -> tuple[tuple[int, ...], float]:
    """Return the keyframes and the one that `suggest` names, and the gain that it states.

    Args:
        coverage: What keyframes would colour of the shot; it must have looked at all of `keys`.
        coloring: Colours the shot from `keys`.
        keys: Frames that are keyframes, ascending.

    Returns:
        The keyframes, ascending, and the stated gain in the share of the shot's pixels that is right; `keys` and 0 if
        it names none.
    """
    frames = coloring.frames(keys)
    confidence = np.ones((len(coverage.frames), *GRID), np.float32)
    for index, number in enumerate(coverage.frames):
        if number in frames:
            confidence[index] = frames[number].confidence
    own = [coverage.frames.index(key) for key in keys]
    found = suggest_by_coverage(coverage.share, coverage.candidates, confidence, own, limit=1, least_gain=0)
    if not found:
        return keys, 0.0
    return tuple(sorted({*keys, coverage.frames[coverage.candidates[found[0][0]]]})), found[0][1]


def add_by_averages(coloring: Coloring, keys: tuple[int, ...]) -> tuple[tuple[int, ...], float]:
    """Return the keyframes and the one that the frames' average confidences suggest, and the gain that is stated.

    Args:
        coloring: Colours the shot from `keys`.
        keys: Frames that are keyframes, ascending.

    Returns:
        As `add_suggested`; `keys` and 0 if nothing is suggested.
    """
    confidence = {number: float(frame.confidence.mean()) for number, frame in coloring.frames(keys).items()}
    found = suggest_keyframes(confidence | dict.fromkeys(keys, 1.0), keys, limit=1)
    return (tuple(sorted({*keys, found[0].frame})), found[0].gain) if found else (keys, 0.0)


def measure(
    sequence: DatasetSequence, *, frames: int, most: int, best: int, names: Sequence[str], cache: Path | None
) -> dict[str, object]:
    """Return the placements of one sequence by name, and the gains of the suggestions, stated and had.

    Args:
        sequence: The sequence.
        frames: Most frames of it that are used.
        most: Largest number of keyframes.
        best: Search all sets on every so many frames for the placement "best"; 0 for no search.
        names: Placements to measure, of `PLACEMENTS`.
        cache: Folder that keeps what was coloured, by model and sequence; None to keep nothing.

    Returns:
        "sequence": its name; "stated": the share of right pixels that the plan states, by number of keyframes;
        "counts": for each number of keyframes, "keys", "psnr" in dB and "right", 0..1, of each placement; "gains":
        pairs of gains, stated and had, in the share of right pixels, by placement.
    """
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    clip = Clip.load(sequence, frames)
    count = len(clip.rgb)
    size = f"{clip.rgb[0].shape[0]}_{count}"
    folder = None if cache is None else cache / registry.digest("standard")[:12] / f"{sequence.name}_{size}"
    coloring = Coloring(clip, folder)
    coverage = estimate_coverage(range(count), clip.lightness)
    sets = best_key_sets(coverage.share, coverage.candidates, most)
    placements: dict[str, list[tuple[int, ...]]] = {
        "planned": [tuple(coverage.frames[coverage.candidates[key]] for key in each.keys) for each in sets],
        "evenly": [evenly(count, number) for number in range(1, most + 1)],
        "ruler": [evenly_after_first(count, number) for number in range(1, most + 1)],
    }
    gains: dict[str, list[tuple[float, float]]] = {}
    suggest: dict[str, Callable[[tuple[int, ...]], tuple[tuple[int, ...], float]]] = {
        "suggested": partial(add_suggested, coverage, coloring),
        "averages": partial(add_by_averages, coloring),
        "after-first": partial(add_suggested, coverage, coloring),
        "averages-after-first": partial(add_by_averages, coloring),
    }
    for name, add in suggest.items():
        if name not in names:
            continue
        keys = (0,) if name.endswith("after-first") else placements["planned"][0]
        placements[name], gains[name] = [keys], []
        for _ in range(most - 1):
            before = Placement(keys, coloring.frames(keys), count).right
            keys, stated = add(keys)
            placements[name].append(keys)
            gains[name].append((stated, Placement(keys, coloring.frames(keys), count).right - before))
    placements = {name: each for name, each in placements.items() if name in names}
    if best:
        placements["best"] = [best_of_all(coloring, count, number, best) for number in range(1, most + 1)]
    results = {
        name: [Placement(keys, coloring.frames(keys), count) for keys in each] for name, each in placements.items()
    }
    rows = []
    for number in range(1, most + 1):
        row: dict[str, object] = {}
        for group in ([name for name in names if name in results] for names in (FREE, AFTER_FIRST)):
            used = {key for name in group for key in results[name][number - 1].keys}
            over = [frame for frame in range(count) if frame not in used]
            for name in group:
                placed = results[name][number - 1]
                row[name] = {"keys": placed.keys, "psnr": placed.psnr(over), "right": placed.right}
        rows.append(row)
    return {"sequence": sequence.name, "stated": [each.share for each in sets], "counts": rows, "gains": gains}


def best_of_all(coloring: Coloring, count: int, keys: int, every: int) -> tuple[int, ...]:
    """Return the set of keyframes on every n-th frame that makes most pixels right.

    Args:
        coloring: Colours the shot from each set.
        count: Frames of the shot.
        keys: Number of keyframes; fewer if there are fewer places.
        every: Number of frames from one place to the next, at most `count`.
    """
    places = range(every // 2, count, every)
    sets = itertools.combinations(places, min(keys, len(places)))
    return max(sets, key=lambda each: Placement(each, coloring.frames(each), count).right)


def keys_needed(rows: Sequence[dict[str, dict[str, float]]], name: str) -> int:
    """Return the number of keyframes until enough is right; one more than was tried if it never is.

    Args:
        rows: The "counts" of a sequence, from `measure`.
        name: Name of a placement.
    """
    return next((number for number, row in enumerate(rows, 1) if row[name]["right"] >= ENOUGH), len(rows) + 1)


def report(results: Sequence[dict[str, object]], most: int) -> None:
    """Print the tables.

    Args:
        results: What `measure` returned for each sequence, at least one.
        most: Largest number of keyframes, as for `measure`.
    """
    rows = [each["counts"] for each in results]
    names = [name for name in (*FREE, *AFTER_FIRST) if name in rows[0][0]]  # type: ignore[index]
    for number in range(most):
        print(f"\n{number + 1} keyframes: dB, right %")
        for name in names:
            values = [(row[number][name]["psnr"], 100 * row[number][name]["right"]) for row in rows]  # type: ignore[index]
            each = "  ".join(f"{value:5.2f} {right:5.2f}" for value, right in values)
            print(f"{name:<21} {np.mean(values, axis=0)[0]:6.2f} {np.mean(values, axis=0)[1]:6.2f} | {each}")
    print(f"\nkeyframes until {100 * ENOUGH:.0f} % are right ({most + 1}: not with the {most} that were tried)")
    for name in names:
        needed = [keys_needed(row, name) for row in rows]  # type: ignore[arg-type]
        print(f"{name:<21} {np.mean(needed):6.2f} | {needed}")
    print("\ngain in % of the shot's pixels: stated, had, stated / had")
    for name in results[0]["gains"]:  # type: ignore[attr-defined]
        both = 100 * np.mean([gain for each in results for gain in each["gains"][name]], axis=0)  # type: ignore[index]
        print(f"{name:<21} {both[0]:6.2f} {both[1]:6.2f} {both[0] / max(both[1], 1e-9):6.2f}")
    if "planned" not in names:
        return
    print("\nshare that the plan states and that is right, in %, by number of keyframes")
    for number in range(most):
        stated = np.mean([each["stated"][number] for each in results])  # type: ignore[index]
        right = np.mean([row[number]["planned"]["right"] for row in rows])  # type: ignore[index]
        print(f"{number + 1} {100 * stated:6.2f} {100 * right:6.2f}")


def main() -> None:
    """Run the measurement and print its tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True, help="a DAVIS-like folder")
    parser.add_argument("--names", nargs="+", help="the sequences to use; default: all")
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--lines", type=int, default=216)
    parser.add_argument("--most", type=int, default=4, help="largest number of keyframes (%(default)s)")
    parser.add_argument("--placements", nargs="+", choices=PLACEMENTS, default=PLACEMENTS)
    parser.add_argument("--best", type=int, default=0, help="search all sets on every n-th frame; 0 searches none")
    parser.add_argument("--cache", type=Path, help="folder that keeps what was coloured")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--json", type=Path, help="file for all results")
    options = parser.parse_args()
    width = round(options.lines * 16 / 9)
    sequences = read_dataset(options.dataset, width=width, height=options.lines, names=options.names)
    work = partial(
        measure,
        frames=options.frames,
        most=options.most,
        best=options.best,
        cache=options.cache,
        names=options.placements,
    )
    results: list[dict[str, object]] = []
    with ProcessPoolExecutor(options.workers) as workers:
        for result in workers.map(work, sequences):
            results.append(result)
            print(result["sequence"], flush=True)
            if options.json is not None:  # at once, so that a run that is stopped keeps what it has
                options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    report(results, options.most)


if __name__ == "__main__":
    main()
