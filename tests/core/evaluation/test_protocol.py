"""The protocols run on a folder of clips and return the figures that the metrics define."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from scenes import pan

from stcolor_core.cli import main
from stcolor_core.errors import BadRequest
from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.dataset import read_dataset
from stcolor_core.evaluation.metrics import psnr
from stcolor_core.evaluation.protocol import PROTOCOLS, color_clip, evaluate, format_table
from stcolor_core.images.color import lab_to_linear, srgb_encode

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    scene = pan(12, height=54, width=96, step=1)
    for kind in ("set/wall", "set_masks/wall"):
        (folder / kind).mkdir(parents=True)
    for index, (lightness, ab) in enumerate(zip(scene.lightnesses, scene.ab, strict=True)):
        rgb = srgb_encode(np.clip(lab_to_linear(np.dstack([lightness, ab])), 0, 1))
        cv2.imwrite(str(folder / f"set/wall/{index:05d}.png"), np.rint(255 * rgb[..., ::-1]).astype(np.uint8))
        mask = np.zeros((54, 96), np.uint8)
        mask[10:30, 20:60] = 255
        cv2.imwrite(str(folder / f"set_masks/wall/{index:05d}.png"), mask)
    return folder / "set"


def test_the_papers_reference_positions() -> None:
    assert PROTOCOLS["tenth"].reference_indices(30) == (9,)
    assert PROTOCOLS["last"].reference_indices(30) == (29,)
    assert PROTOCOLS["tenth+last-tenth"].reference_indices(50) == (9, 40)
    assert PROTOCOLS["first+last"].frames is None


@pytest.mark.slow
def test_scores_equal_those_of_the_metrics(dataset: Path, tmp_path: Path) -> None:
    results = evaluate(dataset, protocols=["tenth"], variants=["grey", "standard"], output=tmp_path, device=CPU)
    grey, standard = (results["tenth"][name]["wall"] for name in ("grey", "standard"))
    clip = Clip.load(read_dataset(dataset)[0], 30)
    by_hand = [
        psnr(clip.rgb[i], srgb_encode(np.clip(lab_to_linear(np.dstack([clip.lightnesses[i], 0 * clip.ab[i]])), 0, 1)))
        for i in range(12)
        if i != 9
    ]
    assert grey.full == pytest.approx(np.mean(by_hand))
    assert grey.chroma == 0
    assert standard.full > grey.full + 8
    assert standard.outliers < grey.outliers
    written = json.loads((tmp_path / "results.json").read_text())
    assert written["tenth"]["standard"]["wall"]["full"] == pytest.approx(standard.full)
    assert "| standard |" in (tmp_path / "tables.md").read_text()
    assert len((tmp_path / "outliers.csv").read_text().splitlines()) == 3


def test_pictures_may_have_other_sizes_and_the_wear_of_an_old_print(dataset: Path) -> None:
    plain, small, old = (
        evaluate(dataset, protocols=["first"], variants=["grey"], device=CPU, **options)["first"]["grey"]["wall"]
        for options in ({}, {"lines": 40}, {"old_film": True})
    )
    assert plain.full == pytest.approx(small.full, abs=0.5)
    assert plain.full != small.full
    assert old.full == pytest.approx(plain.full, abs=1), "only L* is worn, and it is known"
    assert old.full != plain.full
    assert plain.flicker == 0


def test_a_blend_is_computed_from_the_two_single_results(dataset: Path) -> None:
    clip = Clip.load(read_dataset(dataset)[0], None)
    first, last, mean = (
        {index: ab for index, ab, _ in color_clip(clip, references, variant, device=CPU)}
        for references, variant in (((0,), "chained"), ((11,), "chained"), ((0, 11), "mean(chained)"))
    )
    assert set(mean) == set(range(1, 11))
    np.testing.assert_allclose(mean[5], (first[5] + last[5]) / 2, atol=1e-5)


@pytest.mark.parametrize(
    ("protocol", "variant"),
    [("eleventh", "grey"), ("tenth", "magic"), ("tenth", "standard:fast"), ("tenth", "mean(grey)")],
)
def test_unknown_names_are_refused(dataset: Path, protocol: str, variant: str) -> None:
    with pytest.raises(BadRequest):
        evaluate(dataset, protocols=[protocol], variants=[variant], device=CPU)


def short(folder: Path, frames: int) -> Path:
    """A data set of the dataset's first frames and a longer clip, without masks."""
    for name, count in (("short", frames), ("wall", 5)):
        (folder / name).mkdir(parents=True)
        for index, lightness in enumerate(pan(count, height=54, width=96, step=1).lightnesses):
            cv2.imwrite(str(folder / name / f"{index:05d}.png"), np.dstack([lightness] * 2 + [lightness / 2]))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(("frames", "protocol"), [(2, "first"), (2, "tenth"), (2, "last-whole"), (3, "first+last")])
def test_a_clip_with_one_frame_to_colour_has_a_score(tmp_path: Path, frames: int, protocol: str) -> None:
    results = evaluate(
        short(tmp_path / "set", frames), protocols=[protocol], variants=["chained", "standard"], device=CPU
    )
    for scores in results[protocol].values():
        assert np.isfinite(scores["short"].full)
        assert np.isnan(scores["short"].flicker), "one frame cannot flicker"
    assert "| chained |" in format_table(protocol, results[protocol])
    row = format_table(protocol, results[protocol]).splitlines()[2].split(" | ")
    assert row[8], "the longer clip's flicker is not lost in the mean"


@pytest.mark.parametrize(("frames", "protocol"), [(1, "first"), (1, "tenth"), (2, "first+last")])
def test_a_clip_with_only_references_is_named_before_anything_is_computed(
    tmp_path: Path, frames: int, protocol: str
) -> None:
    with pytest.raises(BadRequest, match=rf"short.*{frames} frame.*{protocol.replace('+', '.')}"):
        evaluate(short(tmp_path / "set", frames), protocols=[protocol], variants=["grey"], device=CPU)


@pytest.mark.slow
def test_the_command_prints_the_table(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["evaluate", "--dataset", str(dataset), "--protocol", "first", "--variants", "chained", "standard"]) == 0
    )
    assert "| chained |" in capsys.readouterr().out
