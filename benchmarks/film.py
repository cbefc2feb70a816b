"""Measure films: groups of scenes, colour of scenes without a keyframe of their own, and what a repainted key reaches.

python benchmarks/film.py choose --dataset DIR        how well groups agree with sets, by the least likeness
python benchmarks/film.py edit --dataset DIR --work DIR    20 scenes in 6 groups, one keyframe each
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from cut_material import set_of

from stcolor_core.film.coloring import color_film
from stcolor_core.film.likeness import ALIKE, SceneLook, describe_looks, group_scenes, likeness_table, sample_frames
from stcolor_core.film.plan import FilmPlan, FilmPlate
from stcolor_core.film.scenes import find_stretches, make_plan
from stcolor_core.images.color import linear_to_lab, srgb_decode
from stcolor_core.images.frame_files import write_frame
from stcolor_core.images.sequences import FramePattern
from stcolor_core.pipeline.transition_search import scene_describer

_DISSOLVE = 8  # frames
_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)


@dataclass(frozen=True)
class EditedScene:
    """A piece of a clip in the edit.

    Attributes:
        clip: Name of the clip's folder.
        first: Its first frame in the film, from 1.
        last: Its last frame in the film.
    """

    clip: str
    first: int
    last: int


def main() -> None:
    """Run the measurement that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=("choose", "edit"))
    parser.add_argument("--dataset", type=Path)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--height", type=int, default=120)
    parser.add_argument("--length", type=int, default=10, help="frames of a scene")
    parser.add_argument("--attention", action="store_true", help="also colour every scene from the best single still")
    options = parser.parse_args()
    {"choose": _choose, "edit": _edit}[options.task](options)


def _choose(options: argparse.Namespace) -> None:
    describe = scene_describer()
    looks, labels = [], []
    for folder in sorted(options.dataset.iterdir()):
        files = _pictures(folder)
        for a, b in ((0.0, 0.3), (0.35, 0.65), (0.7, 1.0)):
            part = range(int(a * len(files)), int(b * len(files)))
            if len(part) >= 3:
                frames = sample_frames(part)
                planes = [linear_to_lab(_linear(files[frame], 144))[..., 0] for frame in frames]
                looks.append(SceneLook(frames, tuple(describe_looks(planes, describe))))
                labels.append(set_of(folder.name))
    table = likeness_table(looks)
    above = np.triu_indices(len(labels), 1)
    true = np.array(labels)[above[0]] == np.array(labels)[above[1]]
    print(f"{len(labels)} scenes of {len(set(labels))} sets; likeness of the most alike scenes of two sets:", end=" ")
    print(f"{table[above][~true].max():.3f}")
    for alike in sorted({ALIKE, *np.arange(0.3, 0.6, 0.02).round(2).tolist()}):
        groups = np.array(group_scenes(table, alike=alike))
        joined = groups[above[0]] == groups[above[1]]
        print(
            f"{alike:.2f}: {len(set(groups.tolist())):3d} groups, {100 * _share_right(groups.tolist(), labels):5.1f} % "
            f"of scenes right; of the pairs joined {100 * true[joined].mean():5.1f} % are of one set, of the pairs of "
            f"one set {100 * joined[true].mean():5.1f} % are joined"
        )


def _share_right(groups: Sequence[int], labels: Sequence[str]) -> float:
    """Return the share of scenes whose group is mostly of their clip and whose clip is mostly in their group."""
    pairs, right = list(zip(groups, labels, strict=True)), 0
    for group, label in pairs:
        in_group = [other for number, other in pairs if number == group]
        of_label = [number for number, other in pairs if other == label]
        right += max(set(in_group), key=in_group.count) == label and max(set(of_label), key=of_label.count) == group
    return right / len(pairs)


