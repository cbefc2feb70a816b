"""Run the protocols on a folder of clips, and write the tables."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from stcolor_core.bars import tqdm
from stcolor_core.errors import BadRequest
from stcolor_core.evaluation import dataset as datasets
from stcolor_core.evaluation import plots as diagrams
from stcolor_core.evaluation.color_metrics import has_scikit_image
from stcolor_core.evaluation.measurements import Store
from stcolor_core.evaluation.other_tools import find_results, name_folders
from stcolor_core.evaluation.protocol import Protocol, find_protocol
from stcolor_core.evaluation.requirements import describe_gaps, require_frames_to_color, require_memory
from stcolor_core.evaluation.scoring import Measurement
from stcolor_core.evaluation.strips import picture_path, plain_name, write_strip
from stcolor_core.evaluation.tables import format_more, format_notes, format_table, scores_of, write_results
from stcolor_core.evaluation.tasks import Task, load_clip, measure_tasks
from stcolor_core.evaluation.trace import TracePoint, require_traceable, trace_pixel, write_trace
from stcolor_core.evaluation.variants import VARIANTS, require_variant

__all__ = ["evaluate"]

_LINES = 216  # of the tables' pictures
_LEAST_LINES, _MOST_LINES = 16, 4320
_MOST_WORKERS = 256
_Results = dict[str, dict[str, dict[str, Measurement]]]  # by protocol, variant and sequence


def evaluate(
    directory: Path,
    *,
    protocols: Sequence[str],
    variants: Sequence[str] | None = None,
    output: Path | None = None,
    device: torch.device,
    names: Sequence[str] | None = None,
    lines: int = _LINES,
    old_film: bool = False,
    colorspace: str | None = None,
    workers: int = 1,
    plots: bool = False,
    strips: Sequence[int] = (),
    trace: TracePoint | None = None,
    against: Sequence[Path] = (),
) -> _Results:
    """Return measurements by protocol, variant and sequence. Each protocol's tables are printed when it is complete.

    Each process uses one thread of torch, so that the figures do not depend on the number of cores or workers.

    Args:
        directory: The data set, see `dataset.read_dataset`.
        protocols: Names of protocols or their files, see `protocol.find_protocol`.
        variants: See `variants`; None for `variants.VARIANTS`.
        output: Folder for the tables, see `tables.write_results`, and for what is measured so far: the same call takes
            it up again. None for none.
        device: Device that the models run on.
        names: Sequences to use; None for all.
        lines: Height of the pictures in pixels, see `DatasetSequence.with_lines`; the tables' is 216.
        old_film: Whether to simulate old film, see `film.FilmWear`.
        colorspace: That of the data set's files, see `StoredPicture.read`; None for their types' defaults.
        workers: Number of processes, 1 or more.
        plots: Whether to draw diagrams in the output folder too, see `plots.write_plots`.
        strips: Frame indices that are shown side by side in the output folder too, see `strips.write_strip`.
        trace: A pixel that is followed on every clip and shown in the output folder, by the first variant that is a
            model with dense tracking, see `trace`; None for none.
        against: Folders with the results of other tools, see `other_tools`.

    Raises:
        BadRequest: If a protocol or variant is unknown, the height or the number of workers is out of range, a clip is
            too narrow at that height, a protocol leaves nothing to colour in a clip, no clip has one of `strips` as a
            frame to colour, or pictures are wanted without an output folder or matplotlib; if results of other tools
            are missing; or if a clip does not fit into memory.
        ColorError: If the colour space is unknown, or has to be named.
        PlateError: If a picture or a movie cannot be read.
        OutputError: If the output cannot be written.
    """
    _require_settings(output, lines=lines, workers=workers, plots=plots, shows_frames=bool(strips or trace))
    chosen = [find_protocol(name) for name in protocols]
    variants = variants or VARIANTS
    others = name_folders(against, variants)
    tasks: list[Task] = []
    for protocol in chosen:
        sequences = _read_sequences(directory, protocol, lines=lines, names=names, colorspace=colorspace)
        require_frames_to_color(protocol, sequences)
        require_memory(protocol, sequences, workers=workers)
        for variant in variants:
            require_variant(variant, min(len(protocol.references), 2))
        for sequence in sequences:
            row = Task(protocol, "", sequence, old_film, str(device), rounds=bool(others))
            tasks += [replace(row, variant=variant) for variant in variants]
            tasks += _tasks_of_others(row, others, is_only=len(sequences) == 1)
    tasks = [_keep_frames(task, strips, output) for task in tasks]
    _require_shown(tasks, strips, trace)
    _say_what_is_left_out(directory, tasks, names)
    results: _Results = {protocol.name: {variant: {} for variant in (*variants, *others)} for protocol in chosen}
    _fill(results, tasks, None if output is None else Store(output / "measurements"), workers)
    if output is not None:
        write_results(output, results)
        if plots:
            diagrams.write_plots(output, results)
        _write_strips(output, tasks)
        if trace is not None:
            _write_traces(output, tasks, trace, device)
    return results


def _require_settings(output: Path | None, *, lines: int, workers: int, plots: bool, shows_frames: bool) -> None:
    if not _LEAST_LINES <= lines <= _MOST_LINES:
        raise BadRequest(f"--lines must be {_LEAST_LINES} to {_MOST_LINES}, not {str(lines)[:20]}.")
    if not 1 <= workers <= _MOST_WORKERS:
        raise BadRequest(f"--workers must be 1 to {_MOST_WORKERS}, not {str(workers)[:20]}.")
    if output is None and (plots or shows_frames):
        raise BadRequest("Pictures need a folder. Give one with --output.")
    if plots:
        diagrams.require_matplotlib()


def _require_shown(tasks: Sequence[Task], strips: Sequence[int], trace: TracePoint | None) -> None:
    """Raise BadRequest if a frame or a pixel that is to be shown is in no clip."""
    for frame in strips:
        if not any(frame in task.frames for task in tasks):
            raise BadRequest(f"No clip has frame {frame} as a frame to colour; they count from 0. Give others.")
    if trace is not None:
        _require_traceable(tasks, trace)


def _fill(results: _Results, tasks: Sequence[Task], store: Store | None, workers: int) -> None:
    """Add the measurements to the results, and print each protocol's tables once it is complete."""
    left = Counter(task.protocol.name for task in tasks)
    with tqdm(total=len(tasks), unit="clip", disable=None, dynamic_ncols=True) as bar:
        for task, measurement in measure_tasks(tasks, store, workers):
            name = task.protocol.name
            results[name][task.variant][task.sequence.name] = measurement
            left[name] -= 1
            bar.set_description(f"{name} {task.variant} {task.sequence.name}", refresh=False)
            bar.update()
            if left[name] == 0:
                results[name] = _in_order(results[name])
                tqdm.write(_format(name, results[name]) + "\n")


