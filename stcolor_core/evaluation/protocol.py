"""The tables of Akimoto et al. 2020, on any folder of clips (docs/method.md, Measuring).

A variant is a baseline's name (`grey`, `propagation`, `chained`, `realigned`), or a model with options after colons:
`standard`, `standard:none`, `exemplar:instance+dense`; `:attention` leaves the flow out, `:rule` mixes the candidates
by the fixed rule. `mean(V)` and `linear(V)` blend the results of V from each reference alone.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from stcolor_core.arrays import Chroma, Plane
from stcolor_core.errors import BadRequest
from stcolor_core.evaluation import baselines
from stcolor_core.evaluation import dataset as datasets
from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.film import FilmWear, apply_wear
from stcolor_core.evaluation.metrics import (
    Reliability,
    flicker,
    mean_chroma_ratio,
    outlier_curve,
    psnr,
    within_threshold,
)
from stcolor_core.files.scratch import Scratch
from stcolor_core.images.color import lab_to_linear, srgb_encode
from stcolor_core.method.propagation import Propagator
from stcolor_core.method.refinement.fixed_rule import FixedRuleRefinement
from stcolor_core.models import registry
from stcolor_core.shots.shot import TRACKINGS, Method, Tracking
from stcolor_core.shots.spans import plan

__all__ = ["PROTOCOLS", "VARIANTS", "Protocol", "Score", "color_clip", "evaluate", "format_table"]

_THRESHOLDS = tuple(range(1, 33))
_DROPPED = 0.2  # share of the pixels: those of least confidence
_SIZE = (384, 216)  # width and height of the tables' pictures, px
_LEAST_LINES, _MOST_LINES = 16, 4320
_FILM_SEED = 8
_BASELINES: dict[str, Callable[..., Iterator[Chroma]]] = {
    "grey": baselines.leave_grey,
    "propagation": baselines.propagate_color,
    "chained": baselines.warp_by_chained_flow,
    "realigned": baselines.warp_by_realigned_flow,
}
VARIANTS = (
    *_BASELINES,
    *(f"standard:{tracking}:attention" for tracking in TRACKINGS),
    "standard:rule",
    "standard",
)


@dataclass(frozen=True)
class Protocol:
    """Which frames of a clip are coloured and which of them are references.

    Attributes:
        name: Name on the command line and in the tables.
        references: Frame indices from 0; a negative one counts from the end, as in Python.
        frames: How many frames of each clip are used; None for all.
    """

    name: str
    references: tuple[int, ...]
    frames: int | None = 30

    def reference_indices(self, count: int) -> tuple[int, ...]:
        """Return the reference indices, from 0, of a clip of `count` frames, ascending.

        Args:
            count: Number of frames of the clip that are used.
        """
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
    """Means over the frames of a clip that are not references. NaN if a figure is not known.

    Attributes:
        full: PSNR in dB over all pixels.
        inner: PSNR in dB inside the mask; NaN without masks.
        outer: PSNR in dB outside the mask; NaN without masks.
        outliers: Pixels that are more than 16 of 255 levels off, in %.
        kept: Outliers among the 80 % of the pixels with the highest confidence, in % of all; NaN without confidence.
        calibration: Expected calibration error of the confidence, 0..1; NaN without confidence.
        chroma: Mean chroma divided by the truth's.
        flicker: Change of colour along the motion, divided by the truth's.
        seconds: Time for a frame, in s.
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


Result: TypeAlias = tuple[int, Chroma, Plane | None]
"""Frame index, its a* and b* (H, W, 2), and its confidence (H, W), 0..1, or None if the method has none."""


