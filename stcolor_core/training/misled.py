"""Walks whose references mislead, of another film, before a dissolve, misplaced or without tracks, and fast ones.

They teach the confidence when a colour that looks well carried is nevertheless wrong. Fast motion looks a little like a
scene that no reference shows, so fast walks teach the difference. All random numbers come from a
generator, so that the same seed gives the same walk.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np

from stcolor_core.arrays import Chroma, Image
from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.dataset import DatasetSequence
from stcolor_core.images.color import srgb_decode, srgb_encode
from stcolor_core.method.references import Keyframe
from stcolor_core.training.clips import add_intruder, move_camera, resize_sequence

__all__ = ["KINDS", "ORDINARY", "draw_misled", "kind_of"]

_FRAMES = (6, 20)  # frames of a walk, at least and at most
_LONGEST_DISSOLVE = 12
_MOST_FRAMES_OFF = 3
_MOST_SHIFT = 8.0  # px at 216 lines

Walk = tuple[Clip, tuple[int, ...]]


def _draw_foreign_still(
    clip: DatasetSequence, clips: Sequence[DatasetSequence], lines: int, generator: np.random.Generator
) -> Walk:
    """Return frames of a clip with one or two pictures of other clips as its stills, and no reference."""
    pictures = _draw_frames(resize_sequence(clip, lines), generator, count=6)
    others = [_draw_other(clip, clips, lines, generator) for _ in range(int(generator.integers(1, 3)))]
    return _with_stills(pictures, [_draw_frames(other, generator, count=1)[0] for other in others]), ()


def _draw_own_still(
    clip: DatasetSequence, clips: Sequence[DatasetSequence], lines: int, generator: np.random.Generator
) -> Walk:
    """Return frames of a clip with another frame of it as a still, in some walks beside one of another clip."""
    resized = resize_sequence(clip, lines)
    pictures = _draw_frames(resized, generator, count=6)
    stills = _draw_frames(resized, generator, count=1)
    if generator.random() < 0.4:
        stills += _draw_frames(_draw_other(clip, clips, lines, generator), generator, count=1)
    return _with_stills(pictures, stills), ()


def _draw_dissolve(
    clip: DatasetSequence, clips: Sequence[DatasetSequence], lines: int, generator: np.random.Generator
) -> Walk:
    """Return a clip that dissolves or cuts to another one, with a reference on its first frame alone."""
    resized, other = resize_sequence(clip, lines), _draw_other(clip, clips, lines, generator)
    count = int(generator.integers(*_FRAMES))
    length = int(generator.integers(0, _LONGEST_DISSOLVE + 1))
    start = int(generator.integers(1, max(2, count - length)))
    before = _draw_frames(resized, generator, count=count)
    after = _draw_frames(dataclasses.replace(other, size=resized.size), generator, count=count)
    count = min(len(before), len(after))
    shares = np.clip((np.arange(count) - start + 1) / (length + 1), 0, 1)
    pictures = [_mix_light(a, b, float(share)) for a, b, share in zip(before, after, shares, strict=False)]
    return Clip.from_rgb(pictures), (0,)


def _draw_misplaced(
    clip: DatasetSequence,
    clips: Sequence[DatasetSequence],  # noqa: ARG001  (as for the others)
    lines: int,
    generator: np.random.Generator,
) -> Walk:
    """Return frames of a clip whose reference has the colour of a frame beside it, or its own shifted or scaled."""
    pictures = _draw_frames(resize_sequence(clip, lines), generator, count=int(generator.integers(*_FRAMES)))
    walk = Clip.from_rgb(pictures)
    places = {0, len(pictures) - 1} if generator.random() < 0.3 else {0}
    colors = list(walk.ab)
    for place in places:
        off = int(generator.integers(1, _MOST_FRAMES_OFF + 1))
        beside = place + off if place + off < len(pictures) else max(0, place - off)
        frames_off = generator.random() < 0.5
        colors[place] = walk.ab[beside] if frames_off else _displace(walk.ab[place], lines, generator)
    return dataclasses.replace(walk, ab=colors), tuple(sorted(places))


def _draw_fast(
    clip: DatasetSequence, clips: Sequence[DatasetSequence], lines: int, generator: np.random.Generator
) -> Walk:
    """Return frames of a clip that is played faster, in most walks through a moving camera, in some with an intruder.

    Its references have their true colour.
    """
    resized = resize_sequence(clip, lines)
    stride = min(int(generator.integers(1, 6)), max(1, (len(resized) - 1) // 6))
    count = min((len(resized) - 1) // stride + 1, int(generator.integers(8, 28)))
    start = int(generator.integers(0, len(resized) - (count - 1) * stride))
    pictures = [resized.rgb(index) for index in range(start, start + (count - 1) * stride + 1, stride)]
    if generator.random() < 0.5:
        pictures.reverse()
    references = (0, count - 1) if count > 2 and generator.random() < 0.3 else (0,)
    if generator.random() < 0.7:
        pictures = move_camera(pictures, generator)
    if generator.random() < 0.25:
        other = _draw_other(clip, clips, lines, generator)
        source = other.rgb(int(generator.integers(0, len(other))))
        pictures = add_intruder(pictures, source, absent=set(references), generator=generator)
    return Clip.from_rgb(pictures), references


KINDS: Mapping[str, Callable[..., Walk]] = {
    "foreign": _draw_foreign_still,
    "own": _draw_own_still,
    "dissolve": _draw_dissolve,
    "misplaced": _draw_misplaced,
    "fast": _draw_fast,
}
"""Walks that teach when to doubt, and when not to, by name. Each takes a clip, all clips, lines and a generator."""

ORDINARY = "plain"
"""The kind of the other walks, whose references do not mislead."""


def draw_misled(
    kind: str, clip: DatasetSequence, clips: Sequence[DatasetSequence], lines: int, generator: np.random.Generator
) -> Walk:
    """Return a walk whose references mislead, or a fast one.

    Args:
        kind: A name in `KINDS`.
        clip: The clip to colour.
        clips: All clips; a walk may show another one too.
        lines: Height of the pictures.
        generator: The random numbers; the same state gives the same walk.

    Returns:
        The clip, with its stills, and the indices of its references. Only a reference's own colour is not the true one.
    """
    return KINDS[kind](clip, clips, lines, generator)


def kind_of(number: int) -> str:
    """Return the kind of a clip's walk by its number: one in six is an ordinary one, "plain".

    Args:
        number: Number of the walk, from 0.
    """
    return [*KINDS, ORDINARY][number % (len(KINDS) + 1)]


def _draw_frames(clip: DatasetSequence, generator: np.random.Generator, *, count: int) -> list[Image]:
    """Return up to `count` frames in a row, every one or every second."""
    stride = int(generator.integers(1, 3)) if len(clip) >= 2 * count else 1
    length = min(len(clip), stride * count)
    start = int(generator.integers(0, len(clip) - length + 1))
    return [clip.rgb(index) for index in range(start, start + length, stride)]


def _draw_other(
    clip: DatasetSequence, clips: Sequence[DatasetSequence], lines: int, generator: np.random.Generator
) -> DatasetSequence:
    """Return another clip; the same one if there is no other."""
    others = [other for other in clips if other.name != clip.name] or [clip]
    return resize_sequence(others[int(generator.integers(0, len(others)))], lines)


def _with_stills(pictures: Sequence[Image], stills: Sequence[Image]) -> Clip:
    known = Clip.from_rgb(list(stills))
    keyframes = tuple(Keyframe(*pair) for pair in zip(known.lightnesses, known.ab, strict=True))
    return dataclasses.replace(Clip.from_rgb(list(pictures)), stills=keyframes)


def _mix_light(before: Image, after: Image, share: float) -> Image:
    """Return a mixture of linear light in sRGB."""
    return np.asarray(srgb_encode((1 - share) * srgb_decode(before) + share * srgb_decode(after)), np.float32)


def _displace(ab: Chroma, lines: int, generator: np.random.Generator) -> Chroma:
    """Return colour shifted, scaled by up to 4 % and turned by up to 2 degrees about the middle of the picture."""
    height, width = ab.shape[:2]
    angle, scale = generator.uniform(-2, 2), generator.uniform(0.96, 1.04)
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, scale)
    if generator.random() < 0.5:
        matrix = np.eye(2, 3)
    direction, size = generator.uniform(0, 2 * np.pi), generator.uniform(0, _MOST_SHIFT) * lines / 216
    matrix[:, 2] = matrix[:, 2] + size * np.array([np.cos(direction), np.sin(direction)])
    return np.asarray(cv2.warpAffine(ab, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), np.float32)