def _tasks_of_others(row: Task, others: Mapping[str, Path], *, is_only: bool) -> Iterator[Task]:
    """Yield a task for the results of each other tool, by name and folder, on the sequence of a row of the table."""
    frames = [frame for frame in range(row.count) if frame not in row.references]
    for name, folder in others.items():
        yield replace(row, variant=name, results=find_results(folder, row.sequence, frames, is_only=is_only))


def _keep_frames(task: Task, strips: Sequence[int], output: Path | None) -> Task:
    """Return the task with what it has to keep of the frames that are shown."""
    frames = tuple(frame for frame in strips if 0 <= frame < task.count and frame not in task.references)
    if output is None or not frames:
        return task
    wear = ("old-film",) if task.old_film else ()
    names = (task.protocol.name, *wear, task.variant, task.sequence.name)
    return replace(task, frames=frames, pictures=output.joinpath("frames", *map(plain_name, names)))


def _write_strips(output: Path, tasks: Iterable[Task]) -> None:
    """Write one strip for each protocol, sequence and chosen frame."""
    groups: dict[tuple[str, str], list[Task]] = {}
    for task in tasks:
        if task.pictures is not None:
            groups.setdefault((task.protocol.name, task.sequence.name), []).append(task)
    for (protocol, sequence), group in groups.items():
        clip = load_clip(group[0].sequence, group[0].protocol.frames, group[0].old_film)
        for frame in group[0].frames:
            methods = [(task.variant, picture_path(task.pictures, frame)) for task in group if task.pictures]
            name = f"{plain_name(protocol)}-{plain_name(sequence)}-{frame:05d}.png"
            write_strip(output / "strips" / name, clip, frame, methods)
    load_clip.cache_clear()


