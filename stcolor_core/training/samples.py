"""What a refinement learns from: the pipeline's own candidates for real frames, beside their true colour, on disk.

Most walks go through real clips. The others go through synthetic ones made of their pictures, where objects of one move
over the background of another, hide each other, leave and come back: real footage that is slow has too little of that.

Matching features are those that the training of features starts from: the model's own have learned from these very
clips, and match there as they will on no other footage, so that a network which learns from them trusts them too much.

Each walk of the pipeline is drawn from its own seed and kept as one file a frame, so that making them can be stopped
and taken up again, and done by several processes at once.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from stcolor_core.errors import OutputError, StcolorError
from stcolor_core.evaluation import dataset
from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.synthetic import SPARE, layered
from stcolor_core.files.atomic import atomic_path
from stcolor_core.files.scratch import Scratch
from stcolor_core.method.features.standard import StandardFeatures
from stcolor_core.method.propagation import Propagator
from stcolor_core.method.refinement import Evidence, Refined, WalkState
from stcolor_core.method.refinement.candidates import Candidates, collect_candidates
from stcolor_core.method.refinement.fixed_rule import FixedRuleRefinement
from stcolor_core.models import registry
from stcolor_core.shots.shot import Method
from stcolor_core.shots.spans import plan
from stcolor_core.training.clips import aged, intruded, sized
from stcolor_core.training.features import untrained

__all__ = ["count_candidates", "make_samples", "read_sample", "walks"]

_log = logging.getLogger(__name__)

_SHORTEST, _LONGEST = 12, 40  # frames of a walk
_KEPT = 12  # frames of a walk that become samples
_STEPS = (1, 1, 2, 3)  # frames of the footage, which moves slowly, between two of a walk
_SYNTHETIC, _AGED, _BOTH_ENDS = 0.3, 0.35, 0.4  # how many of the walks
_INTRUDED = 0.25  # of those through real clips
_MOST_PROCESSES = 61  # what Windows can wait for
_MOST_OBJECTS = 4  # on a synthetic one


class _Recorder(FixedRuleRefinement):
    """The fixed rule, which remembers what it was given last."""

    def refine(self, evidence: Evidence, previous: WalkState | None) -> Refined:
        self.seen = evidence, previous
        return super().refine(evidence, previous)


def make_samples(footage: Path, cache: Path, *, walks_per_clip: int, seed: int, processes: int) -> list[Path]:
    """All samples, those that are on disk kept; in a stable order.

    footage: a folder of clips, each a folder of pictures. cache: belongs to one seed. Raises BadRequest where there are
    no clips, ModelError where the published backbone is not installed.
    """
    clips = dataset.read_dataset(footage)
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder {cache} cannot be made ({error.strerror}). Give another --cache.") from None
    features = cache / "features.safetensors"
    if not features.is_file():
        untrained(footage, features, seed=seed)
    jobs = [(clip, number) for number in range(walks_per_clip) for clip in clips]
    made: list[Path] = []
    walk = partial(_walk, clips=clips, cache=cache, features=features, seed=seed)
    try:
        with ProcessPoolExecutor(min(processes, _MOST_PROCESSES), mp_context=get_context("spawn")) as pool:
            for (clip, number), paths in zip(jobs, pool.map(walk, *zip(*jobs, strict=True)), strict=True):
                _log.info("%s, walk %d of %d: %d samples", clip.name, number + 1, walks_per_clip, len(paths))
                made += paths
    except BrokenProcessPool:
        raise StcolorError(
            "A process that makes samples was killed, most likely for want of memory. Run it again with fewer "
            "--processes: what is in the cache is kept."
        ) from None
    return sorted(made)


def read_sample(path: Path) -> tuple[np.ndarray, ...]:
    """lightness (H, W), truth ab (H, W, 2), candidates' ab (K, H, W, 2), facts (K, F) and
    evidence (K, E, H, W); all float16."""
    with np.load(path, allow_pickle=False) as data:
        return tuple(data[name] for name in ("lightness", "truth", "ab", "facts", "evidence"))


def count_candidates(path: Path) -> int:
    """K of a sample, without reading it all."""
    with np.load(path, allow_pickle=False) as data:
        return len(data["ab"])


def _walk(
    clip: dataset.DatasetSequence,
    number: int,
    *,
    clips: Sequence[dataset.DatasetSequence],
    cache: Path,
    features: Path,
    seed: int,
) -> list[Path]:
    """One walk's samples."""
    folder = cache / f"{clip.name}_{number:03d}"
    if (folder / "done").is_file():
        return sorted(folder.glob("*.npz"))
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = np.random.default_rng([seed, number, *clip.name.encode()])
    pictures, references = _drawn(clip, clips, generator)
    folder.mkdir(parents=True, exist_ok=True)
    inner = [frame for frame in range(len(pictures.rgb)) if frame not in references]
    kept = set(generator.permutation(inner)[:_KEPT].tolist())
    for frame, found in walks(pictures, references, wanted=kept, features=features):
        _write(folder / f"{frame:03d}.npz", pictures, frame, found)
    (folder / "done").touch()
    return sorted(folder.glob("*.npz"))


