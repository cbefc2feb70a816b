"""Both trainings on any footage: few frames, unusual sizes, no colour, unreadable pictures."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from scenes import painted, two_clips

from stcolor_core.cli import main
from stcolor_core.errors import BadRequest, PlateError
from stcolor_core.evaluation.dataset import read_dataset
from stcolor_core.method.features.standard import load_matching_net
from stcolor_core.method.refinement.learned import load_confidence_head, load_mixing_net
from stcolor_core.training.clips import LONGEST_ASPECT, held_out, resize_sequence
from stcolor_core.training.samples import make_samples


def clip(folder: Path, frames: int, *, height: int = 72, width: int = 96, grey: bool = False) -> Path:
    """A clip of that many frames of a wall that moves."""
    folder.mkdir(parents=True)
    wall = painted(height, width + 2 * frames, seed=frames, chroma=0 if grey else 28)
    for index in range(frames):
        picture = np.rint(255 * wall[:, 2 * index : 2 * index + width, ::-1]).astype(np.uint8)
        cv2.imwrite(str(folder / f"{index:05d}.png"), picture)
    return folder


def odd(folder: Path) -> Path:
    """Clips of 1, 2, 3 and 4 frames: wide, tall, small and without colour."""
    clip(folder / "one", 1)
    clip(folder / "two", 2, height=30, width=150)
    clip(folder / "three", 3, height=200, width=60)
    clip(folder / "four", 4, height=18, width=22, grey=True)
    return folder


def train(kind: str, footage: Path, output: Path, *options: str) -> int:
    own = [] if kind == "features" else ["--cache", str(output.parent / "cache"), "--walks", "1", "--processes", "1"]
    paths = ["--footage", str(footage), "--output", str(output)]
    steps = "1" if kind == "features" else "2"  # a step of the features training is long
    return main(["train", kind, *paths, *own, "--steps", steps, "--device", "cpu", *options])


def curve(output: Path) -> list[dict[str, str]]:
    with output.with_name(f"{output.stem}.curve.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use fewer pictures per step than a real training does."""
    monkeypatch.setattr("stcolor_core.training.features._VALIDATED", 1)
    monkeypatch.setattr("stcolor_core.training.features._SURVEYS", 1)
    monkeypatch.setattr("stcolor_core.training.features._SURVEYED", 1)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["features", "refinement", "confidence"])
def test_training_on_footage_of_any_kind_gives_weights_and_scores(kind: str, tmp_path: Path) -> None:
    output = tmp_path / "new" / "weights.safetensors"
    assert train(kind, odd(tmp_path / "footage"), output) == 0
    load = {"features": load_matching_net, "refinement": load_mixing_net, "confidence": load_confidence_head}
    load[kind](output)
    (row,) = curve(output)
    assert int(row["step"]) == (1 if kind == "features" else 2)
    assert all(np.isfinite(float(value)) for value in row.values())


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["features", "refinement"])
@pytest.mark.parametrize("options", [[], ["--held-out"]])
def test_a_single_clip_is_trained_and_validated_on(kind: str, options: list[str], tmp_path: Path) -> None:
    clip(tmp_path / "footage" / "only", 3)
    output = tmp_path / "weights.safetensors"
    assert train(kind, tmp_path / "footage", output, *options) == 0
    assert np.isfinite(float(curve(output)[0]["psnr"]))


@pytest.mark.slow
def test_clips_without_motion_still_give_samples(tmp_path: Path) -> None:
    clip(tmp_path / "footage" / "still", 1)
    made = make_samples(tmp_path / "footage", tmp_path / "cache", walks_per_clip=1, seed=1, processes=1)
    assert len(made) >= 10


def test_held_out_clips_exist_and_leave_others_to_train_on() -> None:
    theirs = [f"clip{index:02d}" for index in range(25)]
    assert held_out(theirs, None) == ("clip23", "clip24")
    assert held_out(theirs[:2], None) == ("clip01",)
    assert held_out(["only"], None) == ()
    assert held_out(theirs, ["clip03"]) == ("clip03",)
    assert held_out(theirs, []) == ()


@pytest.mark.parametrize("kind", ["features", "refinement", "confidence"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--held-out", "none-such"], "none-such"),
        (["--held-out", "slow", "fast"], "held out"),
        (["--steps", "0"], "--steps"),
    ],
)
def test_a_wrong_request_is_reported_in_one_line(
    kind: str, options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "footage").mkdir()
    two_clips(tmp_path / "footage", frames=3)
    assert train(kind, tmp_path / "footage", tmp_path / "weights.safetensors", *options) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()[-1:]
    assert message in line
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("option", ["--walks", "--processes"])
def test_zero_walks_and_zero_processes_are_refused(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "footage").mkdir()
    two_clips(tmp_path / "footage", frames=3)
    assert train("refinement", tmp_path / "footage", tmp_path / "weights.safetensors", option, "0") == 2
    assert option in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["features", "refinement"])
@pytest.mark.parametrize("index", [0, 2])
def test_a_picture_that_cannot_be_read_is_named(
    kind: str, index: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = clip(tmp_path / "footage" / "broken", 4) / f"{index:05d}.png"
    broken.write_bytes(b"no picture")
    assert train(kind, tmp_path / "footage", tmp_path / "weights.safetensors") == 1
    error = capsys.readouterr().err
    assert broken.name in error
    assert "Traceback" not in error


def test_an_output_that_cannot_be_written_is_reported_before_any_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "footage").mkdir()
    two_clips(tmp_path / "footage", frames=3)
    (tmp_path / "file").write_text("in the way")
    assert train("features", tmp_path / "footage", tmp_path / "file" / "weights.safetensors") == 1
    error = capsys.readouterr().err
    assert str(tmp_path / "file") in error
    assert "Traceback" not in error


def test_very_wide_and_very_tall_pictures_are_resized_to_fit_memory(tmp_path: Path) -> None:
    clip(tmp_path / "footage" / "wide", 1, height=4, width=900)
    clip(tmp_path / "footage" / "tall", 1, height=900, width=4)
    for each in read_dataset(tmp_path / "footage"):
        width, height = resize_sequence(each).size
        assert min(width, height) == 216
        assert max(width, height) == LONGEST_ASPECT * 216


def test_a_clip_whose_first_picture_cannot_be_read_has_no_size(tmp_path: Path) -> None:
    (clip(tmp_path / "footage" / "broken", 2) / "00000.png").write_bytes(b"")
    (broken,) = read_dataset(tmp_path / "footage")
    with pytest.raises(PlateError, match=r"00000\.png"):
        resize_sequence(broken)


def test_the_error_for_a_missing_held_out_clip_names_the_existing_ones() -> None:
    with pytest.raises(BadRequest, match=r"none-such.*first, second"):
        held_out(["first", "second"], ["none-such"])


@pytest.mark.parametrize("kind", ["features", "refinement", "confidence", "cleaning"])
def test_where_the_weights_are_written_must_be_said(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A default would be the weights in the package, which every run reads."""
    own = [] if kind in ("features", "cleaning") else ["--cache", str(tmp_path / "cache")]
    assert main(["train", kind, "--footage", str(tmp_path), *own]) == 2
    assert "--output" in capsys.readouterr().err
