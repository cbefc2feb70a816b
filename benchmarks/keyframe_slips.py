"""Keyframes whose colours lie beside their luminance, or are of another picture; and true ones, given in many ways.

Each is what a program writes: the plate's luminance, or that of the mode in which the colour was laid over it, in codes
of sRGB, which are rounded to 8 bits unless asked otherwise. So colours too strong for their luminance are clipped.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from keyframe_damage import KEY, WEIGHTS, Matrix, about_centre, jpeg, painted_over, resampled, turn
from numpy.typing import NDArray

from stcolor_core.arrays import Chroma, Image, Plane
from stcolor_core.evaluation.metrics import within_threshold
from stcolor_core.images.color import lab_to_srgb, linear_to_lab, srgb_decode, srgb_encode
from stcolor_core.method.registration import find_neighbours, find_registration
from stcolor_core.method.registration.alignment import Alignment

__all__ = ["FAR", "measure_slips"]

FAR = 10  # frames from the keyframe, of the row "frame +10"
_LENGTHS = (2, 3, 5, 8, 10, 15)  # px at the height at which they are measured
_ANGLES = (0, 100, 215)
_IN_MODES = 5  # px, of what slips in another mode than over L*
_LUMA = np.array([0.3, 0.59, 0.11], np.float32)


@dataclass(frozen=True)
class Clip:
    """What the keyframes of a clip are made of.

    Attributes:
        labs: Each frame in CIELAB, (H, W, 3); more than `KEY + FAR`.
        other: A frame of another clip, of the same size.
        turn: Which of the three directions the shortest slip has; the others follow.
    """

    labs: Sequence[Image]
    other: Image
    turn: int

    @property
    def lab(self) -> Image:
        """Return the frame of the keyframe."""
        return self.labs[KEY]


@dataclass(frozen=True)
class Given:
    """A keyframe as it is given.

    Attributes:
        name: Its kind.
        picture: Display RGB, (H, W, 3); beyond 0..1 if it is not saved.
        place: 2 x 3, from the plate to its colours; None if they have no place on it.
    """

    name: str
    picture: Image
    place: Matrix | None


def read_back(picture: Image, *, bits: bool) -> Image:
    """Return a keyframe in CIELAB, (H, W, 3), as it is read.

    Args:
        picture: Display RGB, (H, W, 3).
        bits: Whether it is rounded to 8 bits before.
    """
    saved = np.rint(np.clip(picture, 0, 1) * 255) / np.float32(255) if bits else picture
    return np.asarray(linear_to_lab(srgb_decode(saved)), np.float32)


def damaged_keyframes(clip: Clip) -> Iterator[Given]:
    """Yield keyframes whose colours lie elsewhere than their luminance.

    Args:
        clip: The clip.
    """
    lab, size = clip.lab, clip.lab.shape[:2]
    for index, length in enumerate(_LENGTHS):
        move = _shift(length, _ANGLES[(index + clip.turn) % len(_ANGLES)])
        yield Given(f"slipped by {length} px", _over(lab, _moved(lab, move)[..., 1:]), about_centre(move, size))
    for name, move in (("scaled by 1 %", [[1 / 1.01, 0, 0], [0, 1 / 1.01, 0]]), ("turned by 0.5 degrees", turn(0.5))):
        yield Given(name, _over(lab, _moved(lab, move)[..., 1:]), about_centre(move, size))
    move = _shift(_IN_MODES, _ANGLES[clip.turn % len(_ANGLES)])
    place = about_centre(move, size)
    paint = lab_to_srgb(lab)
    slipped = np.clip(_moved(paint, move), 0, 1)
    yield Given("slipped in mode Color", in_mode_color(slipped, _grey(lab)), place)
    luma = (paint @ _LUMA)[..., None]
    yield Given("slipped in Y'CbCr", np.clip(slipped + luma - (slipped @ _LUMA)[..., None], 0, 1), place)
    for kept in ("HSL", "HSV"):
        yield Given(f"slipped over {kept}", painted_over(slipped, kept, _grey(lab)), place)
    left = np.arange(size[1])[:, None] < size[1] / 2
    yield Given("left half slipped", _over(lab, np.where(left, _moved(lab, move), lab)[..., 1:]), None)
    others = {
        "of another picture": clip.other[..., 1:],
        "mirrored": lab[:, ::-1, 1:],
        f"of frame +{FAR}": clip.labs[KEY + FAR][..., 1:],
        "noise": _noise(lab, 0),
        "noise of 4 px": 4 * cv2.GaussianBlur(_noise(lab, 1), (0, 0), 2.0),
    }
    for name, ab in others.items():
        yield Given(name, _over(lab, ab), None)
    yield Given("of another picture, mode Color", in_mode_color(lab_to_srgb(clip.other), _grey(lab)), None)
    other = np.clip(lab_to_srgb(clip.other), 0, 1)
    yield Given("of another picture, HSL", painted_over(other, "HSL", _grey(lab)), None)


def true_keyframes(clip: Clip) -> Iterator[Given]:
    """Yield keyframes whose colours lie where they belong, in ways to give them that are not exact.

    Args:
        clip: The clip.
    """
    still = np.eye(2, 3)
    for name, color_of in _TRUE_COLORS.items():
        yield Given(name, _over(clip.lab, color_of(clip.lab)), still)
    picture = lab_to_srgb(clip.lab)
    yield Given("in mode Color", in_mode_color(picture, _grey(clip.lab)), still)
    for kept in ("HSL", "HSV"):
        yield Given(f"over {kept}", painted_over(np.clip(picture, 0, 1), kept), still)
    for quality in (90, 60):
        yield Given(f"JPEG {quality}, luminance too", jpeg(picture, quality), still)


def in_mode_color(paint: Image, grey: Plane) -> Image:
    """Return paint over a grey picture in the blend mode "Color" (W3C, "Compositing and Blending Level 1", 10.3).

    Args:
        paint: Display RGB, (H, W, 3), 0..1.
        grey: Display code values, (H, W), 0..1.
    """
    light = grey[..., None]
    apart = paint - (paint @ _LUMA)[..., None]
    least, most = (end(axis=-1, keepdims=True) for end in (apart.min, apart.max))
    room = np.minimum(light / np.maximum(-least, 1e-6), (1 - light) / np.maximum(most, 1e-6))
    return np.clip(light + apart * np.minimum(room, 1), 0, 1).astype(np.float32)


def _over(lab: Image, ab: Chroma) -> Image:
    """Return colours over the luminance of a picture, as display RGB."""
    return np.asarray(lab_to_srgb(np.dstack([lab[..., :1], ab])), np.float32)


def _grey(lab: Image) -> Plane:
    return np.asarray(srgb_encode(srgb_decode(lab_to_srgb(lab)) @ WEIGHTS), np.float32)


def _moved(picture: Image, move: Sequence[Sequence[float]]) -> Image:
    return resampled(picture, about_centre(move, picture.shape[:2]))


def _shift(length: float, degrees: float) -> Sequence[Sequence[float]]:
    return [[1, 0, length * np.cos(np.radians(degrees))], [0, 1, length * np.sin(np.radians(degrees))]]


def _noise(lab: Image, seed: int) -> Chroma:
    """Return a*, b* that hold nothing but noise."""
    return np.random.default_rng(seed).normal(0, 6, (*lab.shape[:2], 2)).astype(np.float32)


def _coarse(ab: Chroma, factor: int, how: int) -> Chroma:
    height, width = ab.shape[:2]
    small = cv2.resize(ab, (width // factor, height // factor), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=how))


def _of_jpeg(lab: Image, quality: int) -> Chroma:
    """Return a*, b* as JPEG with chroma at half size gives them back."""
    return np.asarray(linear_to_lab(srgb_decode(jpeg(np.clip(lab_to_srgb(lab), 0, 1), quality)))[..., 1:])


def _in_few_colors(ab: Chroma, colors: int, sigma: float, softness: float) -> Chroma:
    """Return a*, b* as painted by hand in a few flat colours, with borders that follow the surfaces roughly."""
    rough = np.asarray(cv2.GaussianBlur(ab, (0, 0), sigma)).reshape(-1, 2)
    cv2.setRNGSeed(1)
    _, label, centre = cv2.kmeans(rough, colors, None, (3, 20, 0.5), 2, cv2.KMEANS_PP_CENTERS)  # type: ignore[call-overload]
    return np.asarray(cv2.GaussianBlur(centre[label[:, 0]].reshape(ab.shape), (0, 0), softness))


def _hue_turned(ab: Chroma, degrees: float) -> Chroma:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.asarray(ab @ np.array([[c, s], [-s, c]], np.float32))


def _colorful_part(ab: Chroma, share: float) -> Chroma:
    """Return a*, b* of the most colourful part of a picture, the rest of which is grey."""
    chroma: NDArray[np.float32] = np.hypot(ab[..., 0], ab[..., 1])
    return np.where((chroma >= np.quantile(chroma, 1 - share))[..., None], ab, np.float32(0))


def _sepia(lab: Image) -> Chroma:
    return np.dstack([0.06 * lab[..., 0] + 1, 0.2 * lab[..., 0] + 2])


_TRUE_COLORS: dict[str, Callable[[Image], Chroma]] = {
    "exact": lambda lab: lab[..., 1:],
    **{f"JPEG {quality}": lambda lab, quality=quality: _of_jpeg(lab, quality) for quality in (90, 85, 60)},
    **{
        f"blurred, sigma {sigma}": lambda lab, sigma=sigma: cv2.GaussianBlur(lab[..., 1:], (0, 0), sigma)
        for sigma in (1, 2, 4, 8)
    },
    "half size": lambda lab: _coarse(lab[..., 1:], 2, cv2.INTER_LINEAR),
    "quarter size": lambda lab: _coarse(lab[..., 1:], 4, cv2.INTER_LINEAR),
    "quarter size, blocks": lambda lab: _coarse(lab[..., 1:], 4, cv2.INTER_NEAREST),
    "an eighth of the size": lambda lab: _coarse(lab[..., 1:], 8, cv2.INTER_LINEAR),
    **{f"saturation {factor}": lambda lab, factor=factor: factor * lab[..., 1:] for factor in (0.4, 0.6, 1.5, 3)},
    "hue turned by 10 degrees": lambda lab: _hue_turned(lab[..., 1:], 10),
    "the most colourful 15 %": lambda lab: _colorful_part(lab[..., 1:], 0.15),
    "one tint": lambda lab: np.broadcast_to(np.float32([10, 14]), (*lab.shape[:2], 2)),
    "sepia": _sepia,
    "3 flat colours": lambda lab: _in_few_colors(lab[..., 1:], 3, 3, 0.7),
    "5 flat colours": lambda lab: _in_few_colors(lab[..., 1:], 5, 2, 0.7),
    "8 flat colours": lambda lab: _in_few_colors(lab[..., 1:], 8, 1, 0.7),
    "4 flat colours, soft": lambda lab: _in_few_colors(lab[..., 1:], 4, 3, 2),
    "6 flat colours, soft": lambda lab: _in_few_colors(lab[..., 1:], 6, 1, 3),
}


def measure_slips(clips: dict[str, list[Image]], names: Sequence[str], *, bits: bool) -> None:
    """Register keyframes whose colours lie beside the plate's edges, and true ones, and print a line for each kind.

    Args:
        clips: Display RGB of each frame, (H, W, 3), 0..1, by the clip's name; two or more.
        names: The clips to measure.
        bits: Whether the keyframes are saved as 8-bit sRGB.
    """
    print("| keyframes | n | moved | another frame | within 1 px | told | right as given, as used | confidence |")
    print("|---" * 8 + "|")
    sums: dict[str, NDArray[np.float64]] = {}
    order = list(clips)
    for name in names:
        frames, turn = clips[name], order.index(name)
        labs = [np.asarray(linear_to_lab(srgb_decode(picture)), np.float32) for picture in frames]
        other = cv2.resize(clips[order[turn - 1]][KEY], frames[0].shape[1::-1], interpolation=cv2.INTER_AREA)
        clip = Clip(labs, np.asarray(linear_to_lab(srgb_decode(other)), np.float32), turn)
        for is_true, given in [
            *((False, each) for each in damaged_keyframes(clip)),
            *((True, each) for each in true_keyframes(clip)),
        ]:
            row, line = _measure_slip(clip, frames, given, bits=bits)
            kind = f"true: {given.name}" if is_true else given.name
            sums[kind] = sums.get(kind, np.zeros(8)) + row
            if is_true and row[1:5].any():
                print(f"{name}, {kind}: {line}", file=sys.stderr, flush=True)
    for kind, (count, *counts, before, after, sure) in sums.items():
        cells = [f"{cell:.0f}" for cell in (count, *counts)]
        right = f"{before / count:.3f}, {after / count:.3f} | {sure / count:.3f}"
        print(f"| {kind} | {' | '.join(cells)} | {right} |", flush=True)


def _measure_slip(clip: Clip, frames: Sequence[Image], given: Given, *, bits: bool) -> tuple[NDArray[np.float64], str]:
    """Return what `measure_slips` counts of a keyframe, and what the artist is told of its colours' place."""
    keyframe, size = read_back(given.picture, bits=bits), clip.lab.shape[:2]
    lights = [np.ascontiguousarray(lab[..., 0]) for lab in clip.labs]
    found = find_registration(
        keyframe,
        None,
        frame=KEY,
        others=find_neighbours(KEY, range(len(clip.labs))),
        lightness_of=lambda index: lights[index],
    )
    shown = KEY if found.frame is None else found.frame
    used, _ = found.apply(keyframe, None, lights[shown])
    rights = [
        within_threshold(frames[index], lab_to_srgb(np.dstack([lights[index], picture[..., 1:]]))).mean()
        for index, picture in ((KEY, keyframe), (shown, used))
    ]
    sure = 1.0 if found.certainty is None else float(found.certainty.mean())
    moved = found.alignment is not None
    back = moved and given.place is not None and _apart(found.alignment, given.place, size) <= 1
    line = found.describe(KEY, lines=size[0])
    told = "colours" in line or found.frame is None
    return np.array([1, moved, shown != KEY, back, told, *rights, sure], np.float64), line


def _apart(alignment: Alignment | None, place: Matrix, size: tuple[int, int]) -> float:
    """Return how far colours are from their place once moved, px, in 90 % of the picture."""
    y, x = np.mgrid[: size[0] : 8, : size[1] : 8].reshape(2, -1)
    position = np.stack([x, y, np.ones_like(x)]).astype(np.float64)
    moved = position[:2] if alignment is None else alignment.at(size).matrix @ position
    there = place @ np.vstack([moved, position[2]])
    return float(np.percentile(np.linalg.norm(there - position[:2], axis=0), 90))
