"""Measure flat paint: hue and gamut on its own frame and on those that follow, and true keyframes taken for it.

    PYTHONPATH=. python benchmarks/flat_paint.py hue --dataset DIR [--clips NAME ...] [--colors "#f0d020" ...]
    PYTHONPATH=. python benchmarks/flat_paint.py gamut --dataset DIR [--clips NAME ...] [--colors "#f0d020" ...]
        [--frames 9] [--kinds KIND ...] [--lines 240] [--plate png]
    PYTHONPATH=. python benchmarks/flat_paint.py true --dataset DIR [--clips NAME ...]

`hue` and `gamut` paint, in each of the colours, an ellipse as a patch, the same within a true keyframe, also saved as
JPEG 75, and a whole frame of four flat colours, which follow the picture's four main colours. With `--objects` it is
the object of a clip with masks in place of the ellipse.

`hue` prints for the frame of the paint the mean error of hue in degrees where C* is above 4, its percentiles of 90 and
95, the share of the painted pixels with a channel below 0 or above 1 (by more than 0.001), and their confidence; of the
patch also as it comes (`--register off`).
`gamut` prints for a frame of the paint, and for one of those that follow, how many pixels have a channel below -0.001
and above 1.002, on average; and the lowest channel. On a plate of linear light (`--plate exr`) channels may be above 1.
`true` gives the first frame of each clip as a true keyframe in several ways, and prints how many are taken for flat
paint, and of how many the chroma is reduced.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from keyframe_damage import grain, jpeg, posterise, shift
from paint_shots import (
    color,
    draw_ellipse,
    find_segments,
    hue_error,
    parse_color,
    read_frames,
    read_masks,
    write_paint,
    write_picture,
    write_plate,
)

from stcolor_core.arrays import Image, Mask
from stcolor_core.evaluation.dataset import DatasetSequence, read_dataset
from stcolor_core.images.color import linear_to_lab, srgb_decode
from stcolor_core.images.flat_paint import put_flat_paint_on, reduce_chroma

COLORS = {
    "hue": ["#f0d020", "#c02020", "#2040c0", "#20a040"],
    "gamut": ["#ff00cc", "#00ff00", "#f0d020", "#0000ff"],
}
RAW, PATCH, WITHIN, COMPRESSED, WHOLE = KINDS = (
    "a patch, as it came",
    "a patch",
    "within a true keyframe",
    "the same as JPEG 75",
    "a whole frame of flat colours",
)
LINES = {"hue": 216, "gamut": 240, "true": 216}
TRUE: dict[str, Callable[[Image], Image]] = {
    "exact, 8 bits": lambda picture: picture,
    "JPEG 90": lambda picture: jpeg(picture, 90),
    "JPEG 60": lambda picture: jpeg(picture, 60),
    "grain of 5 levels": lambda picture: grain(picture, 5),
    "gamma of 1.4": lambda picture: picture ** np.float32(1.4),
    "8 levels a channel": lambda picture: posterise(picture, 8),
    "4 levels a channel": lambda picture: posterise(picture, 4),
    "moved by 8 px": lambda picture: shift(picture, 7.3, 3.3),
}
_LEAST_CHROMA = 4.0  # C*, of a pixel whose hue can be told
_BEYOND = 0.001, 0.002  # of a channel, what does not count below 0 and above 1 on frames that follow


@dataclass(frozen=True)
class Painted:
    """A keyframe or a patch of flat paint, on the disk.

    Attributes:
        kind: What it is.
        path: Its file.
        colors: The colour of each pixel, display RGB, (H, W, 3), 0..1.
        cover: Where it is painted, (H, W), bool.
        register: As in `Method`.
    """

    kind: str
    path: Path
    colors: Image
    cover: Mask
    register: str = "auto"


def paint(folder: Path, picture: Image, cover: Mask, colors: Sequence[Image]) -> Iterator[Painted]:
    """Yield the keyframes and patches of one colour, each once it is written.

    Args:
        folder: Where they are written.
        picture: The true frame: display RGB, (H, W, 3), 0..1.
        cover: Where the object is that is painted, (H, W), bool.
        colors: The colour, and those of the other parts of a whole frame: display RGB, (3,), 0..1.
    """
    even = np.broadcast_to(colors[0], picture.shape)
    write_paint(folder / "patch.png", colors[0], cover)
    yield Painted(RAW, folder / "patch.png", even, cover, "off")
    yield Painted(PATCH, folder / "patch.png", even, cover)
    within = np.where(cover[..., None], even, picture)
    write_picture(folder / "within.png", within)
    yield Painted(WITHIN, folder / "within.png", even, cover)
    write_picture(folder / "within.jpg", within, quality=75)
    yield Painted(COMPRESSED, folder / "within.jpg", even, cover)
    if len(colors) == 1:
        return
    parts = np.asarray(colors)[find_segments(picture, len(colors))]
    write_picture(folder / "whole.png", parts)
    yield Painted(WHOLE, folder / "whole.png", parts, np.ones(cover.shape, bool))


def measure_hue(folder: Path, painted: Painted) -> list[float]:
    """Return what `hue` prints of a keyframe or patch of the clip's first frame.

    Args:
        folder: Has the clip's plate.
        painted: The keyframe or patch.

    Returns:
        Mean error of hue and its percentiles of 90 and 95 in degrees; in percent, the pixels below 0 and above 1; and
        the mean confidence.
    """
    (result,) = color(folder, {0: [painted.path]}, only=[0], register=painted.register)
    linear, cover = result.linear, painted.cover
    ab = np.asarray(linear_to_lab(np.clip(linear, 0, 1))[..., 1:])  # as it is seen
    told = cover & (np.hypot(ab[..., 0], ab[..., 1]) > _LEAST_CHROMA)
    error = np.zeros(cover.shape, np.float32)
    for each in np.unique(painted.colors[cover], axis=0):
        same = told & (painted.colors == each).all(axis=-1)
        error[same] = hue_error(ab[same], each)
    errors = error[told] if told.any() else np.zeros(1)
    low, high = linear[cover].min(axis=-1), linear[cover].max(axis=-1)
    shares = [100 * float(share.mean()) for share in (low < -_BEYOND[0], high > 1 + _BEYOND[0])]
    percentiles = (float(np.percentile(errors, percent)) for percent in (90, 95))
    return [float(errors.mean()), *percentiles, *shares, float(result.confidence[cover].mean())]


def measure_gamut(folder: Path, painted: Painted, count: int) -> list[float]:
    """Return what `gamut` prints of a keyframe or patch of the clip's first frame.

    Args:
        folder: Has the clip's plate.
        painted: The keyframe or patch.
        count: How many frames the clip has.

    Returns:
        Pixels below 0 and above 1 of the paint's frame, and their mean over the others; the lowest channel.
    """
    rows, lowest = np.zeros((count, 2)), 0.0
    for result in color(folder, {0: [painted.path]}, register=painted.register):
        low, high = result.linear.min(axis=-1), result.linear.max(axis=-1)
        rows[result.index] = (low < -_BEYOND[0]).sum(), (high > 1 + _BEYOND[1]).sum()
        lowest = min(lowest, float(low.min()))
    return [*rows[0], *rows[1:].mean(axis=0), lowest]


def measure_true(sequences: Sequence[DatasetSequence]) -> dict[str, tuple[int, int]]:
    """Return by the kind of a true keyframe in how many clips it is taken for paint, and its chroma reduced.

    Args:
        sequences: The clips.
    """
    counts = dict.fromkeys(TRUE, (0, 0))
    for sequence in sequences:
        picture = np.asarray(sequence.rgb(0), np.float32)
        light = np.ascontiguousarray(linear_to_lab(srgb_decode(picture))[..., 0], np.float32)
        for kind, change in TRUE.items():
            saved = np.rint(np.clip(change(picture), 0, 1) * 255) / np.float32(255)
            lab = np.asarray(linear_to_lab(srgb_decode(saved)), np.float32)
            found = put_flat_paint_on(lab, None, light) is not None, reduce_chroma(lab, None, light) is not None
            counts[kind] = counts[kind][0] + found[0], counts[kind][1] + found[1]
    return counts


def main() -> None:
    """Run a measurement, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=list(LINES))
    parser.add_argument("--dataset", type=Path, required=True, help="a folder of clips, laid out as DAVIS is")
    parser.add_argument("--clips", nargs="*")
    parser.add_argument("--colors", nargs="*", help="as #rrggbb, four or fewer")
    parser.add_argument("--frames", type=int, default=9, help="of each clip, for gamut (9)")
    parser.add_argument("--lines", type=int, help="height of the frames in px (216; 240 for gamut)")
    parser.add_argument("--plate", choices=("png", "exr"), default="png", help="file type of the plate (png)")
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=KINDS, help="the kinds of reference to measure")
    parser.add_argument("--objects", action="store_true", help="paint the object of a clip with masks, not an ellipse")
    options = parser.parse_args()
    lines = options.lines or LINES[options.what]
    clips = [clip.with_lines(lines) for clip in read_dataset(options.dataset, names=options.clips)]
    if options.what == "true":
        print("| a true keyframe | taken for flat paint | chroma reduced |\n|---|---|---|")
        for kind, (paint_found, reduced) in measure_true([replace(clip, masks=None) for clip in clips]).items():
            print(f"| {kind} | {paint_found} of {len(clips)} | {reduced} of {len(clips)} |")
        return
    rows = defaultdict[str, list[list[float]]](list)
    for clip in clips:
        for kind, row in measure_clip(clip, options):
            rows[kind].append(row)
    report(options.what, rows)


