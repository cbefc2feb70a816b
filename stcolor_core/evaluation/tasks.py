"""Measure variants on clips, one after another or in parallel processes. What was measured before is not again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from stcolor_core.errors import StcolorError
from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.dataset import DatasetSequence
from stcolor_core.evaluation.film import FilmWear, apply_wear
from stcolor_core.evaluation.measurements import Store, fingerprint
from stcolor_core.evaluation.other_tools import as_eight_bit, read_results
from stcolor_core.evaluation.protocol import Protocol
from stcolor_core.evaluation.scoring import Measurement, color_pictures, measure_pictures
from stcolor_core.evaluation.stored_pictures import StoredPicture, named_space
from stcolor_core.evaluation.strips import has_pictures, keep_pictures
from stcolor_core.evaluation.variants import tracks_densely
from stcolor_core.evaluation.worker_processes import open_workers

__all__ = ["Task", "load_clip", "measure_tasks"]

_FILM_SEED = 8


@dataclass(frozen=True)
class Task:
    """One cell of a table: a variant on a sequence. A worker process gets it.

    Attributes:
        protocol: Frames and references.
        variant: See `variants`.
        sequence: The clip.
        old_film: Whether to simulate old film.
        device: Device that a model runs on.
        frames: Frame indices whose pictures are kept.
        pictures: Folder of these pictures; None for none.
        rounds: Whether the pictures are measured in 8 bits, for a table with results of other tools.
        results: The picture of each frame, if another tool has coloured the clip; None if `variant` is ours.
    """

    protocol: Protocol
    variant: str
    sequence: DatasetSequence
    old_film: bool
    device: str
    frames: tuple[int, ...] = ()
    pictures: Path | None = None
    rounds: bool = False
    results: dict[int, StoredPicture] | None = None

    @property
    def references(self) -> tuple[int, ...]:
        """Return the frame indices that take their true colour."""
        return self.protocol.reference_indices(self.count)

    @property
    def count(self) -> int:
        """Return how many frames of the clip are used."""
        return self.protocol.frame_count(len(self.sequence))

    @property
    def tracks_densely(self) -> bool:
        """Return whether a model with dense tracking colours the clip."""
        return self.results is None and tracks_densely(self.variant)

    @property
    def key(self) -> tuple[str, ...]:
        """Return protocol, variant and sequence, with what else tells two results in one folder apart."""
        wear = ("old-film",) * self.old_film + ("8-bit",) * self.rounds
        return (self.protocol.name, self.variant, self.sequence.name, "x".join(map(str, self.sequence.size)), *wear)

    @property
    def fingerprint(self) -> str:
        """Return a digest of everything that the measurement depends on."""
        space = None if self.sequence.colorspace is None else named_space(self.sequence.colorspace).identity
        clip = [self.sequence.size, self.old_film, space]
        settings = [asdict(self.protocol), self.variant, clip, self.rounds, self.device]
        results = dict.fromkeys(result.path for result in (self.results or {}).values())
        return fingerprint(settings=settings, files=[*self.sequence.files, *(self.sequence.masks or ()), *results])


@lru_cache(maxsize=1)
def load_clip(sequence: DatasetSequence, frames: int | None, old_film: bool) -> Clip:
    """Return the clip that is measured. The last one is kept in memory.

    Args:
        sequence: The sequence.
        frames: How many of its frames are used; None for all.
        old_film: Whether to simulate old film, see `film.FilmWear`.
    """
    clip = Clip.load(sequence, frames)
    if old_film:
        clip = apply_wear(clip, FilmWear(), np.random.default_rng([_FILM_SEED, *sequence.name.encode()]))
    return clip


def measure_tasks(tasks: Sequence[Task], store: Store | None, workers: int) -> Iterator[tuple[Task, Measurement]]:
    """Yield each task with its measurement, in the order in which they are done: what is kept comes first.

    Args:
        tasks: What to measure.
        store: Keeps what was measured; None keeps nothing.
        workers: Number of processes, 1 or more.

    Raises:
        StcolorError: If a worker process was ended, or a clip cannot be read.
    """
    missing = []
    for task in tasks:
        is_complete = task.pictures is None or has_pictures(task.pictures, task.frames)
        kept = store.load(task.key, task.fingerprint) if store and is_complete else None
        if kept is None:
            missing.append(task)
        else:
            yield task, kept
    measured = _measure_here(missing) if workers == 1 else _measure_in_processes(missing, workers)
    for task, measurement in measured:
        if store is not None:
            store.save(task.key, task.fingerprint, measurement)
        yield task, measurement


def _measure_here(tasks: Iterable[Task]) -> Iterator[tuple[Task, Measurement]]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for task in tasks:
            yield task, _measure(task)
    finally:
        torch.set_num_threads(threads)
        load_clip.cache_clear()


def _measure_in_processes(tasks: Sequence[Task], workers: int) -> Iterator[tuple[Task, Measurement]]:
    if not tasks:
        return
    try:
        with open_workers(min(workers, len(tasks)), _begin_worker) as executor:
            futures: dict[Future[Measurement], Task] = {executor.submit(_measure, task): task for task in tasks}
            for future in as_completed(futures):
                yield futures[future], future.result()
    except BrokenProcessPool:
        raise StcolorError(
            "A worker process was ended, most likely for want of memory. Run again with fewer --workers; with "
            "--output, what was measured is kept."
        ) from None


def _begin_worker() -> None:
    torch.set_num_threads(1)


def _measure(task: Task) -> Measurement:
    clip = load_clip(task.sequence, task.protocol.frames, task.old_film)
    device = torch.device(task.device)
    if task.results is not None:
        pictures = read_results(clip, task.results)
    else:
        pictures = color_pictures(clip, task.references, task.variant, device=device)
        pictures = as_eight_bit(pictures) if task.rounds else pictures
    if task.pictures is not None:
        pictures = keep_pictures(pictures, task.frames, task.pictures)
    measurement = measure_pictures(clip, task.references, pictures, device=device)
    if task.results is None:
        return measurement
    return replace(measurement, score=replace(measurement.score, seconds=float("nan")))  # only reading was timed
