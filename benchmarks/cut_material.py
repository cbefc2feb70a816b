"""Material with known cuts for the benchmarks of shots: joined clips, and clips without a cut, made fast.

Every case is drawn from a seed of its own (that of the run, its clip and its kind), so it stays the same whatever other
cases are made beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from camera_moves import SIZE, Frames, crash_zoom, passers, shake, whip, whip_pan

from stcolor_core.arrays import ByteImage, Plane
from stcolor_core.images.color import lightness, luminance_of, srgb_decode

EDITED_CUTS = frozenset({30, 76, 137, 187, 242})
FAST = ("x2", "x3", "x4", "pan", "whip", "zoom", "shake", "passer")
STILL = ("uncut", "flicker", "grain", "flash", "bad")
SETS = {  # set -> beginnings of the names of its clips in the footage for development
    "office": ("intel-asl",),
    "square": ("media3-kingscross",),
    "laboratory": ("tearsofsteel-lab", "tearsofsteel-boy-girl"),
    "studio": ("mdn-greenscreen",),
    "canteen": ("mmaction2-demo-demo",),
}
LINEAR = srgb_decode(np.arange(256, dtype=np.float32) / 255)


@dataclass(frozen=True)
class Case:
    """A shot with known cuts.

    Attributes:
        column: Its kind, which is its column in the table.
        name: The clips that it is made from.
        frames: Linear light, 0..1, each of shape (H, W).
        cuts: The first frames of new scenes.
    """

    column: str
    name: str
    frames: Frames
    cuts: frozenset[int] = frozenset()


def read_clips(
    places: Iterable[Path], *, half: str = "all", without: Iterable[str] = (), frames: int | None = None
) -> dict[str, list[ByteImage]]:
    """Return the frames of all clips, by name, as grey pictures of 426 x 240.

    Args:
        places: Folders of clips, each a folder of pictures.
        half: "even" or "odd" for every second clip by name, from the first or the second one on; "all" for all.
        without: Names of clips to leave out, such as damaged ones.
        frames: Most frames of a clip.
    """
    folders = sorted(folder for place in places for folder in place.iterdir() if folder.is_dir())
    chosen = {"all": folders, "even": folders[::2], "odd": folders[1::2]}[half]
    clips = {}
    for folder in chosen:
        if folder.name not in without:
            paths = sorted(path for path in folder.iterdir() if path.suffix in (".jpg", ".png"))
            clips[folder.name] = [_small(path) for path in paths[:frames]]
    return clips


def _small(path: Path) -> ByteImage:
    return cv2.resize(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), SIZE, interpolation=cv2.INTER_AREA)


def read_film(path: Path) -> Frames:
    """Return the frames of a movie in linear light, as grey pictures of 426 x 240.

    Args:
        path: A movie that OpenCV can read; any other file gives no frames.
    """
    film, frames = cv2.VideoCapture(str(path)), []
    while (read := film.read())[0]:
        frames.append(LINEAR[cv2.resize(cv2.cvtColor(read[1], cv2.COLOR_BGR2GRAY), SIZE, interpolation=cv2.INTER_AREA)])
    return frames


def seeded(seed: int, *names: str) -> np.random.Generator:
    """Return the generator of a run's seed and some names.

    Args:
        seed: Seed of the run, 0 or more.
        *names: Name the case, such as its clip and its kind; other names give other numbers.
    """
    return np.random.default_rng([seed, *"/".join(names).encode()])


def grain(frame: Plane, rng: np.random.Generator) -> Plane:
    """Return the frame with film grain of 4 L* (standard deviation).

    Args:
        frame: Linear light, shape (H, W), 0..1.
        rng: Draws the grain.
    """
    return np.clip(luminance_of(lightness(frame) + rng.normal(0, 4, frame.shape).astype(np.float32)), 0, 1)


def flicker(frame: Plane, rng: np.random.Generator) -> Plane:
    """Return the frame with an exposure error of up to 10 %.

    Args:
        frame: Linear light, shape (H, W), 0..1.
        rng: Draws the error.
    """
    return frame * np.float32(rng.uniform(0.9, 1.1))


def flash(frame: Plane, rng: np.random.Generator) -> Plane:
    """Return the frame with a photographer's flash at a random place, clipped by the camera.

    Args:
        frame: Linear light, shape (H, W), 0..1.
        rng: Draws the place, the reach and the strength of the flash.
    """
    height, width = frame.shape
    y, x = np.mgrid[:height, :width] / width
    fall = np.exp(-((x - rng.random()) ** 2 + (y - rng.random() * height / width) ** 2) / rng.uniform(0.1, 1.0))
    return np.clip(frame * (1 + rng.uniform(2, 8) * fall) + rng.uniform(0, 0.3) * fall, 0, 1).astype(np.float32)


def bad(frame: Plane, rng: np.random.Generator) -> Plane:
    """Return a black, white or torn frame.

    Args:
        frame: Linear light, shape (H, W), 0..1; a torn frame is this one, shifted by a third.
        rng: Draws which of the three.
    """
    kind = rng.integers(3)
    return np.roll(frame, frame.size // 3) if kind == 2 else np.full_like(frame, float(kind))


def disturb(frames: Frames, rng: np.random.Generator, damage: Callable[..., Plane]) -> Frames:
    """Replace one or two neighbouring frames in every twelve, but none of the first or last four.

    Args:
        frames: The clip, which is left as it is.
        rng: Draws how many frames are replaced, and is passed on to `damage`.
        damage: Returns the damaged frame, from the frame and `rng`.

    Returns:
        As many frames; those that are not replaced are the same arrays.
    """
    out = list(frames)
    for start in range(4, len(frames) - 5, 12):
        for index in range(start, start + rng.integers(1, 3)):
            out[index] = damage(frames[index], rng)
    return out


def share_content(a: ByteImage, b: ByteImage) -> bool | None:
    """Return whether a homography maps at least eight SIFT points of a picture to the other; None if it has too few.

    Args:
        a: A picture, shape (H, W).
        b: Another picture, of any size. Each needs 80 SIFT points.
    """
    sift = cv2.SIFT.create(800)
    (points, x), (others, y) = (sift.detectAndCompute(picture, None) for picture in (a, b))
    if min(len(points), len(others)) < 80:
        return None
    pairs = [m for m, n in cv2.BFMatcher().knnMatch(x, y, k=2) if m.distance < 0.8 * n.distance]
    if len(pairs) < 8:
        return False
    here, there = np.float32([points[m.queryIdx].pt for m in pairs]), np.float32([others[m.trainIdx].pt for m in pairs])
    _, inliers = cv2.findHomography(here, there, cv2.RANSAC, 4.0)
    return inliers is not None and int(inliers.sum()) >= 8


def alike(clips: dict[str, list[ByteImage]], rng: np.random.Generator) -> Frames | None:
    """Return two stretches of one clip, twelve frames each, far apart: the camera has moved to another place.

    None if a few random places have none.

    Args:
        clips: Grey frames of each clip, by name. Those of fewer than 36 frames are not used.
        rng: Draws the clip and the places.
    """
    for _ in range(8):
        clip = clips[rng.choice(list(clips))]
        if len(clip) < 36:
            continue
        first, second = np.sort(rng.integers(0, len(clip) - 12, 2))
        if second - first >= 20 and share_content(clip[first + 11], clip[second]) is False:
            return [LINEAR[grey] for grey in (*clip[first : first + 12], *clip[second : second + 12])]
    return None


def set_of(clip: str) -> str:
    """Return the set that a clip shows: some clips of one film show the same place and people, as seen by eye.

    Args:
        clip: Name of the clip; it is its own set if it is in none of `SETS`.
    """
    return next((name for name, beginnings in SETS.items() if clip.startswith(beginnings)), clip)


def film_of(clip: str) -> str:
    """Return a clip's set without a last number: two clips of one film may show the same place.

    Args:
        clip: Name of the clip.
    """
    return set_of(clip).rstrip("0123456789")


def joined(clips: dict[str, list[ByteImage]], rng: np.random.Generator) -> Iterator[Case]:
    """Yield cases with cuts between random places of random clips, and a dissolve.

    Args:
        clips: Grey frames of each clip, by name. At least three names must differ in more than a last number.
        rng: Draws clips, places and damage.

    Raises:
        ValueError: If the names do not differ so.
    """
    if len({film_of(name) for name in clips}) < 3:
        raise ValueError("Cuts are made between three films at least: clips whose names differ in more than a number.")

    def pieces(number: int, count: int) -> tuple[str, Iterator[Frames]]:
        chosen: list[str] = []
        while len({film_of(name) for name in chosen}) < number:
            chosen = list(rng.choice(list(clips), number, replace=False))
        starts = [rng.integers(max(1, len(clips[name]) - count)) for name in chosen]
        parts = zip(chosen, starts, strict=True)
        return ", ".join(chosen), ([LINEAR[g] for g in clips[name][s : s + count]] for name, s in parts)

    name, (a, b, c) = pieces(3, 12)
    yield Case("hard", name, a + b, frozenset({12}))
    if (place := alike(clips, rng)) is not None:
        yield Case("alike", "two places of a clip", place, frozenset({12}))
    moves = [whip, crash_zoom, shake]
    quick = [moves[rng.integers(3)](part, rng) for part in (a, b)]
    yield Case("quick", name, quick[0] + quick[1], frozenset({12}))
    insert = b[: rng.integers(1, 4)]
    yield Case("short", name, a + insert + c, frozenset({12, 12 + len(insert)}))
    yield Case("ends", name, a[:1] + b + c[:1], frozenset({1, 13}))
    yield Case("dark", name, [grain(f * np.float32(0.02), rng) for f in a + b], frozenset({12}))
    bars = [cv2.copyMakeBorder(f[30:-30], 30, 30, 0, 0, cv2.BORDER_CONSTANT) for f in a + b]
    yield Case("bars", name, bars, frozenset({12}))
    yield Case("rough", name, [grain(flicker(f, rng), rng) for f in a + b], frozenset({12}))
    mix = np.clip((np.arange(30) - 3) / 24, 0, 1).astype(np.float32)
    name, scenes = pieces(2, 30)
    yield Case("dissolve", name, [f * (1 - k) + g * k for f, g, k in zip(*scenes, mix, strict=False)])


def uncut(name: str, clips: dict[str, list[ByteImage]], kinds: Iterable[str], seed: int) -> Iterator[Case]:
    """Yield a clip without a cut: unchanged, faster, panned and damaged. Every detection is a false alarm.

    Args:
        name: Name of the clip.
        clips: All clips; something with the texture of another one passes by.
        kinds: Columns to make, of `STILL` and `FAST`.
        seed: Seed of the run.
    """
    clip = [LINEAR[grey] for grey in clips[name]]

    def passed(rng: np.random.Generator) -> Frames:
        return passers(clip, [LINEAR[grey] for grey in clips[rng.choice(list(clips))]], rng)

    makers: dict[str, Callable[[np.random.Generator], Frames]] = {
        "uncut": lambda _: clip,
        "x2": lambda _: clip[::2],
        "x3": lambda _: clip[::3],
        "x4": lambda _: clip[::4],
        "whip": lambda rng: whip(clip, rng),
        "zoom": lambda rng: crash_zoom(clip, rng),
        "shake": lambda rng: shake(clip, rng),
        "passer": passed,
        "flicker": lambda rng: [flicker(frame, rng) for frame in clip],
        "grain": lambda rng: [grain(frame, rng) for frame in clip],
        "flash": lambda rng: disturb(clip, rng, flash),
        "bad": lambda rng: disturb(clip, rng, bad),
    }
    for kind in kinds:
        if kind == "pan":
            for speed in (0.1, 0.2, 0.3):
                yield Case("pan", f"{name} at {speed}", whip_pan(clip, speed))
        else:
            yield Case(kind, name, makers[kind](seeded(seed, name, kind)))
