"""The results of an evaluation as Markdown, JSON and CSV."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TypeAlias

import numpy as np

from stcolor_core.evaluation.measurements import plain_number, write_text
from stcolor_core.evaluation.metrics import Reliability
from stcolor_core.evaluation.perceptual import frechet_distance
from stcolor_core.evaluation.scoring import THRESHOLDS, Measurement, Score, nanmean

__all__ = [
    "Results",
    "fid",
    "format_more",
    "format_notes",
    "format_table",
    "merge_reliability",
    "scores_of",
    "write_results",
]

Results: TypeAlias = Mapping[str, Mapping[str, Mapping[str, Measurement]]]
"""Protocol -> variant -> sequence -> what was measured."""

_MAIN = {
    "full": "full",
    "inner": "inner",
    "outer": "outer",
    "outliers": "outliers %",
    "kept": "of the surest %",
    "calibration": "calibration",
    "chroma": "chroma",
    "flicker": "flicker",
    "seconds": "s/frame",
}
_MORE = {
    "ciede2000": ("CIEDE2000", 2),
    "ciede2000_p90": ("its 90th percentile", 2),
    "ssim": ("SSIM", 4),
    "ab_psnr": ("PSNR of ab", 2),
    "colorfulness": ("colourfulness", 1),
    "true_colorfulness": ("of the truth", 1),
    "cdc": ("CDC", 5),
    "true_cdc": ("CDC of the truth", 5),
    "lpips": ("LPIPS", 4),
    "wrapped_uint8_psnr": ('wrapped uint8 "PSNR" (not a PSNR)', 2),
}


def format_table(name: str, scores: Mapping[str, Mapping[str, Score]]) -> str:
    """Return one protocol as a Markdown table: a row for each variant, means over the sequences, then each one's PSNR.

    Args:
        name: The protocol's name.
        scores: Scores by variant and sequence; at least one variant.
    """
    sequences = list(next(iter(scores.values())))
    rows = []
    for variant, by_sequence in scores.items():
        means = [_mean(by_sequence, field) for field in _MAIN]
        rows.append(
            [variant, *(_cell(value, 2) for value in means), *(f"{by_sequence[s].full:.2f}" for s in sequences)]
        )
    return _markdown([name, *_MAIN.values(), *sequences], rows)


def format_more(name: str, variants: Mapping[str, Mapping[str, Measurement]]) -> str:
    """Return the measures of other papers as a Markdown table: a row for each variant, means over the sequences.

    The FID is over all frames of all sequences.

    Args:
        name: The protocol's name.
        variants: Measurements by variant and sequence; at least one variant.
    """
    rows = []
    for variant, by_sequence in scores_of(variants).items():
        means = [_cell(_mean(by_sequence, field), digits) for field, (_, digits) in _MORE.items()]
        rows.append([variant, *means, _cell(fid(variants[variant].values()), 2)])
    return _markdown([name, *(title for title, _ in _MORE.values()), "FID"], rows)


def format_notes(variants: Mapping[str, Mapping[str, Measurement]]) -> str:
    """Return what the tables of a protocol are of: the frames of each clip, and how many clips have masks.

    Args:
        variants: Measurements by variant and sequence; at least one variant.
    """
    by_sequence = next(iter(variants.values()))
    notes = [f"Frames measured: {', '.join(f'{name} {one.frames}' for name, one in by_sequence.items())}."]
    masked = sum(not np.isnan([one.score.inner, one.score.outer]).all() for one in by_sequence.values())
    if 0 < masked < len(by_sequence):
        notes.append(f"Masks for {masked} of {len(by_sequence)} clips: inner and outer are means over these alone.")
    return "\n\n".join(notes)


def fid(measurements: Iterable[Measurement]) -> float:
    """Return the FID over the frames of several clips; NaN if their features are not known.

    Args:
        measurements: What was measured of each clip.
    """
    features = [measurement.features for measurement in measurements]
    known = [pair for pair in features if pair is not None]
    return frechet_distance(*np.concatenate(known, axis=1)) if known and len(known) == len(features) else float("nan")


def scores_of(variants: Mapping[str, Mapping[str, Measurement]]) -> dict[str, dict[str, Score]]:
    """Return the scores of measurements by variant and sequence.

    Args:
        variants: Measurements by variant and sequence.
    """
    return {
        variant: {sequence: measurement.score for sequence, measurement in measurements.items()}
        for variant, measurements in variants.items()
    }


def merge_reliability(measurements: Iterable[Measurement]) -> Reliability:
    """Return one reliability diagram over several clips.

    Args:
        measurements: What was measured of each clip.
    """
    merged = Reliability()
    for measurement in measurements:
        for name in ("count", "confidence", "correct"):
            getattr(merged, name)[:] += getattr(measurement.reliability, name)
    return merged


def write_results(output: Path, results: Results) -> None:
    """Write results.json, tables.md, outliers.csv and reliability.csv.

    outliers.csv has the share of pixels beyond each threshold (Akimoto et al. 2020, Fig. 11), reliability.csv the
    pixels of each hundredth of confidence, and how many of them are correct.

    Args:
        output: The folder.
        results: What was measured; at least one variant for each protocol.

    Raises:
        OutputError: If a file cannot be written.
    """
    plain = {
        protocol: {
            variant: {
                sequence: {
                    "frames": measurement.frames,
                    **{name: plain_number(value) for name, value in asdict(measurement.score).items()},
                }
                for sequence, measurement in measurements.items()
            }
            for variant, measurements in variants.items()
        }
        for protocol, variants in results.items()
    }
    write_text(output / "results.json", json.dumps(plain, indent=2) + "\n")
    tables = []
    for protocol, variants in results.items():
        tables += [format_table(protocol, scores_of(variants)), format_more(protocol, variants), format_notes(variants)]
    write_text(output / "tables.md", "\n\n".join(tables) + "\n")
    write_text(output / "outliers.csv", "".join(f"{line}\n" for line in _outlier_lines(results)))
    write_text(output / "reliability.csv", "".join(f"{line}\n" for line in _reliability_lines(results)))


def _outlier_lines(results: Results) -> Iterable[str]:
    yield ",".join(["protocol", "variant", *map(str, THRESHOLDS)])
    for protocol, variants in results.items():
        for variant, measurements in variants.items():
            mean = np.mean([measurement.curve for measurement in measurements.values()], axis=0)
            yield ",".join([protocol, variant, *(f"{share:.5f}" for share in mean)])


def _reliability_lines(results: Results) -> Iterable[str]:
    """Yield a line for each protocol, variant and hundredth of confidence that any pixel has."""
    yield "protocol,variant,confidence,pixels,right"
    for protocol, variants in results.items():
        for variant, measurements in variants.items():
            merged = merge_reliability(measurements.values())
            for index in np.flatnonzero(merged.count):
                count = merged.count[index]
                figures = f"{merged.confidence[index] / count:.4f},{count:.0f},{merged.correct[index] / count:.4f}"
                yield f"{protocol},{variant},{figures}"


def _mean(by_sequence: Mapping[str, Score], field: str) -> float:
    return nanmean([getattr(score, field) for score in by_sequence.values()])


def _cell(value: float, digits: int) -> str:
    return "" if np.isnan(value) else f"{value:.{digits}f}"


def _markdown(columns: list[str], rows: list[list[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"|{'|'.join(line)}|" if line[0] == "---" else f"| {' | '.join(line)} |" for line in lines)
