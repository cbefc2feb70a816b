"""Measure how cut-outs are fitted to the plate: patches whose alpha follows the outline of one object.

    PYTHONPATH=. python benchmarks/cutouts.py --dataset DIR [--clips NAME ...] [--half 0|1] [--frames 0.1 0.9]
                                              [--per-frame 3] [--lines 216]

The objects are those of the data set's masks, if it has any, and areas of even colour. Each is cut out with a hard edge
or one softened by 1 or 2 px, exact, 8 bits, repainted, as JPEG, with grain or in another gamma; moved by 0, 0.5, 3 or
5 px of 216 lines; and where it belongs, as patches that nothing may move: a half of the object, a box or a stroke over
it, other light, other paint, another picture. Prints for each kind, for objects with and without texture, how many are
moved, lie within 1 px then, and are told; which share of what is covered is right within 16 of 255 levels, as it came
and as it is used, and the confidence there; and the PSNR in dB, at most 60, of its colour against that of the patch in
its place, as it came and as it is used.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from keyframe_damage import WEIGHTS, grain, jpeg

from stcolor_core.arrays import Image, Mask, Plane
from stcolor_core.evaluation.dataset import DatasetSequence, read_dataset
from stcolor_core.evaluation.metrics import psnr, within_threshold
from stcolor_core.images.color import lab_to_srgb, lightness, linear_to_lab, srgb_decode
from stcolor_core.method.registration import PatchPlace, find_patch_paint, find_patch_place

EVEN = 1.5  # L*, deviation of the detail of an object without texture
LEAST, MOST = 0.01, 0.2  # share of the frame that an object covers
Spoil = Callable[[Image, Mask, np.random.Generator], Image]
Cut = Callable[[Mask, np.random.Generator], Mask]


def _as_it_is(picture: Image, _covered: Mask, _generator: np.random.Generator) -> Image:
    """Return the picture itself."""
    return picture


def _repainted(picture: Image, _covered: Mask, _generator: np.random.Generator) -> Image:
    """Return the picture in the opposite hues, as far as code values have room for them."""
    lab = linear_to_lab(srgb_decode(picture))
    lab[..., 1:] *= -1
    return np.asarray(np.clip(lab_to_srgb(lab), 0, 1), np.float32)


def _relit(picture: Image, _covered: Mask, generator: np.random.Generator) -> Image:
    """Return the picture in a soft light that comes from elsewhere."""
    light = cv2.GaussianBlur(generator.normal(size=picture.shape[:2]).astype(np.float32), (0, 0), 40)
    return np.asarray(np.clip(picture * (1 + 0.3 * light / light.std())[..., None], 0, 1), np.float32)


def _flat(picture: Image, covered: Mask, _generator: np.random.Generator) -> Image:
    """Return the mean colour of what is covered."""
    return np.asarray(np.broadcast_to(picture[covered].mean(axis=0), picture.shape), np.float32)


def _shaded(picture: Image, covered: Mask, generator: np.random.Generator) -> Image:
    """Return that colour with a shading which the plate does not have."""
    shade = cv2.GaussianBlur(generator.normal(size=picture.shape[:2]).astype(np.float32), (0, 0), 10)
    return np.asarray(
        np.clip(_flat(picture, covered, generator) + 0.06 * (shade / shade.std())[..., None], 0, 1), np.float32
    )


def _retouched(picture: Image, covered: Mask, generator: np.random.Generator) -> Image:
    """Return the picture with a fifth of what is covered painted over."""
    rows, columns = np.nonzero(covered)
    at, radius = generator.integers(len(rows)), round(float(np.sqrt(0.2 * len(rows) / np.pi)))
    painted, color = picture.copy(), tuple(float(value) for value in picture[covered].mean(axis=0))
    cv2.circle(painted, (int(columns[at]), int(rows[at])), radius, color, -1)
    return np.asarray(cv2.GaussianBlur(painted, (0, 0), 0.5), np.float32)


def _whole(mask: Mask, _generator: np.random.Generator) -> Mask:
    """Return the mask itself."""
    return mask


def _half(mask: Mask, generator: np.random.Generator) -> Mask:
    """Return one side of the object."""
    rows, columns = np.nonzero(mask)
    angle = generator.uniform(0, 2 * np.pi)
    along = columns * np.cos(angle) + rows * np.sin(angle)
    side, cut = along > np.median(along), np.zeros_like(mask)
    cut[rows[side], columns[side]] = True
    return cut


def _box(mask: Mask, _generator: np.random.Generator) -> Mask:
    """Return a box around the object, as of a garbage matte."""
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    around = np.zeros_like(mask)
    around[max(0, y - 6) : y + height + 6, max(0, x - 6) : x + width + 6] = True
    return around


def _stroke(mask: Mask, generator: np.random.Generator) -> Mask:
    """Return an ellipse over the object, as of a brush that does not follow its outline."""
    rows, columns = np.nonzero(mask)
    spread, axes = np.linalg.eigh(np.cov(np.stack([columns, rows])))
    centre = (float(columns.mean() + generator.normal(0, 2)), float(rows.mean() + generator.normal(0, 2)))
    sides = (float(3 * np.sqrt(spread[1])), float(3 * np.sqrt(spread[0])))
    painted = np.zeros(mask.shape, np.uint8)
    cv2.ellipse(painted, (centre, sides, float(np.degrees(np.arctan2(axes[1, 1], axes[0, 1])))), 1, -1)
    return painted > 0


@dataclass(frozen=True)
class Kind:
    """One way in which a cut-out may come.

    Attributes:
        spoil: Changes the picture before it is cut.
        cut: What is cut, by the object's mask.
        shift: px by which it is moved, in a direction that is drawn for each.
        soft: px, sigma of its edge; 0 for a hard one.
        other: Whether it is of another picture.
    """

    spoil: Spoil = _as_it_is
    cut: Cut = _whole
    shift: float = 0.0
    soft: float = 0.0
    other: bool = False


SPOILS: dict[str, Spoil] = {
    "exact": _as_it_is,
    "8 bits": lambda picture, *_: np.rint(picture * 255) / np.float32(255),
    "repainted": _repainted,
    "gamma 0.8": lambda picture, *_: np.asarray(picture**0.8, np.float32),
    "JPEG 75": lambda picture, *_: jpeg(picture, 75),
    "grain of 5": lambda picture, *_: grain(picture, 5),
    "softened": lambda picture, *_: cv2.GaussianBlur(picture, (0, 0), 1),
    "relit": _relit,
}
KINDS = {
    **{f"{name}, in place": Kind(spoil) for name, spoil in SPOILS.items()},
    "flat, in place": Kind(_flat),
    "shaded, in place": Kind(_shaded),
    "retouched, in place": Kind(_retouched),
    "half, JPEG 75": Kind(SPOILS["JPEG 75"], _half),
    "half, relit": Kind(_relit, _half),
    "box, JPEG 75": Kind(SPOILS["JPEG 75"], _box),
    "box, relit": Kind(_relit, _box),
    "stroke, gamma 0.8": Kind(SPOILS["gamma 0.8"], _stroke),
    "stroke, flat": Kind(_flat, _stroke),
    "stroke, shaded": Kind(_shaded, _stroke),
    "another picture": Kind(other=True),
    **{f"exact, {shift} px": Kind(shift=shift) for shift in (0.5, 3, 5)},
    **{f"exact, soft {soft}, {shift} px": Kind(soft=soft, shift=shift) for soft in (1, 2) for shift in (3, 5)},
    **{f"{name}, 4 px": Kind(spoil, shift=4) for name, spoil in SPOILS.items() if spoil is not _as_it_is},
    "half, JPEG 75, 4 px": Kind(SPOILS["JPEG 75"], _half, shift=4),
}


@dataclass(frozen=True)
class Cutout:
    """An object of a frame.

    Attributes:
        picture: The frame in display RGB, (H, W, 3), 0..1.
        plate: L* of the plate, (H, W), 0..100.
        mask: The object, (H, W).
    """

    picture: Image
    plate: Plane
    mask: Mask


@dataclass(frozen=True)
class Result:
    """What became of one patch.

    Attributes:
        moved: Whether it was moved.
        told: Whether the artist was told that it lies beside what it shows, or that it was moved.
        error: How far off it lies then, px of 216 lines.
        came_right: Share of what it covers whose colour was right as it came.
        right: The same as it is used.
        confidence: Mean confidence there.
        before: PSNR in dB of its colour there as it came.
        after: The same as it is used.
    """

    moved: bool
    told: bool
    error: float
    came_right: float
    right: float
    confidence: float
    before: float
    after: float


def find_areas(picture: Image) -> Iterator[Mask]:
    """Yield areas of even colour, which need not be even in light.

    Args:
        picture: Display RGB, (H, W, 3), 0..1.
    """
    height, width = picture.shape[:2]
    codes = np.rint(picture[..., ::-1] * 255).astype(np.uint8)
    smooth = cv2.pyrMeanShiftFiltering(codes, 6, 18, maxLevel=1)
    taken = np.zeros((height, width), bool)
    for y in range(4, height, 6):
        for x in range(4, width, 6):
            if taken[y, x]:
                continue
            filled = np.zeros((height + 2, width + 2), np.uint8)
            flags = 4 | (255 << 8) | cv2.FLOODFILL_MASK_ONLY
            cv2.floodFill(smooth.copy(), filled, (x, y), 255, (5,) * 3, (5,) * 3, flags)
            area = (filled[1:-1, 1:-1] > 0) & ~taken
            taken |= area
            closed = cv2.morphologyEx(area.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
            opened = cv2.morphologyEx(closed, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7)))
            yield from _pieces(opened, smooth=True)


def _pieces(mask: np.ndarray, *, smooth: bool) -> Iterator[Mask]:
    """Yield the connected parts of a mask that are neither small nor large, those of an area without holes."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    for label in range(1, len(stats)):
        if LEAST <= stats[label, cv2.CC_STAT_AREA] / mask.size <= MOST:
            piece = (labels == label).astype(np.uint8)
            if smooth:
                contours, _ = cv2.findContours(piece, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
                cv2.drawContours(piece, contours, -1, 1, -1)
                yield cv2.GaussianBlur(piece.astype(np.float32), (0, 0), 1.5) > 0.5
            else:
                yield piece > 0


def find_cutouts(
    sequence: DatasetSequence, at: float, count: int, generator: np.random.Generator, *, lines: int
) -> list[Cutout]:
    """Return objects of a frame: those of its mask, and some areas of even colour.

    Args:
        sequence: The clip.
        at: Where the frame is, from 0, the first, to 1, the last.
        count: The most areas.
        generator: Draws them.
        lines: Height of the frames in px.
    """
    width, height = sequence.native_size
    sized = replace(sequence, size=(round(lines * width / height / 2) * 2, lines))
    index = int(at * (len(sized) - 1))
    picture = sized.rgb(index)
    plate = lightness(srgb_decode(picture) @ WEIGHTS)
    areas = list(find_areas(picture))
    masks = [areas[number] for number in generator.permutation(len(areas))[:count]]
    if sequence.masks is not None:
        stored = cv2.imread(str(sequence.masks[index]), cv2.IMREAD_GRAYSCALE)
        share = cv2.resize((stored > 0).astype(np.float32), sized.size, interpolation=cv2.INTER_AREA)
        masks += _pieces(share > 0.5, smooth=False)
    return [Cutout(picture, plate, mask) for mask in masks]


def _has_texture(cutout: Cutout) -> bool:
    """Return whether an object shows detail within its outline."""
    inner = cv2.erode(cutout.mask.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    detail = cutout.plate - cv2.GaussianBlur(cutout.plate, (0, 0), 3)
    return bool(inner.any() and detail[inner].std() > EVEN)


def _weight(cut: Mask, kind: Kind, move: np.ndarray) -> Plane:
    share = cut.astype(np.float32)
    if kind.soft:
        share = cv2.GaussianBlur(share, (0, 0), kind.soft)
    return np.asarray(cv2.warpAffine(share, move, cut.shape[::-1]) if kind.shift else share, np.float32)


def measure(cutout: Cutout, kind: Kind, other: Image, generator: np.random.Generator) -> Result | None:
    """Fit a cut-out as a run does.

    Args:
        cutout: The object.
        kind: How it comes.
        other: Another picture, display RGB, of any size.
        generator: Draws what is left to chance.

    Returns:
        What became of it; None if it covers next to nothing.
    """
    size = cutout.picture.shape[1::-1]
    cut = kind.cut(cutout.mask, generator)
    if not cut.any():
        return None
    true = kind.spoil(cutout.picture, cut, generator) if not kind.other else cv2.resize(other, size)
    angle = generator.uniform(0, 2 * np.pi)
    shift = kind.shift * len(cut) / 216 * np.array([np.cos(angle), np.sin(angle)])
    move = np.array([[1, 0, shift[0]], [0, 1, shift[1]]])
    moved = np.clip(cv2.warpAffine(true, move, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), 0, 1)
    came, weight = linear_to_lab(srgb_decode(moved if kind.shift else true)), _weight(cut, kind, move)
    covered = weight >= 0.5
    if covered.sum() < 200:
        return None
    paint = find_patch_paint(came, covered, cutout.plate)
    own = np.where(covered, came[..., 0], np.float32(0))
    place = find_patch_place(own, covered, cutout.plate) if paint is None else PatchPlace()
    found, used, inside = place.alignment, came, covered
    if found is not None:
        # beside the outline a run knows no colour
        share = np.maximum(found.sample(weight), 1e-3)[..., None]
        used = found.sample(came * weight[..., None]) / share
        inside = share[..., 0] >= 0.5
    if not inside.any():
        return None
    certainty = np.ones(inside.shape, np.float32) if place.certainty is None else place.certainty
    truth, result, as_it_came = (
        np.clip(lab_to_srgb(np.dstack([cutout.plate, lab[..., 1:]])), 0, 1)
        for lab in (linear_to_lab(srgb_decode(np.asarray(true, np.float32))), used, came)
    )
    middle = np.array([size[0] / 2, size[1] / 2])
    by = np.zeros(2) if found is None else found.matrix @ [*middle, 1] - middle
    return Result(
        moved=found is not None,
        told=found is not None or place.certainty is not None,
        error=float(np.hypot(*(by - shift))) * 216 / len(cut),
        came_right=float(within_threshold(truth, as_it_came)[covered].mean()),
        right=float(within_threshold(truth, result)[inside].mean()),
        confidence=float(certainty[inside].mean()),
        before=_capped(truth, as_it_came, covered),
        after=_capped(truth, result, inside),
    )


def _capped(truth: Image, result: Image, inside: Mask) -> float:
    """Return the PSNR inside of a mask in dB, at most 60."""
    return float(min(60.0, psnr(truth[inside][None], result[inside][None])))


def main() -> None:
    """Run the measurement and print a line for each kind, for objects with and without texture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, required=True, help="a folder of clips, laid out as DAVIS is")
    parser.add_argument("--clips", nargs="*")
    parser.add_argument("--half", type=int, choices=(0, 1), help="every second clip, from the first or the second on")
    parser.add_argument("--frames", type=float, nargs="*", default=(0.1, 0.9), help="from 0, the first, to 1, the last")
    parser.add_argument("--per-frame", type=int, default=3, help="areas of even colour from each frame (3)")
    parser.add_argument("--lines", type=int, default=216, help="height of the frames in px (216)")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS))
    options = parser.parse_args()
    found: list[Cutout] = []
    for number, sequence in enumerate(read_dataset(options.dataset, names=options.clips)):
        if options.half is None or number % 2 == options.half:
            generator = np.random.default_rng(number)
            for at in options.frames:
                found += find_cutouts(sequence, at, options.per_frame, generator, lines=options.lines)
    results = defaultdict[tuple[str, bool], list[Result]](list)
    for number, cutout in enumerate(found):
        other = found[(number + len(found) // 2) % len(found)].picture
        textured = _has_texture(cutout)
        for name in options.kinds:
            generator = np.random.default_rng(number)
            if (result := measure(cutout, KINDS[name], other, generator)) is not None:
                results[name, textured].append(result)
    columns = ("moved", "within 1 px", "told", "came right", "right", "confidence", "as it came, dB", "as used, dB")
    print(f"| cut-out | texture | count | {' | '.join(columns)} |")
    print("|---" * (3 + len(columns)) + "|")
    for name in options.kinds:
        for textured in (False, True):
            if each := results[name, textured]:
                means = {
                    key: float(np.mean([getattr(one, key) for one in each]))
                    for key in ("moved", "told", "came_right", "right", "confidence", "before", "after")
                }
                near = float(np.mean([one.error < 1 for one in each]))
                shares = [f"{100 * share:.0f} %" for share in (means["moved"], near, means["told"])]
                shares += [f"{100 * means[key]:.1f} %" for key in ("came_right", "right")]
                cells = [*shares, *(f"{means[key]:.{2 if key == 'confidence' else 1}f}" for key in list(means)[4:])]
                print(
                    f"| {name} | {'some' if textured else 'little'} | {len(each)} | {' | '.join(cells)} |", flush=True
                )


if __name__ == "__main__":
    main()
