"""A small film on disk: scenes cut from two made sets, with a cut, a dissolve and keyframes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from stcolor_core.film.plan import FilmDissolve, FilmPlan, FilmPlate, FilmScene
from stcolor_core.film.plan_files import save_plan
from stcolor_core.images.frame_files import write_frame

__all__ = ["HEIGHT", "WIDTH", "Film", "write_film", "write_painted_film"]

HEIGHT, WIDTH = 64, 112
_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)


@dataclass(frozen=True)
class Film:
    """A film of 6 frames of set A, 6 of set B, a dissolve of 8 frames, and 6 of set A again.

    Attributes:
        plan: Its true plan, with the groups a and b.
        folder: The folder of its files.
        truth: Frame -> linear RGB, (HEIGHT, WIDTH, 3).
    """

    plan: FilmPlan
    folder: Path
    truth: dict[int, np.ndarray]

    def paint(self, frame: int, *, gain: tuple[float, float, float] = (1, 1, 1)) -> None:
        """Write the keyframe of a frame: its true colour, times a gain."""
        _write(self.folder / "keys" / f"film.{frame:04d}.exr", self.truth[frame] * np.array(gain, np.float32))


def write_film(folder: Path) -> Film:
    """Write the plate of the film; it has no keyframe yet."""
    sets = [_made_set(seed) for seed in (1, 2)]
    a = [sets[0][:, step : step + WIDTH] for step in range(22)]
    b = [sets[1][:, step : step + WIDTH] for step in range(15)]
    mixed = [(1 - s) * b[6 + i] + s * a[6 + i] for i, s in enumerate(np.arange(1, 9) / 9)]
    pictures = [*a[:6], *b[:6], *mixed, *a[14:20]]
    truth = dict(enumerate(pictures, 1))
    for frame, picture in truth.items():
        grey = np.repeat((picture @ _LUMA)[..., None], 3, axis=-1)
        _write(folder / "plate" / f"film.{frame:04d}.exr", grey)
    plan = FilmPlan(
        output=str(folder / "out" / "{scene}.####.exr"),
        plates={
            "film": FilmPlate(path=str(folder / "plate/film.####.exr"), keys=str(folder / "keys" / "film.####.exr"))
        },
        scenes={
            "s001": FilmScene(plate="film", frames="1-6", group="a"),
            "s002": FilmScene(plate="film", frames="7-12", group="b"),
            "s003": FilmScene(plate="film", frames="21-26", group="a"),
        },
        dissolves={"s002-s003": FilmDissolve(before="s002", after="s003")},
    )
    return Film(plan, folder, truth)


def write_painted_film(folder: Path) -> Film:
    """Write the film with its plan, film.yaml, and keyframes in s001, which lends its own to s003, and in s002."""
    film = write_film(folder)
    film.paint(3)
    film.paint(9)
    save_plan(film.plan, folder / "film.yaml")
    return film


def _made_set(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(HEIGHT, 2 * WIDTH, 3)).astype(np.float32)
    picture = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2 if seed % 2 else 9), None, 0.1, 0.6, cv2.NORM_MINMAX)
    for _ in range(14):
        x, y, size = int(rng.integers(2 * WIDTH)), int(rng.integers(HEIGHT)), int(rng.integers(6, 30))
        color = tuple(float(v) for v in rng.uniform(0.02, 0.95, 3))
        if seed % 2:
            cv2.rectangle(picture, (x, y), (x + size, y + size), color, -1)
        else:
            cv2.circle(picture, (x, y), size // 2, color, -1)
    return picture


def _write(path: Path, rgb: np.ndarray) -> None:
    write_frame(path, {name: (np.asarray(rgb[..., i], np.float32), "half") for i, name in enumerate("RGB")})
