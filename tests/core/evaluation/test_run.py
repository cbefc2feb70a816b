"""The protocols run on a folder of clips and return the figures that the metrics define."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from scenes import pan

from stcolor_core.cli import main
from stcolor_core.errors import BadRequest
from stcolor_core.evaluation import color_metrics, tasks
from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.dataset import read_dataset
from stcolor_core.evaluation.measurements import CODE, to_plain
from stcolor_core.evaluation.metrics import psnr
from stcolor_core.evaluation.run import evaluate
from stcolor_core.evaluation.scoring import ColoredPicture
from stcolor_core.evaluation.tables import format_table
from stcolor_core.evaluation.variants import color_clip
from stcolor_core.images.color import lab_to_srgb

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    scene = pan(12, height=54, width=96, step=1)
    for kind in ("set/wall", "set_masks/wall"):
        (folder / kind).mkdir(parents=True)
    for index, (lightness, ab) in enumerate(zip(scene.lightnesses, scene.ab, strict=True)):
        rgb = lab_to_srgb(np.dstack([lightness, ab]))
        cv2.imwrite(str(folder / f"set/wall/{index:05d}.png"), np.rint(255 * rgb[..., ::-1]).astype(np.uint8))
        mask = np.zeros((54, 96), np.uint8)
        mask[10:30, 20:60] = 255
        cv2.imwrite(str(folder / f"set_masks/wall/{index:05d}.png"), mask)
    return folder / "set"


@pytest.mark.slow
def test_scores_equal_those_of_the_metrics(dataset: Path, tmp_path: Path) -> None:
    results = evaluate(dataset, protocols=["tenth"], variants=["grey", "standard"], output=tmp_path, device=CPU)
    grey, standard = (results["tenth"][name]["wall"].score for name in ("grey", "standard"))
    clip = Clip.load(read_dataset(dataset)[0], 30)
    by_hand = [
        psnr(clip.rgb[i], lab_to_srgb(np.dstack([clip.lightnesses[i], 0 * clip.ab[i]]))) for i in range(12) if i != 9
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
        evaluate(dataset, protocols=["first"], variants=["grey"], device=CPU, **options)["first"]["grey"]["wall"].score
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
    scores = {
        variant: {name: measurement.score for name, measurement in measurements.items()}
        for variant, measurements in results[protocol].items()
    }
    for by_sequence in scores.values():
        assert np.isfinite(by_sequence["short"].full)
        assert np.isnan(by_sequence["short"].flicker), "one frame cannot flicker"
        assert np.isnan(by_sequence["short"].cdc), "nor change its colours"
    assert "| chained |" in format_table(protocol, scores)
    row = format_table(protocol, scores).splitlines()[2].split(" | ")
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


def without_time(results: dict) -> dict:
    """Everything that was measured but the time."""
    plain = json.loads(
        json.dumps(
            {p: {v: {s: to_plain(m) for s, m in ms.items()} for v, ms in vs.items()} for p, vs in results.items()}
        )
    )
    for variants in plain.values():
        for measurements in variants.values():
            for measurement in measurements.values():
                del measurement["score"]["seconds"]
    return plain


@pytest.mark.slow
def test_parallel_processes_measure_the_same_to_the_last_bit(dataset: Path, tmp_path: Path) -> None:
    both = shutil.copytree(dataset, tmp_path / "set")
    shutil.copytree(dataset / "wall", both / "second")
    one, two = (
        evaluate(both, protocols=["tenth"], variants=["chained", "standard"], device=CPU, workers=workers)
        for workers in (1, 2)
    )
    assert without_time(one) == without_time(two)
    assert list(two["tenth"]["standard"]) == ["second", "wall"], "in order, whichever was done first"


def test_an_evaluation_that_was_stopped_measures_only_what_is_missing(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[str] = []
    color = tasks.color_pictures

    def counted(clip: Clip, references: tuple[int, ...], variant: str, **options: object) -> Iterator[ColoredPicture]:
        measured.append(variant)
        return color(clip, references, variant, **options)

    monkeypatch.setattr(tasks, "color_pictures", counted)
    options = {"protocols": ["first"], "output": tmp_path, "device": CPU}
    first = evaluate(dataset, variants=["grey"], **options)
    second = evaluate(dataset, variants=["grey", "chained"], **options)
    assert measured == ["grey", "chained"]
    assert to_plain(second["first"]["grey"]["wall"]) == to_plain(first["first"]["grey"]["wall"])
    evaluate(dataset, variants=["grey"], lines=40, **options)
    assert measured == ["grey", "chained", "grey"], "another size is another figure"


def test_a_kept_measurement_is_not_used_once_its_clip_changed(dataset: Path, tmp_path: Path) -> None:
    clips = shutil.copytree(dataset, tmp_path / "set")
    options = {"protocols": ["first"], "variants": ["grey"], "output": tmp_path / "out", "device": CPU}
    before = evaluate(clips, **options)
    cv2.imwrite(str(clips / "wall" / "00003.png"), np.full((54, 96, 3), (0, 0, 255), np.uint8))
    after = evaluate(clips, **options)
    assert after["first"]["grey"]["wall"].score.full < before["first"]["grey"]["wall"].score.full


def test_a_measurement_depends_on_every_part_of_the_package_that_makes_it() -> None:
    script = "import sys, stcolor_core.evaluation.run; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    parts = {name.split(".")[1] for name in loaded if name.startswith("stcolor_core.")}
    assert parts - {"bars", "errors", "lazy", "plurals", "remedies"} == {part.removesuffix(".py") for part in CODE}


def test_a_damaged_measurement_is_measured_again(dataset: Path, tmp_path: Path) -> None:
    options = {"protocols": ["first"], "variants": ["grey"], "output": tmp_path, "device": CPU}
    before = evaluate(dataset, **options)
    (kept,) = (tmp_path / "measurements").iterdir()
    kept.write_text(kept.read_text()[:100])
    assert without_time(evaluate(dataset, **options)) == without_time(before)


def test_a_protocols_list_picks_its_sequences_and_says_which_share_is_there(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "list.json"
    path.write_text(json.dumps({"references": [0], "sequences": ["wall", "gone"]}))
    assert list(evaluate(dataset, protocols=[str(path)], variants=["grey"], device=CPU)["list"]["grey"]) == ["wall"]
    assert "1 of its 2 sequences" in capsys.readouterr().err
    path.write_text(json.dumps({"references": [0], "sequences": ["gone"]}))
    with pytest.raises(BadRequest, match=r"none of the sequences.*gone"):
        evaluate(dataset, protocols=[str(path)], variants=["grey"], device=CPU)
    path.write_text(json.dumps({"references": [0], "least_frames": 20}))
    with pytest.raises(BadRequest, match=r"wall has 12 frames.*20 or more"):
        evaluate(dataset, protocols=[str(path)], variants=["grey"], device=CPU)


@pytest.mark.parametrize("workers", [0, -1, 1000])
def test_a_number_of_workers_out_of_range_is_refused(dataset: Path, workers: int) -> None:
    with pytest.raises(BadRequest, match="--workers"):
        evaluate(dataset, protocols=["first"], variants=["grey"], device=CPU, workers=workers)


def test_results_json_is_strict_json_without_masks(dataset: Path, tmp_path: Path) -> None:
    shutil.copytree(dataset / "wall", tmp_path / "set" / "wall")
    evaluate(tmp_path / "set", protocols=["first"], variants=["grey"], output=tmp_path / "out", device=CPU)

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    written = json.loads((tmp_path / "out" / "results.json").read_text(), parse_constant=refuse)
    assert written["first"]["grey"]["wall"]["inner"] is None


def test_the_tables_say_how_many_frames_were_measured_and_how_many_clips_have_masks(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = shutil.copytree(dataset, tmp_path / "set")
    shutil.copytree(dataset.with_name("set_masks"), tmp_path / "set_masks")
    options = {"protocols": ["first"], "variants": ["grey"], "output": tmp_path / "out", "device": CPU}
    evaluate(both, **options)
    assert "Masks for" not in capsys.readouterr().out, "the means are over all"
    for number in range(5):
        (both / "other").mkdir(exist_ok=True)
        shutil.copy(dataset / "wall" / f"{number:05d}.png", both / "other")
    evaluate(both, **options)
    notes = (
        "Frames measured: other 4, wall 11.\n\nMasks for 1 of 2 clips: inner and outer are means over these alone.\n"
    )
    assert notes in capsys.readouterr().out
    assert (tmp_path / "out" / "tables.md").read_text().endswith(notes)
    written = json.loads((tmp_path / "out" / "results.json").read_text())["first"]["grey"]
    assert {name: figures["frames"] for name, figures in written.items()} == {"other": 4, "wall": 11}


def test_without_scikit_image_the_other_measures_are_there(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(color_metrics, "find_spec", lambda _: None)
    score = evaluate(dataset, protocols=["first"], variants=["grey"], device=CPU)["first"]["grey"]["wall"].score
    assert np.isnan([score.ciede2000, score.ciede2000_p90, score.ssim]).all()
    assert np.isfinite([score.full, score.ab_psnr, score.colorfulness, score.cdc]).all()
    assert "pip install scikit-image" in capsys.readouterr().err
