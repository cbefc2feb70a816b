"""Training samples of the refinement on disk: the pipeline's candidates for real frames, with their true colour.

Most walks go through real clips. The others go through synthetic clips made of their pictures: objects of one clip move
over the background of another, hide each other, leave and come back, which slow footage shows too rarely.

The matching features are the model's own if these have not learned from the footage. Otherwise they are those that the
training of features starts from: the model's own match these very clips better than any other footage, so that the
network would trust them too much.

Each walk has its own seed, and each frame its own file. So several processes can make samples at once, and an
interrupted run continues.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from stcolor_core.arrays import Image, Pixels
from stcolor_core.errors import OutputError, StcolorError
from stcolor_core.evaluation import dataset
from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.synthetic import BACKGROUND_SCALE, make_synthetic_clip
from stcolor_core.evaluation.worker_processes import open_workers
from stcolor_core.files.atomic import atomic_path
from stcolor_core.files.scratch import Scratch
from stcolor_core.method.features.standard import StandardFeatures
from stcolor_core.method.propagation import Propagator
from stcolor_core.method.refinement import Evidence, Refined, WalkState
from stcolor_core.method.refinement.candidates import Candidates, collect_candidates
from stcolor_core.method.refinement.fixed_rule import FixedRuleRefinement
from stcolor_core.models import registry
from stcolor_core.shots.settings import Method
from stcolor_core.shots.spans import plan
from stcolor_core.training.clips import add_intruder, age_clip, resize_sequence
from stcolor_core.training.features import write_untrained_features
from stcolor_core.training.misled import KINDS, draw_misled, kind_of

__all__ = ["Sample", "count_candidates", "make_samples", "read_sample", "walk_candidates"]

_log = logging.getLogger(__name__)

_SHORTEST, _LONGEST = 12, 40  # frames of a walk
_SAMPLES_PER_WALK = 12
_STRIDES = (1, 1, 2, 3)  # frames of the footage, which moves slowly, for one frame of a walk
_SYNTHETIC, _AGED, _BOTH_ENDS = 0.3, 0.35, 0.4  # shares of the walks
_INTRUDED = 0.25  # share of the walks through real clips
_MOST_PROCESSES = 61  # limit of Windows for a pool
_LINES = 216  # of the walks whose references mislead
_MOST_OBJECTS = 4  # in a synthetic clip


class Sample(NamedTuple):
    """A frame with its K candidates, float16 on disk; see `stcolor_core.method.refinement.candidates`.

    Attributes:
        lightness: L*, (H, W), 0..100.
        truth: True a* and b*, (H, W, 2).
        ab: a* and b* of the candidates, (K, H, W, 2).
        facts: What is known of a candidate as a whole, (K, F).
        evidence: What is known of a candidate at each pixel, (K, E, H, W).
    """

    lightness: Pixels
    truth: Pixels
    ab: Pixels
    facts: NDArray[Any]
    evidence: Pixels


class _Recorder(FixedRuleRefinement):
    """The fixed rule, which also keeps its latest input."""

    def refine(self, evidence: Evidence, previous: WalkState | None) -> Refined:
        self.latest = evidence, previous
        return super().refine(evidence, previous)


def make_samples(
    footage: Path,
    cache: Path,
    *,
    walks_per_clip: int,
    seed: int,
    processes: int,
    misled: bool = False,
    unseen: bool = False,
    held_out: Collection[str] = (),
) -> list[Path]:
    """Make the samples that are not on disk yet.

    Args:
        footage: A folder with a folder of pictures or a movie for each clip.
        cache: Folder of the samples; use one for each seed.
        walks_per_clip: Number of walks for each clip.
        seed: Seed of all random numbers.
        processes: Number of processes, 1 or more.
        misled: Whether five walks in six are misled or fast ones (`training.misled`). Implies `unseen`.
        unseen: Whether the model's own features have not learned from this footage, so that they are used.
        held_out: Names of the clips whose pictures may not appear in the walks through others.

    Returns:
        The files of all samples, sorted.

    Raises:
        BadRequest: If the footage has no clips.
        ModelError: If the published backbone is not installed.
        OutputError: If the cache cannot be made.
        StcolorError: If a process was killed.
    """
    clips = dataset.read_dataset(footage)
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder {cache} cannot be made ({error.strerror}). Give another --cache.") from None
    features = None if misled or unseen else cache / "features.safetensors"
    if features is not None and not features.is_file():
        write_untrained_features(footage, features, seed=seed)
    jobs = [(clip, number) for number in range(walks_per_clip) for clip in clips]
    samples: list[Path] = []
    make_walk = partial(
        _make_walk,
        clips=clips,
        cache=cache,
        features=features,
        held_out=held_out,
        seed=seed,
        misled=misled,
    )
    try:
        with open_workers(min(processes, _MOST_PROCESSES)) as pool:
            for (clip, number), paths in zip(jobs, pool.map(make_walk, *zip(*jobs, strict=True)), strict=True):
                _log.info("%s, walk %d of %d: %d samples", clip.name, number + 1, walks_per_clip, len(paths))
                samples += paths
    except BrokenProcessPool:
        raise StcolorError(
            "A process that makes samples was killed, most likely because memory ran out. Run this again with fewer "
            "--processes: the samples in the cache are kept."
        ) from None
    return sorted(samples)


def read_sample(path: Path) -> Sample:
    """Return a sample, float16.

    Args:
        path: A file from `make_samples`.
    """
    with np.load(path, allow_pickle=False) as data:
        return Sample(*(data[name] for name in Sample._fields))


def count_candidates(path: Path) -> int:
    """Return the number of candidates of a sample, without reading the other arrays.

    Args:
        path: A file from `make_samples`.
    """
    with np.load(path, allow_pickle=False) as data:
        return len(data["ab"])


def _make_walk(
    clip: dataset.DatasetSequence,
    number: int,
    *,
    clips: Sequence[dataset.DatasetSequence],
    cache: Path,
    features: Path | None,
    held_out: Collection[str],
    seed: int,
    misled: bool,
) -> list[Path]:
    """Make the samples of one walk, and return their files; files of an earlier run are kept."""
    folder = cache / f"{clip.name}_{number:03d}"
    if (folder / "done").is_file():
        return sorted(folder.glob("*.npz"))
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = np.random.default_rng([seed, number, *clip.name.encode()])
    clips = [other for other in clips if (other.name in held_out) == (clip.name in held_out)]
    if misled and (kind := kind_of(number)) in KINDS:
        pictures, references = draw_misled(kind, clip, clips, _LINES, generator)
    else:
        pictures, references = _draw_walk(clip, clips, generator)
    folder.mkdir(parents=True, exist_ok=True)
    inner = [frame for frame in range(len(pictures.rgb)) if frame not in references]
    sampled = set(generator.permutation(inner)[:_SAMPLES_PER_WALK].tolist())
    for frame, candidates in walk_candidates(pictures, references, frames=sampled, features=features):
        _write(folder / f"{frame:03d}.npz", pictures, frame, candidates)
    (folder / "done").touch()
    return sorted(folder.glob("*.npz"))


def walk_candidates(
    clip: Clip, references: Sequence[int], *, frames: Collection[int], features: Path | None = None
) -> Iterator[tuple[int, Candidates]]:
    """Yield frames of a clip with their candidates, as the pipeline collects them.

    Args:
        clip: The clip with its true colour.
        references: Frame indices that take their true colour.
        frames: Frame indices to yield; none of them a reference.
        features: Weights of the matching features; None for the model's own.
    """
    recorder = _Recorder()
    model = registry.build("standard", device="cpu", refinement=recorder)
    if features is not None:
        model = replace(model, features=StandardFeatures("cpu", features))
    propagator = Propagator(model, Method(tracking="dense"), device=torch.device("cpu"))
    for span in plan(range(len(clip.rgb)), references, []):
        with Scratch() as scratch:
            for colored in propagator.color(span, clip, scratch, wanted=set(frames).intersection(span.frames)):
                yield colored.frame, collect_candidates(*recorder.latest)


def _draw_walk(
    clip: dataset.DatasetSequence, clips: Sequence[dataset.DatasetSequence], generator: np.random.Generator
) -> tuple[Clip, tuple[int, ...]]:
    """Return a real or synthetic clip, aged or not, and the indices of its references."""
    lines = int(generator.choice([192, 216, 216, 216]))
    # a single picture has no motion
    draw = _draw_synthetic if generator.random() < _SYNTHETIC or len(clip) < 2 else _draw_real
    walk, references = draw(clip, clips, lines, generator)
    return (age_clip(walk, generator) if generator.random() < _AGED else walk), references


def _draw_real(
    clip: dataset.DatasetSequence, clips: Sequence[dataset.DatasetSequence], lines: int, generator: np.random.Generator
) -> tuple[Clip, tuple[int, ...]]:
    """Return a part of the clip, in some walks with an intruder, and the indices of its references."""
    clip = resize_sequence(clip, lines)
    count = len(clip)
    stride = min(int(generator.choice(_STRIDES)), max(1, (count - 1) // 2))
    length = min(count, stride * int(generator.integers(_SHORTEST, _LONGEST + 1)))
    start = int(generator.integers(0, count - length + 1))
    pictures = [clip.rgb(index) for index in range(start, start + length, stride)]
    if generator.random() < 0.5:
        pictures.reverse()
    if generator.random() < 0.5:
        pictures = [np.ascontiguousarray(picture[:, ::-1]) for picture in pictures]
    references = _draw_references(len(pictures), generator)
    if generator.random() < _INTRUDED:
        source = _draw_picture(resize_sequence(clips[int(generator.integers(0, len(clips)))]), generator)
        pictures = add_intruder(pictures, source, absent=set(references), generator=generator)
    return Clip.from_rgb(pictures), references


def _draw_synthetic(
    clip: dataset.DatasetSequence, clips: Sequence[dataset.DatasetSequence], lines: int, generator: np.random.Generator
) -> tuple[Clip, tuple[int, ...]]:
    """Return a synthetic clip of objects of any clips over a picture of this one, and the indices of its references."""
    objects = int(generator.integers(1, _MOST_OBJECTS + 1))
    others = generator.integers(0, len(clips), objects)
    pictures = [_draw_picture(resize_sequence(clip, round(BACKGROUND_SCALE * lines)), generator)]
    pictures += [_draw_picture(resize_sequence(clips[index], lines), generator) for index in others.tolist()]
    count = int(generator.integers(_SHORTEST, _LONGEST + 1))
    synthetic = make_synthetic_clip(
        pictures, size=resize_sequence(clip, lines).size, count=count, objects=objects, generator=generator
    )
    return synthetic.clip, _draw_references(count, generator)


def _draw_picture(clip: dataset.DatasetSequence, generator: np.random.Generator) -> Image:
    """Return a random picture of the clip."""
    return clip.rgb(int(generator.integers(0, len(clip))))


def _draw_references(count: int, generator: np.random.Generator) -> tuple[int, ...]:
    return (0, count - 1) if count > 2 and generator.random() < _BOTH_ENDS else (0,)


def _write(path: Path, clip: Clip, frame: int, candidates: Candidates) -> None:
    """Write the sample of one frame."""
    with atomic_path(path) as partial_path, partial_path.open("wb") as file:
        np.savez(
            file,
            lightness=clip.lightnesses[frame].astype(np.float16),
            truth=clip.ab[frame].astype(np.float16),
            ab=candidates.ab.astype(np.float16),
            facts=candidates.facts.astype(np.float16),
            evidence=candidates.evidence.astype(np.float16),
        )
