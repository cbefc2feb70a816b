"""The protocols run on a folder of clips and give the figures that the metrics define."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from scenes import pan

from stcolor_core.cli import main
from stcolor_core.color import lab_to_linear, srgb_encode
from stcolor_core.errors import BadRequest
from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.dataset import read_dataset
from stcolor_core.evaluation.metrics import psnr
from stcolor_core.evaluation.protocol import PROTOCOLS, color_clip, evaluate

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
    assert PROTOCOLS["tenth"].within(30) == (9,)
    assert PROTOCOLS["last"].within(30) == (29,)
    assert PROTOCOLS["tenth+last-tenth"].within(50) == (9, 40)
    assert PROTOCOLS["first+last"].frames is None


def test_scores_are_what_the_metrics_say(dataset: Path, tmp_path: Path) -> None:
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


def test_pictures_may_have_other_sizes_and_an_old_prints_wear(dataset: Path) -> None:
    plain, small, old = (
        evaluate(dataset, protocols=["first"], variants=["grey"], device=CPU, **options)["first"]["grey"]["wall"]
        for options in ({}, {"lines": 40}, {"old_film": True})
    )
    assert plain.full == pytest.approx(small.full, abs=0.5)
    assert plain.full != small.full
    assert old.full == pytest.approx(plain.full, abs=1), "only L* is worn, and it is known"
    assert old.full != plain.full
    assert plain.flicker == 0


def test_a_blend_is_made_of_the_two_single_results(dataset: Path) -> None:
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


def test_the_command_prints_the_table(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["evaluate", "--dataset", str(dataset), "--protocol", "first", "--variants", "chained", "standard"]) == 0
    )
    assert "| chained |" in capsys.readouterr().out
