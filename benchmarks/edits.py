"""Measure the colour of edited shots: dissolves, and scenes without a reference.

    PYTHONPATH=. python benchmarks/edits.py --dataset DIR [--pairs 8] [--lines 144] [--only dissolve] [--sheet PATH.png]

The dataset holds clips, each a folder of JPEGs. Two clips are joined; a keyframe is the third frame of the first and,
for dissolves, the third last of the second one. A dissolve is coloured mixed (as it is when it is found) and tracked
through (as if it were not). A scene without a reference is matched with the keyframe of the other scene, or left grey:
the other scene is 40 frames earlier in the same clip, or another clip.
Each row has the number of frames, dB in sRGB, the share of pixels within 16 of 255 levels (as all figures of the
confidence have it), the mean confidence and its expected calibration error.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch

from stcolor_core.arrays import Image, Plane
from stcolor_core.evaluation.metrics import Reliability, within_threshold
from stcolor_core.files.scratch import Scratch
from stcolor_core.images.color import lab_to_srgb, linear_to_lab, srgb_decode, srgb_encode
from stcolor_core.method.propagation import Propagator
from stcolor_core.method.references import Keyframe
from stcolor_core.models import registry
from stcolor_core.shots.settings import Method
from stcolor_core.shots.spans import plan

PURE = 6  # frames of each scene alone
LENGTH = 14  # of a dissolve
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Shot:
    """A shot in memory, as the `Footage` of propagation.

    Attributes:
        labs: CIE Lab of each frame, shape (H, W, 3).
        stills: References that are not a frame of the shot.
    """

    labs: Sequence[Image]
    stills: tuple[Keyframe, ...] = ()

    def lightness(self, frame: int) -> Plane:
        """Return the frame's L*, shape (H, W), 0..100.

        Args:
            frame: Index of the frame.
        """
        return np.ascontiguousarray(self.labs[frame][..., 0])

    def instances(self, frame: int) -> None:  # noqa: ARG002  (the protocol's signature)
        """Return None: the shot has neither instances nor mattes.

        Args:
            frame: Ignored.
        """
        return None

    def keyframe(self, frame: int) -> Keyframe:
        """Return the frame with its true colour as a reference.

        Args:
            frame: Index of the frame.
        """
        return Keyframe(self.lightness(frame), np.ascontiguousarray(self.labs[frame][..., 1:]))


@dataclass
class Score:
    """Squared errors, and how often pixels of each confidence are right, over some frames.

    Attributes:
        errors: Mean squared error of each frame in sRGB of 0..1.
        reliability: How many pixels of each confidence are right.
    """

    errors: list[float] = field(default_factory=list)
    reliability: Reliability = field(default_factory=Reliability)

    def add(self, lab: Image, ab: Image, confidence: Plane) -> None:
        """Add a frame.

        Args:
            lab: CIE Lab of the frame with its true colour, shape (H, W, 3).
            ab: a* and b* that it was coloured with, shape (H, W, 2).
            confidence: Confidence in `ab`, shape (H, W), 0..1.
        """
        truth, picture = _srgb(lab), _srgb(np.dstack([lab[..., 0], ab]))
        self.errors.append(float(np.mean((truth - picture) ** 2)))
        self.reliability.add(confidence, within_threshold(truth, picture))

    def row(self) -> str:
        """Return the five columns of the table: frames, dB, share right, mean confidence and calibration error."""
        seen = self.reliability
        right, says = (part.sum() / seen.count.sum() for part in (seen.correct, seen.confidence))
        decibels = -10 * np.log10(np.mean(self.errors))
        return f"{len(self.errors):8}{decibels:8.2f}{right:8.3f}{says:8.3f}{seen.error():8.3f}"


def _srgb(lab: Image) -> Image:
    return np.asarray(lab_to_srgb(np.ascontiguousarray(lab)), np.float32)


def read(folder: Path, start: int, count: int, lines: int) -> list[Image]:
    """Return some frames of a clip in linear light, shape (H, W, 3), 0..1.

    Args:
        folder: The clip, a folder of JPEGs.
        start: Index of the first frame, by file name.
        count: Number of frames; fewer if the clip ends before.
        lines: Height that the frames are resized to, in px; the width keeps their proportions.
    """
    frames = []
    for path in sorted(folder.glob("*.jpg"))[start : start + count]:
        picture = cv2.imread(str(path))
        size = (round(picture.shape[1] * lines / picture.shape[0]), lines)
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        frames.append(srgb_decode(np.float32(small[..., ::-1]) / 255))
    return frames


def dissolve(one: Path, other: Path, kind: str, lines: int) -> Shot:
    """Return two clips with a dissolve of linear light or of video levels between them, or a fade through black.

    Args:
        one: Folder of the clip before the dissolve.
        other: Folder of the clip after it, with frames of the same proportions.
        kind: "linear", "video" or "fade".
        lines: Height of the frames, in px.
    """
    a, b = read(one, 0, PURE + LENGTH, lines), read(other, 8, LENGTH + PURE, lines)
    mixed = []
    for x, y, share in zip(a[PURE:], b, np.float32((np.arange(LENGTH) + 1) / (LENGTH + 1)), strict=False):
        if kind == "fade":
            mixed.append(x * max(0, 1 - 2 * share) + y * max(0, 2 * share - 1))
        elif kind == "linear":
            mixed.append((1 - share) * x + share * y)
        else:
            mixed.append(srgb_decode((1 - share) * srgb_encode(x) + share * srgb_encode(y)))
    return Shot([linear_to_lab(np.float32(frame)) for frame in [*a[:PURE], *mixed, *b[LENGTH:]]])


def color(propagator: Propagator, shot: Shot, frames: range, keys: list[int], **edit: object) -> Iterator[tuple]:
    """Yield frame, ab and confidence of some frames.

    Args:
        propagator: Colours the shot.
        shot: The shot with its true colours.
        frames: Frames to colour; keyframes among them are left out.
        keys: Frames that are keyframes.
        **edit: The shot's cuts, dissolves and other arguments of `stcolor_core.shots.spans.plan`, by name.
    """
    for span in plan(range(len(shot.labs)), keys, edit.pop("cuts", []), edit.pop("dissolves", []), **edit):
        wanted = set(span.frames).intersection(frames)
        with Scratch() as scratch:
            for colored in propagator.color(span, shot, scratch, wanted=wanted) if wanted else ():
                yield colored.frame, colored.ab, colored.confidence


def main() -> None:
    """Run the measurement that the command line names, and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True, help="a folder of clips, each a folder of JPEGs")
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--every", type=int, default=1, help="take every so many clips, by name")
    parser.add_argument("--lines", type=int, default=144, help="height of the pictures; 216 takes twice as long")
    parser.add_argument("--only", default="", help="run only the rows with this in their name")
    parser.add_argument("--sheet", type=Path, help="write truth, mixed and tracked through of each dissolve")
    options = parser.parse_args()
    torch.set_num_threads(1)
    propagator = Propagator(registry.build("standard", device=CPU), Method(tracking="dense"), device=CPU)
    folders = sorted(folder for folder in options.dataset.iterdir() if folder.is_dir())[:: options.every]
    scores: dict[str, Score] = defaultdict(Score)
    sheet = []
    for index, one in enumerate(folders[: options.pairs]):
        print(f"{index + 1} of {min(options.pairs, len(folders))}: {one.name}", file=sys.stderr, flush=True)
        other, farther = (folders[(index + step) % len(folders)] for step in (3, 5))
        for kind in ("linear", "video", "fade") if options.only in "dissolve" else ():
            shot, rows = dissolve(one, other, kind, options.lines), []
            keys, frames = [2, PURE + LENGTH + 3], range(PURE, PURE + LENGTH)
            for name, dissolves in (("mixed", [(frames[0], frames[-1])]), ("tracked through", [])):
                for frame, ab, confidence in color(propagator, shot, frames, keys, dissolves=dissolves):
                    scores[f"dissolve {kind}, {name}"].add(shot.labs[frame], ab, confidence)
                    if frame == frames[LENGTH // 2]:
                        rows.append(_srgb(np.dstack([shot.labs[frame][..., 0], ab])))
            sheet.append(np.hstack([_srgb(shot.labs[frames[LENGTH // 2]]), *rows]))
        places = (("same clip", one, 43), ("another clip", other, 20), ("another clip", farther, 30))
        for name, folder, start in places:
            if options.only not in "unreferenced":
                continue
            frames = [*read(one, 0, 3, options.lines), *read(folder, start, 3, options.lines)]
            shot = Shot([linear_to_lab(np.float32(frame)) for frame in frames])
            for match in (True, False):
                edit = {"cuts": [3], "match_unreferenced": match}
                for frame, ab, confidence in color(propagator, shot, range(3, len(shot.labs), 2), [1], **edit):
                    for which in (name, "all"):
                        label = f"unreferenced, {which}, {'match' if match else 'grey'}"
                        scores[label].add(shot.labs[frame], ab, confidence)
    print(f"{'':40}{'frames':>8}{'dB':>8}{'right':>8}{'says':>8}{'error':>8}")
    for name, score in sorted(scores.items()):
        print(f"{name:40}{score.row()}")
    if options.sheet is not None and sheet:
        width = min(row.shape[1] for row in sheet)
        cv2.imwrite(str(options.sheet), np.vstack([np.rint(255 * row[:, :width, ::-1]) for row in sheet]))


if __name__ == "__main__":
    main()