def measure_clip(clip: DatasetSequence, options: argparse.Namespace) -> Iterator[tuple[str, list[float]]]:
    """Yield the kind of each keyframe and patch of a clip, and what is printed of it.

    Args:
        clip: The clip.
        options: Of the command line.
    """
    colors = [parse_color(text) for text in options.colors or COLORS[options.what]]
    frames = read_frames(clip, 1 if options.what == "hue" else options.frames)
    cover = read_masks(clip, 1)[0] if options.objects else draw_ellipse(frames[0].shape[:2])
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        write_plate(folder, frames, options.plate)
        for turn in range(len(colors)):
            turned = [*colors[turn:], *colors[:turn]]
            for painted in paint(folder, frames[0], cover, turned):
                if painted.kind not in options.kinds:
                    continue
                if options.what == "hue":
                    yield painted.kind, measure_hue(folder, painted)
                else:
                    yield painted.kind, measure_gamut(folder, painted, len(frames))


def report(what: str, rows: dict[str, list[list[float]]]) -> None:
    """Print a Markdown table of means, and of the lowest channel the least.

    Args:
        what: "hue" or "gamut".
        rows: The results by kind.
    """
    if what == "hue":
        print("| reference | n | hue, mean | 90 % | 95 % | below 0 | above 1 | confidence |")
        print("|---" * 8 + "|")
        for kind, each in rows.items():
            mean, ninety, most, low, high, sure = np.mean(each, axis=0)
            degrees = f"{mean:.2f}° | {ninety:.2f}° | {most:.2f}°"
            print(f"| {kind} | {len(each)} | {degrees} | {low:.1f} % | {high:.1f} % | {sure:.2f} |")
        return
    print("| reference | n | its frame: below 0 | above 1 | a frame that follows: below 0 | above 1 | lowest channel |")
    print("|---" * 7 + "|")
    for kind, each in rows.items():
        counts = " | ".join(f"{count:.1f}" for count in np.mean(each, axis=0)[:-1])
        print(f"| {kind} | {len(each)} | {counts} | {min(row[-1] for row in each):.4f} |")


if __name__ == "__main__":
    cv2.setNumThreads(1)
    main()
