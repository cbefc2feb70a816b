"""Diagrams of an evaluation as SVG and PNG, drawn by matplotlib (`pip install matplotlib`, or the extra `plots`)."""

from __future__ import annotations

import io
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stcolor_core.errors import BadRequest
from stcolor_core.evaluation.measurements import write_bytes
from stcolor_core.evaluation.metrics import Reliability
from stcolor_core.evaluation.scoring import THRESHOLDS, Measurement
from stcolor_core.evaluation.tables import Results, merge_reliability

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_outliers", "draw_reliability", "require_matplotlib", "save_figure", "write_plots"]

_BINS = 20  # of the reliability diagram, as of the calibration error in the tables
_LEAST_SHARE = 1e-4  # of the pixels: the share that is right of fewer is chance
_STYLE: Any = {"svg.hashsalt": "stcolor", "svg.fonttype": "none", "font.size": 9, "axes.grid": True, "grid.alpha": 0.3}


def require_matplotlib() -> None:
    """Check that matplotlib is installed.

    Raises:
        BadRequest: If it is not.
    """
    if find_spec("matplotlib") is None:
        raise BadRequest("--plots needs matplotlib. Install it: pip install matplotlib")


def write_plots(output: Path, results: Results) -> list[Path]:
    """Write the outlier curve and, if a method has confidence, the reliability diagram of each protocol.

    Args:
        output: The folder.
        results: What was measured.

    Returns:
        The files: outliers-PROTOCOL and reliability-PROTOCOL, each as .svg and .png.

    Raises:
        BadRequest: If matplotlib is not installed.
        OutputError: If a file cannot be written.
    """
    written = []
    for protocol, variants in results.items():
        curves = {
            variant: np.mean([measurement.curve for measurement in measurements.values()], axis=0)
            for variant, measurements in variants.items()
        }
        written += save_figure(output / f"outliers-{protocol}", draw_outliers(curves))
        diagrams = _with_confidence(variants)
        if diagrams:
            written += save_figure(output / f"reliability-{protocol}", draw_reliability(diagrams))
    return written


def draw_outliers(curves: Mapping[str, Any]) -> Figure:
    """Return the share of pixels whose error exceeds a threshold, over the threshold (Akimoto et al. 2020, Fig. 11).

    Args:
        curves: Shares at each of `scoring.THRESHOLDS`, (32,), 0..1, by the name of the method.

    Raises:
        BadRequest: If matplotlib is not installed.
    """
    figure, (axes,) = _make_figure(1)
    for name, curve in curves.items():
        axes.plot(THRESHOLDS, 100 * np.asarray(curve), label=name)
    axes.set_xlabel("threshold, Euclidean distance in RGB of 0..255")
    axes.set_ylabel("pixels over the threshold, %")
    axes.set_xlim(THRESHOLDS[0], THRESHOLDS[-1])
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=8)
    return figure


def draw_reliability(diagrams: Mapping[str, Reliability]) -> Figure:
    """Return how often pixels are right over their confidence, above how many pixels have it. The diagonal is ideal.

    Bins with fewer than one in 10,000 of the pixels have no point.

    Args:
        diagrams: Reliability by the name of the method; at least one pixel each.

    Raises:
        BadRequest: If matplotlib is not installed.
    """
    figure, (axes, counts) = _make_figure(2)
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":", label="ideal")
    edges = np.linspace(0, 1, _BINS + 1)
    for name, diagram in diagrams.items():
        count, confidence, correct = (
            np.asarray(part).reshape(_BINS, -1).sum(1) for part in (diagram.count, diagram.confidence, diagram.correct)
        )
        shown = count > _LEAST_SHARE * count.sum()
        axes.plot(confidence[shown] / count[shown], correct[shown] / count[shown], "o-", ms=3, label=name)
        counts.stairs(100 * count / count.sum(), edges, label=name)
    axes.set_ylabel("share of pixels that are right")
    axes.set_ylim(0, 1)
    axes.legend(fontsize=8)
    counts.set_xlabel("confidence")
    counts.set_ylabel("pixels, %")
    for part in (axes, counts):
        part.set_xlim(0, 1)
    return figure


def save_figure(path: Path, figure: Figure) -> list[Path]:
    """Write a figure as SVG and as PNG; the same figure gives the same SVG.

    Args:
        path: The files without their extension.
        figure: The figure.

    Returns:
        The two files.

    Raises:
        OutputError: If a file cannot be written.
    """
    from matplotlib import rc_context

    files = []
    for kind, metadata in (("svg", {"Date": None}), ("png", {"Software": None})):
        data = io.BytesIO()
        with rc_context(_STYLE):
            figure.savefig(data, format=kind, dpi=150, metadata=metadata)
        # Not with_suffix: the name of a variant or protocol may hold a dot.
        files.append(path.with_name(f"{path.name}.{kind}"))
        write_bytes(files[-1], data.getvalue())
    return files


def _with_confidence(variants: Mapping[str, Mapping[str, Measurement]]) -> dict[str, Reliability]:
    merged = {variant: merge_reliability(measurements.values()) for variant, measurements in variants.items()}
    return {variant: diagram for variant, diagram in merged.items() if diagram.count.any()}


def _make_figure(rows: int) -> tuple[Figure, list[Any]]:
    require_matplotlib()
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(_STYLE):  # no pyplot: it would look for a display
        figure = Figure(figsize=(6, 3.6 if rows == 1 else 5), layout="constrained")
        axes = figure.subplots(rows, squeeze=False, height_ratios=[3, 1][:rows])
    return figure, [axes[row, 0] for row in range(rows)]