def color_clip(clip: Clip, references: Sequence[int], variant: str, *, device: torch.device) -> Iterator[Result]:
    """Yield frame, a* and b*, and the confidence, of every frame that is not a reference, in any order.

    Args:
        clip: The clip with its true colour.
        references: Frame indices that take their true colour.
        variant: A baseline or a model with options, see the module's docstring.
        device: Device that a model runs on.

    Raises:
        BadRequest: If the variant is unknown, or blends without two references.
    """
    blend = re.fullmatch(r"(mean|linear)\((.+)\)", variant)
    if blend is None:
        yield from _color_without_blending(clip, references, variant, device)
        return
    if len(references) != 2:
        raise BadRequest(f"The variant {variant} blends two references. Use it with a protocol that has two.")
    parts = []
    for reference in references:
        own = {index: ab for index, ab, _ in _color_without_blending(clip, (reference,), blend[2], device)}
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
    """Return scores by protocol, variant and sequence. Each protocol's table is printed when it is complete.

    Args:
        directory: The data set, see `dataset.read_dataset`.
        protocols: Names from `PROTOCOLS`.
        variants: See the module's docstring; None for `VARIANTS`.
        output: Folder for results.json, tables.md, outliers.csv (share of pixels beyond each threshold, Akimoto et al.
            2020, Fig. 11) and reliability.csv (pixels by confidence, and how many of them are correct); None for none.
        device: Device that the models run on.
        names: Sequences to use; None for all.
        lines: Height of the pictures in pixels; the tables' is 216.
        old_film: Whether to simulate old film, see `film.FilmWear`.

    Raises:
        BadRequest: If a protocol or variant is unknown, the height is out of range, or a protocol leaves nothing to
            colour in a clip.
    """
    unknown = [name for name in protocols if name not in PROTOCOLS]
    if unknown:
        raise BadRequest(f"There is no protocol {unknown[0]!r}. Use one of {', '.join(PROTOCOLS)}.")
    if not _LEAST_LINES <= lines <= _MOST_LINES:
        raise BadRequest(f"--lines must be {_LEAST_LINES} to {_MOST_LINES}, not {str(lines)[:20]}.")
    width = max(1, round(_SIZE[0] * lines / _SIZE[1]))
    sequences = datasets.read_dataset(directory, width=width, height=lines, names=names)
    for name in protocols:
        _require_frames_to_color(PROTOCOLS[name], sequences)
    variants = variants or VARIANTS
    results: dict[str, dict[str, dict[str, Score]]] = {}
    curves: dict[tuple[str, str], list[NDArray[np.float64]]] = {}
    reliabilities: dict[tuple[str, str], list[Reliability]] = {}
    for name in protocols:
        results[name] = {variant: {} for variant in variants}
        for sequence in tqdm(sequences, desc=name, disable=None):
            clip = Clip.load(sequence, PROTOCOLS[name].frames)
            if old_film:
                clip = apply_wear(clip, FilmWear(), np.random.default_rng([_FILM_SEED, *sequence.name.encode()]))
            references = PROTOCOLS[name].reference_indices(len(clip.rgb))
            for variant in variants:
                score, curve, reliability = _score(clip, references, variant, device)
                results[name][variant][sequence.name] = score
                curves.setdefault((name, variant), []).append(curve)
                reliabilities.setdefault((name, variant), []).append(reliability)
        tqdm.write(format_table(name, results[name]) + "\n")
    if output is not None:
        _write(output, results, curves)
        _write_reliability(output, reliabilities)
    return results


