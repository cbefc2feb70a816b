"""Shots whose light changes within one scene, and fades between two, for `dissolves.py --light`.

Every shot is drawn from a seed of its own (that of the run, its clip and its kind), so it stays the same whatever other
shots are made beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from camera_moves import Frames
from cut_material import LINEAR, film_of, seeded
from numpy.typing import NDArray

from stcolor_core.arrays import ByteImage, Plane
from stcolor_core.images.color import srgb_decode, srgb_encode

__all__ = ["SCENE_KINDS", "LightCase", "light_cases"]

_SIZE = (256, 144)
_RAMPS = range(7)  # steps between the picture and the blank of a blink; 0 is a picture that is simply replaced


@dataclass(frozen=True)
class LightCase:
    """A shot with a change of light.

    Attributes:
        kind: What changes.
        name: The clips that it is made from.
        frames: Linear light, 0..1, each of shape (H, W).
        change: First and last frame in which the light is another one.
        is_one_scene: Whether the same scene goes on behind it.
    """

    kind: str
    name: str
    frames: Frames
    change: tuple[int, int]
    is_one_scene: bool


def _mix(frame: Plane, level: float, share: float | Plane, *, video: bool) -> Plane:
    """Return a frame with a share of even light, mixed in linear light or in code values."""
    if video:
        return np.asarray(srgb_decode(srgb_encode(frame) * (1 - share) + np.float32(level) * share), np.float32)
    return np.asarray(frame * (1 - share) + np.float32(level) * share, np.float32)


def _blink(level: float, ramp: int) -> Callable[[Frames, np.random.Generator], tuple[Frames, int, int]]:
    """Return what lets a clip go to black (level 0) or white (1) for one to four frames, in so many steps, and back."""

    def change(clip: Frames, rng: np.random.Generator) -> tuple[Frames, int, int]:
        start, hold, video = int(rng.integers(4, 10)), int(rng.integers(1, 5)), bool(rng.random() < 0.5)
        down = np.arange(1, ramp) / max(ramp, 1)
        shares = [*down, *[1.0] * hold, *down[::-1]]
        out = list(clip[: start + len(shares) + int(rng.integers(4, 12))])
        for index, share in enumerate(shares, start):
            out[index] = _mix(clip[index], level, share, video=video)
        return out, start, start + len(shares) - 1

    return change


def _dip(clip: Frames, rng: np.random.Generator) -> tuple[Frames, int, int]:
    """Fade slowly to black or white and back."""
    return _blink(float(rng.integers(2)), int(rng.integers(7, 15)))(clip, rng)


def _strobe(clip: Frames, rng: np.random.Generator) -> tuple[Frames, int, int]:
    """Light or darken the picture for one or two frames, again and again."""
    start, level, period = int(rng.integers(4, 8)), float(rng.integers(2)), int(rng.integers(3, 6))
    out, share, last = list(clip[:36]), float(rng.uniform(0.7, 1)), start
    for beat in range(start, start + 4 * period, period):
        for index in range(beat, beat + int(rng.integers(1, 3))):
            out[index], last = _mix(clip[index], level, share, video=True), index
    return out, start, last


def _flash(clip: Frames, rng: np.random.Generator) -> tuple[Frames, int, int]:
    """Light the picture up within one or two frames, and let it fall back within two to eight, clipped."""
    start, fall = int(rng.integers(4, 10)), int(rng.integers(2, 9))
    gains = [*[1.0] * int(rng.integers(1, 3)), *np.arange(fall, 0, -1) / (fall + 1)]
    strength, veil = rng.uniform(3, 12), rng.uniform(0, 0.5)
    out = list(clip[: start + len(gains) + int(rng.integers(4, 12))])
    for index, gain in enumerate(gains, start):
        out[index] = np.clip(out[index] * np.float32(1 + strength * gain) + np.float32(veil * gain), 0, 1)
    return out, start, start + len(gains) - 1


def _lamp(clip: Frames, rng: np.random.Generator) -> tuple[Frames, int, int]:
    """Lower or raise the light for good, within one to ten frames, to a fifteenth or fivefold."""
    start, length = int(rng.integers(4, 10)), int(rng.integers(1, 11))
    gain = float(np.exp(rng.uniform(np.log(1 / 15), np.log(0.4)) if rng.random() < 0.5 else rng.uniform(0.7, 1.6)))
    place = np.clip((np.arange(start + length + 12) - start + 1) / length, 0, 1)
    frames = [np.clip(f * np.float32(1 + (gain - 1) * k), 0, 1) for f, k in zip(clip, place, strict=False)]
    return frames, start, start + length - 1


def _rise(
    lengths: tuple[int, int], most: tuple[float, float], levels: tuple[float, float], *, video: bool = False
) -> Callable[[Frames, np.random.Generator], tuple[Frames, int, int]]:
    """Return what draws even light over a clip for good, or takes it away; half of it thicker on one side.

    Args:
        lengths: Least and greatest number of frames in which it rises.
        most: Its share at the end.
        levels: Its own level, linear light or code values.
        video: Whether it is mixed in code values.
    """

    def change(clip: Frames, rng: np.random.Generator) -> tuple[Frames, int, int]:
        """Return the clip under the veil, and the first and last frame in which it rises."""
        start, length = int(rng.integers(4, 9)), int(rng.integers(lengths[0], lengths[1] + 1))
        height = len(clip[0])
        depth: Plane = np.ones((height, 1), np.float32)
        if not video and rng.random() < 0.5:
            depth = np.linspace(rng.uniform(0.2, 0.7), 1, height, dtype=np.float32)[:, None]
            depth = depth if rng.random() < 0.5 else depth[::-1]
        level, share = float(rng.uniform(*levels)), float(rng.uniform(*most))
        place = np.clip((np.arange(start + length + 8) - start + 1) / (length + 1), 0, 1)
        if rng.random() < 0.5:
            place = 1 - place
        frames = [_mix(f, level, depth * np.float32(share * k), video=video) for f, k in zip(clip, place, strict=False)]
        return frames, start, start + length - 1

    return change


def _veil(clip: Frames, rng: np.random.Generator) -> tuple[Frames, int, int]:
    """Draw a soft-edged veil of grey light across the picture, until it covers all of it."""
    start, length = int(rng.integers(4, 9)), int(rng.integers(6, 25))
    x = np.linspace(0, 1, clip[0].shape[1], dtype=np.float32)[None]
    level, share, soft = float(rng.uniform(0.4, 0.9)), float(rng.uniform(0.3, 0.75)), float(rng.uniform(0.3, 0.8))
    place = np.clip((np.arange(start + length + 8) - start + 1) / (length + 1), 0, 1)
    frames = [
        _mix(f, level, np.float32(share) * np.clip((k * (1 + soft) - x) / soft, 0, 1), video=False)
        for f, k in zip(clip, place, strict=False)
    ]
    return frames, start, start + length - 1


SCENE_KINDS: Mapping[str, Callable[[Frames, np.random.Generator], tuple[Frames, int, int]]] = {
    **{f"to black {ramp}": _blink(0.0, ramp) for ramp in _RAMPS},
    **{f"to white {ramp}": _blink(1.0, ramp) for ramp in _RAMPS},
    "dip": _dip,
    "strobe": _strobe,
    "flash": _flash,
    "lamp": _lamp,
    "fog, fast": _rise((5, 12), (0.4, 0.9), (0.4, 0.9)),
    "fog, slow": _rise((16, 36), (0.4, 0.9), (0.4, 0.9)),
    "lifted blacks": _rise((4, 30), (0.2, 0.6), (0.5, 1.0), video=True),
    "veil": _veil,
}
"""Changes of light within one scene: from a clip to a shot, and the first and last frame in another light."""


def _fade(a: Frames, b: Frames, level: float, rng: np.random.Generator) -> tuple[Frames, int, int]:
    """Return a fade from one scene through black (level 0) or white (1) to another."""
    video, black = bool(rng.random() < 0.5), int(rng.integers(1, 6))
    start, out, into = (int(rng.integers(*bounds)) for bounds in ((6, 11), (1, 16), (1, 16)))

    def shares(count: int) -> NDArray[np.float64]:
        return np.arange(1, count) / count

    down = [_mix(f, level, k, video=video) for f, k in zip(a[start:], shares(out), strict=False)]
    up = [_mix(f, level, k, video=video) for f, k in zip(b, shares(into)[::-1], strict=False)]
    blank = [np.full_like(a[0], level)] * black
    frames = [*a[:start], *down, *blank, *up, *b[len(up) : len(up) + int(rng.integers(6, 11))]]
    return frames, start, start + len(down) + black + len(up) - 1


def light_cases(clips: dict[str, list[ByteImage]], seed: int) -> Iterator[LightCase]:
    """Yield shots of one scene in changing light, and fades between two scenes of different films.

    Args:
        clips: Grey frames of each clip, by name. Those of fewer than 26 frames are not used.
        seed: Seed of the run, 0 or more.
    """
    names = [name for name, clip in clips.items() if len(clip) >= 26]

    def read(name: str, rng: np.random.Generator) -> Frames:
        clip = clips[name]
        step = 2 if rng.random() < 0.3 and len(clip) >= 100 else 1
        start = int(rng.integers(max(1, len(clip) - 50 * step)))
        return [cv2.resize(LINEAR[f], _SIZE, interpolation=cv2.INTER_AREA) for f in clip[start::step][:50]]

    for kind, change in SCENE_KINDS.items():
        for name in names:
            rng = seeded(seed, name, kind)
            clip = read(name, rng)
            shot, first, last = change([*clip, *clip[-2::-1]], rng)  # a short clip runs back
            yield LightCase(kind, name, shot, (first, last), is_one_scene=True)
    for kind, level in (("through black", 0.0), ("through white", 1.0)):
        for name in names:
            rng = seeded(seed, name, kind)
            others = [other for other in names if film_of(other) != film_of(name)]
            for other in rng.choice(others, min(3, len(others)), replace=False):
                shot, first, last = _fade(read(name, rng), read(other, rng), level, rng)
                yield LightCase(kind, f"{name}, {other}", shot, (first, last), is_one_scene=False)