def walks(
    clip: Clip, references: Sequence[int], *, wanted: Collection[int], features: Path | None = None
) -> Iterator[tuple[int, Candidates]]:
    """The candidates of the wanted frames, none of them a reference, by the pipeline itself.

    features: weights in place of the model's own.
    """
    recorder = _Recorder()
    model = registry.build("standard", device="cpu", refinement=recorder)
    if features is not None:
        model = replace(model, features=StandardFeatures("cpu", features))
    propagator = Propagator(model, Method(tracking="dense"), device=torch.device("cpu"))
    for span in plan(range(len(clip.rgb)), references, []):
        with Scratch() as scratch:
            for colored in propagator.color(span, clip, scratch, wanted=set(wanted).intersection(span.frames)):
                yield colored.frame, collect_candidates(*recorder.seen)


def _drawn(
    clip: dataset.DatasetSequence, clips: Sequence[dataset.DatasetSequence], generator: np.random.Generator
) -> tuple[Clip, tuple[int, ...]]:
    """Frames of a clip or over a picture of it, worn or not, and which of them are references."""
    lines = int(generator.choice([192, 216, 216, 216]))
    # one picture alone has no motion of its own
    draw = _synthetic if generator.random() < _SYNTHETIC or len(clip) < 2 else _filmed
    drawn, references = draw(clip, clips, lines, generator)
    return (aged(drawn, generator) if generator.random() < _AGED else drawn), references


def _filmed(
    clip: dataset.DatasetSequence, clips: Sequence[dataset.DatasetSequence], lines: int, generator: np.random.Generator
) -> tuple[Clip, tuple[int, ...]]:
    """A stretch of the clip, in some of the walks with an intruder."""
    clip = sized(clip, lines)
    count = len(clip)
    step = min(int(generator.choice(_STEPS)), max(1, (count - 1) // 2))
    length = min(count, step * int(generator.integers(_SHORTEST, _LONGEST + 1)))
    start = int(generator.integers(0, count - length + 1))
    pictures = [clip.rgb(index) for index in range(start, start + length, step)]
    if generator.random() < 0.5:
        pictures.reverse()
    if generator.random() < 0.5:
        pictures = [np.ascontiguousarray(picture[:, ::-1]) for picture in pictures]
    references = _references(len(pictures), generator)
    if generator.random() < _INTRUDED:
        piece = _picture(sized(clips[int(generator.integers(0, len(clips)))]), generator)
        pictures = intruded(pictures, piece, absent=set(references), generator=generator)
    return Clip.of(pictures), references


def _synthetic(
    clip: dataset.DatasetSequence, clips: Sequence[dataset.DatasetSequence], lines: int, generator: np.random.Generator
) -> tuple[Clip, tuple[int, ...]]:
    """Objects cut out of any clips' pictures, over one of this clip's."""
    objects = int(generator.integers(1, _MOST_OBJECTS + 1))
    others = generator.integers(0, len(clips), objects)
    pictures = [_picture(sized(clip, round(SPARE * lines)), generator)]
    pictures += [_picture(sized(clips[index], lines), generator) for index in others.tolist()]
    count = int(generator.integers(_SHORTEST, _LONGEST + 1))
    made = layered(pictures, size=sized(clip, lines).size, count=count, objects=objects, generator=generator)
    return made.clip, _references(count, generator)


def _picture(clip: dataset.DatasetSequence, generator: np.random.Generator) -> np.ndarray:
    """Any picture of the clip."""
    return clip.rgb(int(generator.integers(0, len(clip))))


def _references(count: int, generator: np.random.Generator) -> tuple[int, ...]:
    return (0, count - 1) if count > 2 and generator.random() < _BOTH_ENDS else (0,)


def _write(path: Path, clip: Clip, frame: int, found: Candidates) -> None:
    """One frame, whole or not at all."""
    with atomic_path(path) as partial_path, partial_path.open("wb") as file:
        np.savez(
            file,
            lightness=clip.lightnesses[frame].astype(np.float16),
            truth=clip.ab[frame].astype(np.float16),
            ab=found.ab.astype(np.float16),
            facts=found.facts.astype(np.float16),
            evidence=found.evidence.astype(np.float16),
        )