def format_table(name: str, scores: Mapping[str, Mapping[str, Score]]) -> str:
    """Return one protocol as a Markdown table: a row for each variant, means over the sequences, then each one's PSNR.

    Args:
        name: The protocol's name.
        scores: Scores by variant and sequence; at least one variant.
    """
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
        means = [_nanmean([getattr(score, field.name) for score in by_sequence.values()]) for field in fields(Score)]
        cells = ["" if np.isnan(value) else f"{value:.2f}" for value in means] + [
            f"{by_sequence[sequence].full:.2f}" for sequence in sequences
        ]
        lines.append(f"| {variant} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _require_frames_to_color(protocol: Protocol, sequences: Sequence[datasets.DatasetSequence]) -> None:
    for sequence in sequences:
        count = min(len(sequence), protocol.frames or len(sequence))
        if len(protocol.reference_indices(count)) == count:
            raise BadRequest(
                f"The clip {sequence.name} has {count} frame{'s' * (count > 1)}, which the protocol {protocol.name} "
                "takes as references, so that nothing is left to colour. Add frames to it, or leave it out."
            )


def _color_without_blending(
    clip: Clip, references: Sequence[int], variant: str, device: torch.device
) -> Iterator[Result]:
    if variant in _BASELINES:
        known = {index: (clip.lightnesses[index], clip.ab[index]) for index in references}
        results = enumerate(_BASELINES[variant](clip.lightnesses, known))
        yield from ((index, ab, None) for index, ab in results if index not in references)
        return
    name, method, fixed_rule = _parse_variant(variant)
    model = registry.build(name, device=device, refinement=FixedRuleRefinement() if fixed_rule else None)
    propagator = Propagator(model, method, device=device)
    for span in plan(range(len(clip.rgb)), references, [], per_frame=method.references):
        with Scratch() as scratch:
            for colored in propagator.color(span, clip, scratch):
                yield colored.frame, colored.ab, colored.confidence


def _parse_variant(variant: str) -> tuple[str, Method, bool]:
    """Return the model's name, the settings, and whether the fixed rule mixes its candidates.

    "attention" shows what the features alone can do: without flow, and with the fixed rule.
    """
    model, *options = variant.split(":")
    unknown = [option for option in options if option not in (*TRACKINGS, "attention", "rule")]
    if unknown:
        raise BadRequest(f"The variant {variant!r} is unknown. Use one like {', '.join(VARIANTS)}, or exemplar:dense.")
    tracking: Tracking = next((name for name in TRACKINGS if name in options), "dense")
    fixed_rule = model == "standard" and ("rule" in options or "attention" in options)
    return model, Method(model=model, tracking=tracking, flow="attention" not in options), fixed_rule


def _score(
    clip: Clip, references: Sequence[int], variant: str, device: torch.device
) -> tuple[Score, NDArray[np.float64], Reliability]:
    """Return a clip's score, its share of outliers at each threshold, and its reliability diagram."""
    start, rows, curve, reliability = time.perf_counter(), [], [], Reliability()
    seconds, changes = 0.0, []
    colors: dict[int, Chroma] = {}
    for index, ab, confidence in color_clip(clip, references, variant, device=device):
        seconds += time.perf_counter() - start
        picture = srgb_encode(np.clip(lab_to_linear(np.dstack([clip.lightnesses[index], ab])), 0, 1))
        truth, mask = clip.rgb[index], None if clip.masks is None else clip.masks[index]
        inner, outer = (np.nan, np.nan) if mask is None else (psnr(truth, picture, mask), psnr(truth, picture, ~mask))
        curve.append(outlier_curve(truth, picture, _THRESHOLDS))
        rows.append((psnr(truth, picture), inner, outer, 100 * curve[-1][15], mean_chroma_ratio(clip.ab[index], ab)))
        colors[index] = ab
        for before in {index - 1, index + 1}.intersection(colors):
            pair = (clip.ab[before], clip.ab[index]), (colors[before], ab)
            changes.append(flicker(clip.lightnesses[before], clip.lightnesses[index], *pair))
        if confidence is not None:
            reliability.add(confidence, within_threshold(truth, picture))
        start = time.perf_counter()
    full, inner, outer, outliers, chroma = (_nanmean(column) for column in zip(*rows, strict=True))
    has_confidence = bool(reliability.count.any())
    kept = 100 * reliability.outliers(dropped=_DROPPED) if has_confidence else np.nan
    calibration = reliability.error() if has_confidence else np.nan
    true, own = np.sum(changes, axis=0) if changes else (0.0, 0.0)
    score = Score(
        full, inner, outer, outliers, kept, calibration, chroma, own / true if true else np.nan, seconds / len(rows)
    )
    return score, np.mean(curve, axis=0), reliability


def _nanmean(values: Sequence[float]) -> float:
    """Return the mean of the values that are not NaN; NaN if there are none."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def _write(
    output: Path,
    results: Mapping[str, Mapping[str, Mapping[str, Score]]],
    curves: Mapping[tuple[str, str], list[NDArray[np.float64]]],
) -> None:
    output.mkdir(parents=True, exist_ok=True)
    plain = {
        protocol: {
            variant: {name: asdict(score) for name, score in scores.items()} for variant, scores in variants.items()
        }
        for protocol, variants in results.items()
    }
    (output / "results.json").write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")
    tables = "\n\n".join(format_table(protocol, variants) for protocol, variants in results.items())
    (output / "tables.md").write_text(tables + "\n", encoding="utf-8")
    lines = [",".join(["protocol", "variant", *map(str, _THRESHOLDS)])]
    lines += [",".join([*key, *(f"{share:.5f}" for share in np.mean(rows, axis=0))]) for key, rows in curves.items()]
    (output / "outliers.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_reliability(output: Path, reliabilities: Mapping[tuple[str, str], list[Reliability]]) -> None:
    """Write a line for each protocol, variant and hundredth of confidence that any pixel has."""
    lines = ["protocol,variant,confidence,pixels,right"]
    for key, parts in reliabilities.items():
        count, confidence, correct = (
            np.sum([getattr(part, name) for part in parts], axis=0) for name in ("count", "confidence", "correct")
        )
        for index in np.flatnonzero(count):
            share = correct[index] / count[index]
            lines.append(
                ",".join([*key, f"{confidence[index] / count[index]:.4f}", f"{count[index]:.0f}", f"{share:.4f}"])
            )
    (output / "reliability.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