def _edit(options: argparse.Namespace) -> None:
    work, length = options.work, options.length
    clips = [folder for folder in sorted(options.dataset.iterdir()) if len(_pictures(folder)) >= 4 * length]
    clips = clips[:: max(1, len(clips) // 6)][:6]
    print("clips:", ", ".join(folder.name for folder in clips))
    edit, truth = _write_film(clips, work, scenes=20, length=length, height=options.height)
    plan, spent = _plan(work)
    labels = []
    for name in plan.scenes:
        frames = set(plan.frames(name))
        labels.append(max(edit, key=lambda each: len(frames.intersection(range(each.first, each.last + 1)))).clip)
    groups = [plan.scenes[name].group for name in plan.scenes]
    numbers = [sorted(set(groups)).index(group) for group in groups]
    print(
        f"{len(plan.scenes)} scenes of 20, {len(plan.dissolves)} dissolves, {len(set(groups))} groups of {len(clips)};"
    )
    print(
        f"{100 * _share_right(numbers, labels):.0f} % of the scenes in the right group; planned in {spent:.1f} s of CPU"
    )
    keyed: dict[str, int] = {}
    for name, label in zip(plan.scenes, labels, strict=True):
        if label not in keyed:
            keyed[label] = plan.frames(name)[len(plan.frames(name)) // 2]
            _paint(work, keyed[label], truth[keyed[label]])
    results = {result.name: result for result in color_film(plan)}
    print(f"{sum(r.written for r in results.values())} frames coloured")
    own = {name for name in plan.scenes if set(plan.frames(name)) & set(keyed.values())}
    scores = {name: _score(plan, name, truth) for name in plan.scenes}
    for title, names in (("with a key", own), ("without", set(plan.scenes) - own)):
        got = [scores[name] for name in names]
        print(
            f"{title}: {np.mean([g[0] for g in got]):.2f} dB, grey {np.mean([g[1] for g in got]):.2f} dB, least "
            f"mean chroma {min(g[2] for g in got):.1f}"
        )
    if options.attention:
        _compare_with_best_still(plan, work, truth, sorted(keyed.values()), sorted(set(plan.scenes) - own), scores)
    again = list(color_film(plan))
    print("again:", sum(r.written for r in again), "coloured,", sum(r.kept for r in again), "kept")
    label, frame = next(iter(keyed.items()))
    _paint(work, frame, truth[frame] * np.array([1.0, 0.8, 1.2]))
    again = list(color_film(plan))
    changed = {r.name: r.written for r in again if r.written}
    reached = {name for name, its in zip(plan.scenes, labels, strict=True) if its == label}
    print(f"repainted {label}:", changed, "; scenes of its group:", sorted(reached))


def _compare_with_best_still(
    plan: FilmPlan,
    work: Path,
    truth: dict[int, np.ndarray],
    keys: Sequence[int],
    bare: Sequence[str],
    scores: dict[str, tuple[float, float, float]],
) -> None:
    """Compare with attention from each keyframe alone, the best chosen by its PSNR, as by hand."""
    from stcolor_core.film.film_keys import find_keys
    from stcolor_core.film.shots import make_shots
    from stcolor_core.pipeline.run import colorize
    from stcolor_core.shots.output import Output
    from stcolor_core.shots.pictures import Still

    shots = {each.name: each.shot for each in make_shots(plan, find_keys(plan))}
    best = dict.fromkeys(bare, 0.0)
    for key in keys:
        for name in bare:
            shot = shots[name]
            assert shot is not None
            still = Still(path=str(work / "keys" / f"film.{key:04d}.exr"))
            output = Output(path=str(work / f"still{key}" / f"{name}.####.exr"))
            method = replace(shot.method, flow=False, tracking="none")
            for _ in colorize(replace(shot, stills=(still,), output=output, method=method)):
                pass
            other = replace(plan, output=str(work / f"still{key}" / "{scene}.####.exr"))
            best[name] = max(best[name], _score(other, name, truth)[0])
    gains = [scores[name][0] - best[name] for name in bare]
    print(
        f"attention, best still by hand: {np.mean(list(best.values())):.2f} dB; film - that: mean "
        f"{np.mean(gains):+.2f}, least {min(gains):+.2f} dB"
    )


def _plan(work: Path) -> tuple[FilmPlan, float]:
    begun = time.process_time()
    plates = {"film": FilmPlate(path=str(work / "plate/film.####.exr"), keys=str(work / "keys/film.####.exr"))}
    plan, _ = make_plan(plates, find_stretches(plates), output=str(work / "out/{scene}.####.exr"))
    return plan, time.process_time() - begun


def _write_film(
    clips: Sequence[Path], work: Path, *, scenes: int, length: int, height: int
) -> tuple[list[EditedScene], dict[int, np.ndarray]]:
    """Write a film of scenes cut from the clips in turn; every fifth change is a dissolve. Returns linear RGB too."""
    order = [clips[(number * 5 + number // 6 * 2) % len(clips)] for number in range(scenes)]
    used = dict.fromkeys((folder.name for folder in clips), 0)
    edit: list[EditedScene] = []
    film: list[np.ndarray] = []
    size: tuple[int, int] | None = None
    tail: list[np.ndarray] = []
    for number, folder in enumerate(order):
        files = _pictures(folder)
        pieces = sum(each == folder for each in order)
        start = used[folder.name] * (len(files) - length - _DISSOLVE) // max(1, pieces - 1)
        used[folder.name] += 1
        frames = [_linear(file, height) for file in files[start : start + length + _DISSOLVE]]
        size = size or (frames[0].shape[1], height)
        frames = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames]
        if number % 5 == 4 and film:
            for step in range(_DISSOLVE):
                share = (step + 1) / (_DISSOLVE + 1)
                film.append((1 - share) * tail[step] + share * frames[step])
            frames = frames[_DISSOLVE:]
        edit.append(EditedScene(folder.name, len(film) + 1, len(film) + length))
        film += frames[:length]
        tail = frames[length:] if len(frames) >= length + _DISSOLVE else [film[-1]] * _DISSOLVE
    for frame, picture in enumerate(film, 1):
        _write(work / "plate", frame, picture, grey=True)
    return edit, dict(enumerate(film, 1))


def _score(plan: FilmPlan, name: str, truth: dict[int, np.ndarray]) -> tuple[float, float, float]:
    """Return the mean PSNR of ab of a scene over 0..255, that of grey, and the mean chroma."""
    from stcolor_core.images import plates

    pattern = FramePattern.parse(plan.output.replace("{scene}", name))
    errors, greys, chromas = [], [], []
    for frame in plan.frames(name):
        rgb = plates.layer_pixels(plates.read_colored(pattern.path(frame)))[..., :3]
        ab, true = linear_to_lab(rgb)[..., 1:], linear_to_lab(truth[frame].astype(np.float32))[..., 1:]
        errors.append(np.square(ab - true).mean())
        greys.append(np.square(true).mean())
        chromas.append(np.hypot(ab[..., 0], ab[..., 1]).mean())
    decibels = [float(np.mean([10 * np.log10(255**2 / max(e, 1e-6)) for e in each])) for each in (errors, greys)]
    return decibels[0], decibels[1], float(np.mean(chromas))


def _paint(work: Path, frame: int, picture: np.ndarray) -> None:
    _write(work / "keys", frame, picture, grey=False)


def _write(folder: Path, frame: int, rgb: np.ndarray, *, grey: bool) -> None:
    planes = np.asarray(rgb, np.float32) @ _LUMA if grey else None
    channels = {
        name: (np.asarray(rgb[..., i] if planes is None else planes, np.float32), "half")
        for i, name in enumerate("RGB")
    }
    write_frame(folder / f"film.{frame:04d}.exr", channels)


def _linear(file: Path, height: int) -> np.ndarray:
    picture = cv2.imread(str(file))[..., ::-1]
    size = (round(picture.shape[1] * height / picture.shape[0]), height)
    return srgb_decode(cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255)


def _pictures(folder: Path) -> list[Path]:
    return sorted(each for each in _files(folder) if each.suffix in (".jpg", ".png"))


def _files(folder: Path) -> Iterator[Path]:
    return iter(folder.iterdir()) if folder.is_dir() else iter(())


if __name__ == "__main__":
    main()
