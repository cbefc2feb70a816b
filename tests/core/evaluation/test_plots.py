"""The diagrams of an evaluation: what is drawn, and the files."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from stcolor_core.errors import BadRequest
from stcolor_core.evaluation import plots
from stcolor_core.evaluation.metrics import Reliability
from stcolor_core.evaluation.plots import draw_outliers, draw_reliability, save_figure


def diagram(*rows: tuple[float, int, int]) -> Reliability:
    """A diagram of (confidence, pixels, correct pixels)."""
    reliability = Reliability()
    for confidence, count, correct in rows:
        reliability.add(np.full(count, confidence), np.arange(count) < correct)
    return reliability


def test_the_outlier_curve_is_drawn_in_percent_over_the_thresholds() -> None:
    curve = np.linspace(0.9, 0.1, 32)
    (line,) = draw_outliers({"mine": curve}).axes[0].lines
    np.testing.assert_allclose(line.get_xydata(), np.stack([np.arange(1, 33), 100 * curve], axis=1))
    assert line.get_label() == "mine"


def test_the_reliability_diagram_has_the_share_of_right_pixels_at_their_mean_confidence() -> None:
    figure = draw_reliability({"mine": diagram((0.51, 60, 30), (0.53, 20, 10), (0.92, 20, 18))})
    ideal, line = figure.axes[0].lines
    np.testing.assert_allclose(line.get_xydata(), [[(0.51 * 60 + 0.53 * 20) / 80, 0.5], [0.92, 0.9]])
    np.testing.assert_allclose(ideal.get_xydata(), [[0, 0], [1, 1]])
    (stairs,) = figure.axes[1].patches
    assert stairs.get_data().values[[10, 18]].tolist() == [80, 20], "per cent of the pixels, twenty bins"


def test_a_bin_with_a_handful_of_pixels_has_no_point_in_the_reliability_diagram() -> None:
    figure = draw_reliability({"mine": diagram((0.2, 5, 5), (0.92, 60_000, 54_000))})
    np.testing.assert_allclose(figure.axes[0].lines[1].get_xydata(), [[0.92, 0.9]])


def test_a_figure_is_written_as_svg_and_png_and_the_same_one_gives_the_same_svg(tmp_path: Path) -> None:
    curves = {"standard:rule": np.linspace(1, 0, 32)}
    svg, png = save_figure(tmp_path / "new" / "outliers-v1.2", draw_outliers(curves))
    assert [svg.name, png.name] == ["outliers-v1.2.svg", "outliers-v1.2.png"]
    assert "standard:rule" in "".join(ElementTree.parse(svg).getroot().itertext())
    assert png.read_bytes().startswith(b"\x89PNG")
    before = svg.read_bytes()
    save_figure(tmp_path / "new" / "outliers-v1.2", draw_outliers(curves))
    assert svg.read_bytes() == before


def test_without_matplotlib_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plots, "find_spec", lambda _: None)
    with pytest.raises(BadRequest, match="pip install matplotlib"):
        draw_outliers({})