def _write_traces(output: Path, tasks: Iterable[Task], point: TracePoint, device: torch.device) -> None:
    """Write the trace of a pixel for each protocol and sequence, by the first variant that tracks densely."""
    done: set[tuple[str, str]] = set()
    for task in tasks:
        key = (task.protocol.name, task.sequence.name)
        if key not in done and task.tracks_densely:
            done.add(key)
            clip = load_clip(task.sequence, task.protocol.frames, task.old_film)
            traced = trace_pixel(clip, task.references, point, task.variant, device=device)
            name = f"{plain_name(key[0])}-{plain_name(key[1])}-{point.frame:05d}-{point.x}-{point.y}"
            write_trace(output / "trace" / name, clip, traced)


def _require_traceable(tasks: Iterable[Task], point: TracePoint) -> None:
    dense = [task for task in tasks if task.tracks_densely]
    if not dense:
        raise BadRequest("--trace needs a variant with dense tracking, such as standard. Name one with --variants.")
    for task in dense:
        require_traceable(point, count=task.count, size=task.sequence.size, references=task.references)


def _read_sequences(
    directory: Path,
    protocol: Protocol,
    *,
    lines: int,
    names: Sequence[str] | None,
    colorspace: str | None,
) -> list[datasets.DatasetSequence]:
    """Return the sequences that a protocol measures; say it if the data set lacks some of them."""
    chosen = names
    if protocol.sequences is not None:
        known = datasets.sequence_names(directory)
        chosen = [name for name in names or known if name in protocol.sequences or name not in known]
    found = datasets.read_dataset(directory, names=chosen, colorspace=colorspace)
    sequences = [sequence.with_lines(lines) for sequence in found]
    if protocol.sequences is None:
        return sequences
    if not sequences:
        raise BadRequest(
            f"The data set {directory} has none of the sequences of the protocol {protocol.name}, such as "
            f"{protocol.sequences[0]}. Give the folder that holds them."
        )
    if len(sequences) < len(protocol.sequences):
        tqdm.write(
            f"stcolor: {protocol.name} on {len(sequences)} of its {len(protocol.sequences)} sequences: do not compare "
            "the means with those of others.",
            file=sys.stderr,
        )
    return sequences


def _say_what_is_left_out(directory: Path, tasks: Iterable[Task], names: Sequence[str] | None) -> None:
    empty = (
        f"{directory / name} holds neither a picture nor a movie, so it is left out. Fill it, or remove it."
        for name in (datasets.empty_folders(directory) if names is None else ())
    )
    gaps = (line for task in tasks for line in describe_gaps(task.sequence, task.count))
    for line in dict.fromkeys([*empty, *gaps]):
        tqdm.write(f"stcolor: {line}", file=sys.stderr)
    if not has_scikit_image():
        tqdm.write("stcolor: CIEDE2000 and SSIM are left out. To have them: pip install scikit-image", file=sys.stderr)


def _in_order(variants: Mapping[str, Mapping[str, Measurement]]) -> dict[str, dict[str, Measurement]]:
    return {variant: dict(sorted(measurements.items())) for variant, measurements in variants.items()}


def _format(name: str, variants: Mapping[str, Mapping[str, Measurement]]) -> str:
    return "\n\n".join([format_table(name, scores_of(variants)), format_more(name, variants), format_notes(variants)])
