"""Measure what is said of true keyframes that tell little of light and place: in grey paint, in neon, of few tones.

    PYTHONPATH=. python benchmarks/painted_keyframes.py grey --dataset DIR [--clips NAME ...] [--every 1]
    PYTHONPATH=. python benchmarks/painted_keyframes.py neon --dataset DIR [--clips NAME ...] [--every 1] [--quality 90]
    PYTHONPATH=. python benchmarks/painted_keyframes.py tones --dataset DIR [--clips NAME ...] [--every 1]

The frame in the middle of each clip is a keyframe of 8 bits, and goes through the whole pipeline; only its own frame is
coloured.

`grey`: an object of it is filled near-black, grey or white, or an ellipse, three objects, 40 dabs or all of it, in
greys. An object is a part of one main colour, or of a clip with masks that of its mask.
`neon`: saturation times 2, 3 and 5 in CIELAB and times 3 and 5 in linear light, so that channels are clipped.
`tones`: 4, 5, 6 and 8 levels a channel.

Prints by kind in how many clips a line says that the keyframe is another frame or a still, is moved or bent, is in
another light, has bars, is damaged, or is flat paint or of few colours; the share of the pixels that is right within 16
of 255 levels, as it came (on the plate's luminance) and as it is used; the mean confidence, and by how much that is off
what is right in a clip. Right is the true picture; of grey paint and neon, the keyframe as it came. Each line that says
another place or light goes to stderr.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from keyframe_damage import jpeg, posterise
from paint_shots import color, draw_ellipse, find_segments, write_picture, write_plate

from stcolor_core.arrays import Image, Mask
from stcolor_core.evaluation.dataset import DatasetSequence, read_dataset
from stcolor_core.evaluation.metrics import within_threshold
from stcolor_core.images.color import lab_to_linear, linear_to_lab, srgb_decode, srgb_encode
from stcolor_core.method.registration.search import REACH

SAID = {
    "another frame or a still": r"looks like frame|fit frame|as a still",
    "place": r"moved|scaled|turned|bent|slipped|lay beside|do not follow|beside the plate|shows \d|shows the whole|BGR",
    "light": r"relit|tone curve|painted over|mode \"Color\"|sharpening|softness",
    "bars": r"bars",
    "damage": r"cleaned|smoothed",
    "paint or few colours": r"flat colours|few colours",
}
_UNTRUE = ("another frame or a still", "place", "light", "bars")  # of what is named on stderr
BLACK, GREY, WHITE = (np.full(3, level / 255, np.float32) for level in (8, 128, 245))
_SEGMENTS = 6
_DABS, _DAB_SIZE = 40, 0.02  # how many, and their radius in parts of the height
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)


def find_objects(picture: Image, mask: Mask | None) -> list[Mask]:
    """Return what may be filled in a picture, the first alone or three together: masks of (H, W), bool.

    Args:
        picture: Display RGB, (H, W, 3), 0..1.
        mask: Its object; None if the clip has no masks.
    """
    labels = find_segments(picture, _SEGMENTS)
    parts = []
    for label in range(_SEGMENTS):
        _, numbered, stats, _ = cv2.connectedComponentsWithStats((labels == label).astype(np.uint8))
        parts.append(np.asarray(numbered == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))))
    parts.sort(key=lambda part: abs(float(part.mean()) - 0.1))  # the one that has the size of an object
    return [*([] if mask is None or not mask.any() else [mask]), *parts]


def paint_grey(picture: Image, mask: Mask | None) -> Iterator[tuple[str, Image]]:
    """Yield the kinds of `grey`, and the keyframe of each: display RGB, (H, W, 3), 0..1.

    Args:
        picture: The true frame, likewise.
        mask: Its object, (H, W), bool; None if the clip has no masks.
    """
    objects, size = find_objects(picture, mask), picture.shape[:2]
    for name, paint in (("near-black", BLACK), ("grey", GREY), ("white", WHITE)):
        yield f"an object {name}", _fill(picture, objects[0], paint)
    yield "an ellipse grey", _fill(picture, draw_ellipse(size), GREY)
    three = picture
    for cover, paint in zip(objects[:3], (BLACK, GREY, WHITE), strict=True):
        three = _fill(three, cover, paint)
    yield "three objects", three
    levels = np.random.default_rng(0).permutation(np.linspace(0.1, 0.9, _SEGMENTS, dtype=np.float32))
    yield "all over", np.repeat(levels[find_segments(picture, _SEGMENTS)][..., None], 3, axis=2)
    dabs, generator = np.zeros(size, np.uint8), np.random.default_rng(0)
    for _ in range(_DABS):
        middle = int(generator.integers(size[1])), int(generator.integers(size[0]))
        cv2.circle(dabs, middle, max(1, round(_DAB_SIZE * size[0])), 1, -1)
    yield "dabs of grey", _fill(picture, dabs > 0, GREY)


def paint_neon(picture: Image) -> Iterator[tuple[str, Image]]:
    """Yield the kinds of `neon`, and the keyframe of each: display RGB, (H, W, 3), 0..1.

    Args:
        picture: The true frame, likewise.
    """
    lab = linear_to_lab(srgb_decode(picture))
    for factor in (2, 3, 5):
        linear = lab_to_linear(np.dstack([lab[..., :1], factor * lab[..., 1:]]))
        yield f"CIELAB times {factor}", np.clip(srgb_encode(linear), 0, 1)
    linear = srgb_decode(picture)
    grey = (linear @ _LUMINANCE)[..., None]
    for factor in (3, 5):
        yield f"linear light times {factor}", np.clip(srgb_encode(grey + factor * (linear - grey)), 0, 1)


def reduce_tones(picture: Image) -> Iterator[tuple[str, Image]]:
    """Yield the kinds of `tones`, and the keyframe of each: display RGB, (H, W, 3), 0..1.

    Args:
        picture: The true frame, likewise.
    """
    for levels in (4, 5, 6, 8):
        yield f"{levels} levels", posterise(picture, levels)


def measure(folder: Path, index: int, key: Image, came: Image, truth: Image) -> tuple[list[float], list[str]]:
    """Return what is printed of a keyframe, and the lines that the artist is given.

    Args:
        folder: Has the clip's plate.
        index: Index of the keyframe in the clip.
        key: Display RGB, (H, W, 3), 0..1.
        came: The same on the plate's luminance.
        truth: What is right, likewise.

    Returns:
        For each of `SAID` whether it is said; which share is right as it came and as it is used; the mean confidence.
    """
    write_picture(folder / "key.png", key)
    told: list[str] = []
    (result,) = color(folder, {index: [folder / "key.png"]}, only=[index], told=told)
    used = np.asarray(srgb_encode(np.clip(result.linear, 0, 1)), np.float32)
    lines = [line.partition("): ")[2] for line in told if line.startswith("Reference ")]
    said = [float(any(re.search(pattern, line) for line in lines)) for pattern in SAID.values()]
    rights = [float(within_threshold(truth, picture).mean()) for picture in (came, used)]
    return [*said, *rights, float(result.confidence.mean())], lines


def measure_clip(
    clip: DatasetSequence, kinds_of: Callable[[Image, Mask | None], Iterator[tuple[str, Image]]], *, own_truth: bool
) -> Iterator[tuple[str, list[float], list[str]]]:
    """Yield the kind of each keyframe of a clip, what is printed of it, and the lines that the artist is given.

    Args:
        clip: The clip.
        kinds_of: Makes the keyframes of its frame in the middle and the mask of that.
        own_truth: Whether the keyframe's own colours are right, on the plate's luminance; else the clip's.
    """
    middle = len(clip) // 2
    reach = range(max(0, middle - REACH), min(len(clip), middle + REACH + 1))
    frames = [np.asarray(clip.rgb(index), np.float32) for index in reach]
    index = reach.index(middle)
    mask = None if clip.masks is None else np.asarray(clip.mask(middle))
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        write_plate(folder, frames)
        for kind, key in kinds_of(frames[index], mask):
            key = np.asarray(key, np.float32)
            came = _on_luminance(key, frames[index])
            row, lines = measure(folder, index, key, came, came if own_truth else frames[index])
            yield kind, row, lines


def report(rows: dict[str, list[list[float]]]) -> None:
    """Print a Markdown table: a line for each kind.

    Args:
        rows: The results of each clip by kind.
    """
    headings = ["keyframe", "n", *SAID, "right as given, as used", "confidence", "off by"]
    print(f"| {' | '.join(headings)} |\n{'|---' * len(headings)}|")
    for kind, each in rows.items():
        table = np.array(each)
        counts = " | ".join(f"{count:.0f}" for count in table[:, : len(SAID)].sum(axis=0))
        came, used, sure = table[:, len(SAID) :].mean(axis=0)
        off = np.abs(table[:, -1] - table[:, -2]).mean()
        print(f"| {kind} | {len(each)} | {counts} | {came:.3f}, {used:.3f} | {sure:.3f} | {off:.2f} |")


def main() -> None:
    """Run a measurement, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("grey", "neon", "tones"))
    parser.add_argument("--dataset", type=Path, required=True, help="a folder of clips, laid out as DAVIS is")
    parser.add_argument("--clips", nargs="*")
    parser.add_argument("--every", type=int, default=1, help="of so many clips the first is measured (1)")
    parser.add_argument("--lines", type=int, default=216, help="height of the frames in px (216)")
    parser.add_argument("--quality", type=int, help="save the keyframes as JPEG of this quality before; else as PNG")
    options = parser.parse_args()
    cv2.setNumThreads(1)

    def keyframes_of(picture: Image, mask: Mask | None) -> Iterator[tuple[str, Image]]:
        whole = {"neon": paint_neon, "tones": reduce_tones}
        for kind, key in paint_grey(picture, mask) if options.what == "grey" else whole[options.what](picture):
            yield kind, key if options.quality is None else jpeg(np.asarray(key, np.float32), options.quality)

    rows = defaultdict[str, list[list[float]]](list)
    for clip in read_dataset(options.dataset, names=options.clips)[:: options.every]:
        for kind, row, lines in measure_clip(
            clip.with_lines(options.lines), keyframes_of, own_truth=options.what != "tones"
        ):
            rows[kind].append(row)
            if any(said for name, said in zip(SAID, row, strict=False) if name in _UNTRUE):
                print(f"{clip.name}, {kind}: {' / '.join(lines)}", file=sys.stderr, flush=True)
    report(rows)


def _fill(picture: Image, cover: Mask, paint: Image) -> Image:
    return np.where(cover[..., None], paint, picture)


def _on_luminance(key: Image, picture: Image) -> Image:
    """Return the colours of a keyframe on the luminance of the true picture, as display RGB."""
    lightness, ab = (linear_to_lab(srgb_decode(each)) for each in (picture, key))
    linear = lab_to_linear(np.dstack([lightness[..., :1], ab[..., 1:]]))
    return np.asarray(srgb_encode(np.clip(linear, 0, 1)), np.float32)


if __name__ == "__main__":
    main()
