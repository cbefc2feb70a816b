"""The paper's tables, on any folder of clips: who is compared, on which frames, from which references
(docs/method.md, "Measuring").

A variant is a baseline's name (`grey`, `propagation`, `chained`, `realigned`), or a model with options behind colons:
`standard`, `standard:none`, `exemplar:instance+dense`; `:attention` leaves the flow out. `mean(V)` and `linear(V)`
blend the results of V from each reference alone.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from stcolor_core.errors import BadRequest
from stcolor_core.evaluation import baselines
from stcolor_core.evaluation import dataset as datasets
from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.film import FilmWear, apply_wear
from stcolor_core.evaluation.metrics import Reliability, flicker, mean_chroma_ratio, outlier_curve, psnr, within
from stcolor_core.files.scratch import Scratch
from stcolor_core.images.color import lab_to_linear, srgb_encode
from stcolor_core.method.propagation import Propagator
from stcolor_core.method.refinement.fixed_rule import FixedRuleRefinement
from stcolor_core.models import registry
from stcolor_core.shots.shot import TRACKINGS, Method, Tracking
from stcolor_core.shots.spans import plan

__all__ = ["PROTOCOLS", "VARIANTS", "Protocol", "Score", "color_clip", "evaluate", "table"]

_THRESHOLDS = tuple(range(1, 33))
_DROPPED = 0.2  # of the pixels, the least sure
_SIZE = (384, 216)  # of the tables
_LEAST_LINES, _MOST_LINES = 16, 4320
_FILM_SEED = 8
_BASELINES: dict[str, Callable[..., Iterator[np.ndarray]]] = {
    "grey": baselines.grey,
    "propagation": baselines.propagate_colour,
    "chained": baselines.chained_flow,
    "realigned": baselines.realigned_flow,
}
VARIANTS = (
    *_BASELINES,
    *(f"standard:{tracking}:attention" for tracking in TRACKINGS),
    "standard:rule",
    "standard",
)


@dataclass(frozen=True)
class Protocol:
    """references: indices from 0, a negative one from the end, as in Python.

    frames: how many of each clip, None for all.
    """

    name: str
    references: tuple[int, ...]
    frames: int | None = 30

    def within(self, count: int) -> tuple[int, ...]:
        """The reference indices of a clip of `count` frames."""
        return tuple(sorted({index % count for index in self.references}))


_SINGLE = {"first": (0,), "tenth": (9,), "last": (-1,), "last-tenth": (-10,)}
_DOUBLE = {"first+last": (0, -1), "tenth+last-tenth": (9, -10)}
PROTOCOLS: Mapping[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        *(Protocol(name, references) for name, references in _SINGLE.items()),
        *(Protocol(f"{name}-whole", references, None) for name, references in _SINGLE.items()),
        *(Protocol(name, references, None) for name, references in _DOUBLE.items()),
    )
}


@dataclass(frozen=True)
class Score:
    """Means over a clip's frames but the references.

    full, inner, outer: PSNR in dB. outliers: pixels beyond 16 of 255, in %. kept: the same among the surest 80 % of the
    pixels, as a share of all. calibration: expected calibration error of the confidence, 0..1. chroma, flicker: over
    the truth's. seconds: a frame. What has no confidence has nan for both figures of it.
    """

    full: float
    inner: float
    outer: float
    outliers: float
    kept: float
    calibration: float
    chroma: float
    flicker: float
    seconds: float


Result = tuple[int, np.ndarray, np.ndarray | None]


def color_clip(clip: Clip, references: Sequence[int], variant: str, *, device: torch.device) -> Iterator[Result]:
    """(frame, ab (H, W, 2), confidence (H, W) 0..1 where there is one) of every frame but the references, in any order.

    Raises BadRequest on an unknown variant.
    """
    blend = re.fullmatch(r"(mean|linear)\((.+)\)", variant)
    if blend is None:
        yield from _single(clip, references, variant, device)
        return
    if len(references) != 2:
        raise BadRequest(f"The variant {variant} blends two references. Use it with a protocol that has two.")
    parts = []
    for reference in references:
        own = {index: ab for index, ab, _ in _single(clip, (reference,), blend[2], device)}
        parts.append([clip.ab[index] if index == reference else own[index] for index in range(len(clip.rgb))])
    mixed = (
        baselines.blend_mean(parts[0], parts[1])
        if blend[1] == "mean"
        else baselines.blend_linear(parts[0], parts[1], (references[0], references[1]))
    )
    yield from ((index, ab, None) for index, ab in enumerate(mixed) if index not in references)


def evaluate(
    directory: Path,
    *,
    protocols: Sequence[str],
    variants: Sequence[str] | None = None,
    output: Path | None = None,
    device: torch.device,
    names: Sequence[str] | None = None,
    lines: int = _SIZE[1],
    old_film: bool = False,
) -> dict[str, dict[str, dict[str, Score]]]:
    """Scores by protocol, variant and sequence; printed as tables as they come, and written to `output`.

    lines: height of the pictures; the tables' is 216. old_film: wear is laid over them, see `film.FilmWear`.
    output gets results.json, tables.md, outliers.csv (share of pixels beyond each threshold, paper's Fig. 11) and
    reliability.csv (pixels by confidence, and how many of them are right).
    Raises BadRequest on an unknown protocol or variant, and on a clip of which a protocol leaves nothing to colour.
    """
    unknown = [name for name in protocols if name not in PROTOCOLS]
    if unknown:
        raise BadRequest(f"There is no protocol {unknown[0]!r}. Use one of {', '.join(PROTOCOLS)}.")
    if not _LEAST_LINES <= lines <= _MOST_LINES:
        raise BadRequest(f"--lines must lie between {_LEAST_LINES} and {_MOST_LINES}, and is {str(lines)[:20]}.")
    width = max(1, round(_SIZE[0] * lines / _SIZE[1]))
    sequences = datasets.read_dataset(directory, width=width, height=lines, names=names)
    for name in protocols:
        _require_frames_to_color(PROTOCOLS[name], sequences)
    variants = variants or VARIANTS
    results: dict[str, dict[str, dict[str, Score]]] = {}
    curves: dict[tuple[str, str], list[np.ndarray]] = {}
    reliabilities: dict[tuple[str, str], list[Reliability]] = {}
    for name in protocols:
        results[name] = {variant: {} for variant in variants}
        for sequence in tqdm(sequences, desc=name, disable=None):
            clip = Clip.load(sequence, PROTOCOLS[name].frames)
            if old_film:
                clip = apply_wear(clip, FilmWear(), np.random.default_rng([_FILM_SEED, *sequence.name.encode()]))
            for variant in variants:
                references = PROTOCOLS[name].within(len(clip.rgb))
                if len(references) == len(clip.rgb):
                    raise BadRequest(f"The clip {sequence.name} has no frame besides its keyframes. Give it more.")
                score, curve, reliability = _score(clip, references, variant, device)
                results[name][variant][sequence.name] = score
                curves.setdefault((name, variant), []).append(curve)
                reliabilities.setdefault((name, variant), []).append(reliability)
        tqdm.write(table(name, results[name]) + "\n")
    if output is not None:
        _write(output, results, curves)
        _write_reliability(output, reliabilities)
    return results


def table(name: str, scores: Mapping[str, Mapping[str, Score]]) -> str:
    """One protocol as a Markdown table: a row a variant, means over the sequences, then the PSNR of each sequence."""
    sequences = list(next(iter(scores.values())))
    columns = [
        "full",
        "inner",
        "outer",
        "outliers %",
        "of the surest %",
        "calibration",
        "chroma",
        "flicker",
        "s/frame",
        *sequences,
    ]
    lines = [f"| {name} | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    for variant, by_sequence in scores.items():
        means = [_known_mean([getattr(score, field.name) for score in by_sequence.values()]) for field in fields(Score)]
        cells = ["" if np.isnan(value) else f"{value:.2f}" for value in means] + [
            f"{by_sequence[sequence].full:.2f}" for sequence in sequences
        ]
        lines.append(f"| {variant} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _require_frames_to_color(protocol: Protocol, sequences: Sequence[datasets.DatasetSequence]) -> None:
    for sequence in sequences:
        count = min(len(sequence), protocol.frames or len(sequence))
        if len(protocol.within(count)) == count:
            raise BadRequest(
                f"The clip {sequence.name} has {count} frame{'s' * (count > 1)}, which the protocol {protocol.name} "
                "takes as references: nothing is left to colour. Add frames to it, or leave it out."
            )


def _single(clip: Clip, references: Sequence[int], variant: str, device: torch.device) -> Iterator[Result]:
    if variant in _BASELINES:
        known = {index: (clip.lightnesses[index], clip.ab[index]) for index in references}
        every = enumerate(_BASELINES[variant](clip.lightnesses, known))
        yield from ((index, ab, None) for index, ab in every if index not in references)
        return
    name, method, ruled = _method(variant)
    model = registry.build(name, device=device, refinement=FixedRuleRefinement() if ruled else None)
    propagator = Propagator(model, method, device=device)
    for span in plan(range(len(clip.rgb)), references, [], per_frame=method.references):
        with Scratch() as scratch:
            for colored in propagator.color(span, clip, scratch):
                yield colored.frame, colored.ab, colored.confidence


def _method(variant: str) -> tuple[str, Method, bool]:
    """The model's name, the settings, and whether its candidates are mixed by the fixed rule.

    "attention" is what the features can do by themselves: without flow, and by the rule.
    """
    model, *options = variant.split(":")
    unknown = [option for option in options if option not in (*TRACKINGS, "attention", "rule")]
    if unknown:
        raise BadRequest(f"The variant {variant!r} is unknown. Use one like {', '.join(VARIANTS)}, or exemplar:dense.")
    tracking: Tracking = next((name for name in TRACKINGS if name in options), "dense")
    ruled = model == "standard" and ("rule" in options or "attention" in options)
    return model, Method(model=model, tracking=tracking, flow="attention" not in options), ruled


def _score(
    clip: Clip, references: Sequence[int], variant: str, device: torch.device
) -> tuple[Score, np.ndarray, Reliability]:
    start, rows, curve, reliability = time.perf_counter(), [], [], Reliability()
    seconds, changes = 0.0, []
    colours: dict[int, np.ndarray] = {}
    for index, ab, confidence in color_clip(clip, references, variant, device=device):
        seconds += time.perf_counter() - start
        picture = srgb_encode(np.clip(lab_to_linear(np.dstack([clip.lightnesses[index], ab])), 0, 1))
        truth, mask = clip.rgb[index], None if clip.masks is None else clip.masks[index]
        inner, outer = (np.nan, np.nan) if mask is None else (psnr(truth, picture, mask), psnr(truth, picture, ~mask))
        curve.append(outlier_curve(truth, picture, _THRESHOLDS))
        rows.append((psnr(truth, picture), inner, outer, 100 * curve[-1][15], mean_chroma_ratio(clip.ab[index], ab)))
        colours[index] = ab
        for before in {index - 1, index + 1}.intersection(colours):
            pair = (clip.ab[before], clip.ab[index]), (colours[before], ab)
            changes.append(flicker(clip.lightnesses[before], clip.lightnesses[index], *pair))
        if confidence is not None:
            reliability.add(confidence, within(truth, picture))
        start = time.perf_counter()
    full, inner, outer, outliers, chroma = (_known_mean(column) for column in zip(*rows, strict=True))
    sure = bool(reliability.count.any())
    kept = 100 * reliability.outliers(dropped=_DROPPED) if sure else np.nan
    calibration = reliability.error() if sure else np.nan
    true, own = np.sum(changes, axis=0) if changes else (0.0, 0.0)
    score = Score(
        full, inner, outer, outliers, kept, calibration, chroma, own / true if true else np.nan, seconds / len(rows)
    )
    return score, np.mean(curve, axis=0), reliability


def _known_mean(values: Sequence[float]) -> float:
    """The mean of those that are numbers, NaN where none is."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def _write(
    output: Path,
    results: Mapping[str, Mapping[str, Mapping[str, Score]]],
    curves: Mapping[tuple[str, str], list[np.ndarray]],
) -> None:
    output.mkdir(parents=True, exist_ok=True)
    plain = {
        protocol: {
            variant: {name: asdict(score) for name, score in scores.items()} for variant, scores in variants.items()
        }
        for protocol, variants in results.items()
    }
    (output / "results.json").write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")
    tables = "\n\n".join(table(protocol, variants) for protocol, variants in results.items())
    (output / "tables.md").write_text(tables + "\n", encoding="utf-8")
    lines = [",".join(["protocol", "variant", *map(str, _THRESHOLDS)])]
    lines += [",".join([*key, *(f"{share:.5f}" for share in np.mean(rows, axis=0))]) for key, rows in curves.items()]
    (output / "outliers.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_reliability(output: Path, found: Mapping[tuple[str, str], list[Reliability]]) -> None:
    """A line for each protocol, variant and hundredth of confidence that any pixel has."""
    lines = ["protocol,variant,confidence,pixels,right"]
    for key, parts in found.items():
        count, sure, right = (
            np.sum([getattr(part, name) for part in parts], axis=0) for name in ("count", "sure", "right")
        )
        for index in np.flatnonzero(count):
            share = right[index] / count[index]
            lines.append(",".join([*key, f"{sure[index] / count[index]:.4f}", f"{count[index]:.0f}", f"{share:.4f}"]))
    (output / "reliability.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
