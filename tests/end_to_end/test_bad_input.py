"""Every mistake of an artist ends in one line with the fault, its place and the remedy; nothing is half-written."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from conftest import FIRST, ShotOnDisk, channels, write_reference
from scenes import texture

from stcolor_core.cli import main
from stcolor_core.images import frame_files, plates

MakeShot = Callable[..., ShotOnDisk]


def last_message(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the last line on standard error, which must be our own message."""
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("stcolor: ")]
    assert lines
    return lines[-1]


def delete_a_plate(shot: ShotOnDisk) -> list[str]:
    shot.plate(1003).unlink()
    return []


def truncate_a_plate(shot: ShotOnDisk) -> list[str]:
    whole = shot.plate(1003).read_bytes()
    shot.plate(1003).write_bytes(whole[: len(whole) * 2 // 3])
    return []


def reference_outside(shot: ShotOnDisk) -> list[str]:
    return ["--reference", f"2000={shot.reference(FIRST)}"]


def reference_of_another_aspect(shot: ShotOnDisk) -> list[str]:
    """Give a reference that shows nothing of the plate, or its place would be found."""
    lightness = texture(64, 64, seed=99, mean=50, contrast=60)
    write_reference(shot.reference(FIRST), lightness, shot.scene.ab[0][:, :64])
    return []


def missing_reference(shot: ShotOnDisk) -> list[str]:
    return ["--reference", f"1002={shot.folder / 'nowhere.exr'}"]


def matte_of_another_aspect(shot: ShotOnDisk) -> list[str]:
    frame_files.write_frame(shot.folder / "roto.exr", {"A": (np.ones((64, 64), np.float32), "half")})
    return ["--matte", f"1002={shot.folder / 'roto.exr'}"]


def output_in_a_file(shot: ShotOnDisk) -> list[str]:
    return ["--output", str(shot.plate(FIRST) / "shot.####.exr")]


def output_without_a_number(shot: ShotOnDisk) -> list[str]:
    return ["--output", str(shot.folder / "out/shot.exr")]


def plate_that_is_no_picture(shot: ShotOnDisk) -> list[str]:
    shot.plate(1002).write_text("hello")
    return []


def a_frame_of_another_size(shot: ShotOnDisk) -> list[str]:
    frame_files.write_frame(shot.plate(1002), {"Y": (np.ones((30, 40), np.float32), "half")})
    return []


def unknown_colorspace(shot: ShotOnDisk) -> list[str]:  # noqa: ARG001
    return ["--colorspace", "ACEScgg"]


def unknown_model(shot: ShotOnDisk) -> list[str]:  # noqa: ARG001
    return ["--model", "magic"]


def weights_that_are_not_there(shot: ShotOnDisk) -> list[str]:  # noqa: ARG001
    return ["--model", "exemplar"]


def only_outside(shot: ShotOnDisk) -> list[str]:  # noqa: ARG001
    return ["--only", "5"]


def no_device(shot: ShotOnDisk) -> list[str]:  # noqa: ARG001
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    return ["--device", "cuda"]


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        pytest.param(delete_a_plate, 1, ["1003", "plate.####.exr", "--missing"], id="missing frame"),
        pytest.param(truncate_a_plate, 1, ["1003", "truncated"], id="truncated EXR"),
        pytest.param(plate_that_is_no_picture, 1, ["1002", "plate.1002.exr"], id="a plate that is no picture"),
        pytest.param(a_frame_of_another_size, 1, ["1002", "40 x 30", "96 x 64"], id="a frame of another size"),
        pytest.param(reference_outside, 2, ["2000", "1001-1005", "--still"], id="reference outside the range"),
        pytest.param(reference_of_another_aspect, 2, ["1001", "64 x 64", "96 x 64"], id="reference of another aspect"),
        pytest.param(missing_reference, 1, ["nowhere.exr"], id="reference that is missing"),
        pytest.param(matte_of_another_aspect, 2, ["roto.exr", "64 x 64"], id="matte of another aspect"),
        pytest.param(output_in_a_file, 1, ["cannot be written"], id="unwritable output folder"),
        pytest.param(output_without_a_number, 2, ["shot.exr", "####"], id="output without a frame number"),
        pytest.param(unknown_colorspace, 2, ["ACEScgg", "ACEScg"], id="unknown colour space"),
        pytest.param(unknown_model, 2, ["magic", "standard"], id="unknown model"),
        pytest.param(weights_that_are_not_there, 1, ["vgg19_conv.pth", "stcolor models add"], id="missing weights"),
        pytest.param(only_outside, 2, ["5", "--only"], id="only outside the shot"),
        pytest.param(no_device, 2, ["CUDA", "--device cpu"], id="no CUDA device"),
    ],
)
def test_bad_input_ends_in_one_line(
    make_shot: MakeShot,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    spoil: Callable[[ShotOnDisk], list[str]],
    code: int,
    words: list[str],
) -> None:
    monkeypatch.setenv("STCOLOR_MODELS_DIR", str(tmp_path / "models"))
    shot = make_shot()
    options = spoil(shot)
    assert shot.colorize(*options) == code
    line = last_message(capsys)
    assert all(word in line for word in words), line
    assert all(plates.is_complete(path) for path in shot.written())


def test_a_missing_reference_is_reported(make_shot: MakeShot, capsys: pytest.CaptureFixture[str]) -> None:
    assert make_shot().colorize(references=False) == 2
    assert "--reference" in last_message(capsys)


def test_an_unknown_option_is_a_bad_request(make_shot: MakeShot, capsys: pytest.CaptureFixture[str]) -> None:
    assert make_shot().colorize("--speed", "9") == 2
    assert "--speed" in last_message(capsys)


def test_nan_and_infinite_pixels_are_reported_and_repaired(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot()
    y = channels(shot.plate(1003))["Y"].copy()
    y[3, 3], y[4, 4] = np.nan, np.inf
    frame_files.write_frame(shot.plate(1003), {"Y": (y, "float")})
    assert shot.colorize() == 0
    assert "2 pixels" in (line := last_message(capsys)) and "1003" in line
    assert all(np.isfinite(values).all() for values in channels(shot.output(1003)).values())


def test_a_colour_plate_is_reported_and_its_luminance_is_used(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot()
    for frame in shot.frames:
        write_reference(shot.plate(frame), shot.scene.lightnesses[frame - FIRST], shot.scene.ab[frame - FIRST])
    assert shot.colorize() == 0
    assert "luminance" in last_message(capsys)


def test_a_matte_without_instances_is_reported(make_shot: MakeShot, capsys: pytest.CaptureFixture[str]) -> None:
    shot = make_shot()
    frame_files.write_frame(shot.folder / "roto.exr", {"A": (np.zeros((64, 96), np.float32), "half")})
    assert shot.colorize("--matte", f"{FIRST}={shot.folder / 'roto.exr'}") == 0
    assert "no instance" in last_message(capsys)


def test_a_grey_reference_is_reported(make_shot: MakeShot, capsys: pytest.CaptureFixture[str]) -> None:
    shot = make_shot()
    write_reference(shot.reference(FIRST), shot.scene.lightnesses[0], 0 * shot.scene.ab[0])
    assert shot.colorize() == 0
    assert "without colour" in last_message(capsys)


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[None]:
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no small disk can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.geteuid() != 0, reason="needs root on Linux to mount a small disk"
)
def test_a_full_disk_ends_in_one_line_and_leaves_only_whole_frames(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot()
    with small_disk(shot.folder / "out", 200):
        assert shot.colorize() == 1
        assert "cannot be written" in (line := last_message(capsys)) or "disk full" in line
        assert shot.written()
        assert all(path.suffix == ".exr" and plates.is_complete(path) for path in shot.written())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--reference", "1002={}"], "Reference 1002 ({}) is a folder. Name the picture in it, like '{}"),
        (["--reference", "{}"], "The references ({}) is a folder. Name the sequence in it: '{}"),
        (["--reference-mask", f"{FIRST}={{}}"], f"The mask of reference {FIRST} ({{}}) is a folder."),
        (["--still", "{}"], "The still ({}) is a folder. Check the path."),
        (["--matte", "1002={}"], "The matte of frame 1002 ({}) is a folder. Name the picture in it, like '{}"),
        (["--matte", "{}"], "The mattes ({}) is a folder. Name the sequence in it: '{}"),
        (["--plate", "{}"], "The plate ({}) is a folder. Name the sequence in it: '{}"),
        (["--output", "{}"], "The output '{}' must be an EXR sequence"),
        (["--reuse", "{}"], "The earlier version ({}) is a folder. Name the sequence in it: '{}"),
    ],
)
def test_a_folder_in_place_of_a_picture_is_named_by_what_it_is_given_for(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str], given: list[str], words: str
) -> None:
    shot = make_shot()
    folder = shot.folder / "d.png"
    folder.mkdir()
    write_reference(folder / "look.1002.exr", shot.scene.lightnesses[1], shot.scene.ab[1])
    options = [option.replace("{}", str(folder)) for option in given]
    reference = [f"{FIRST}={shot.reference(FIRST)}"]
    assert main(["colorize", *shot.pictures(), "--reference", *reference, *options]) != 0
    assert words.replace("{}", str(folder)) in last_message(capsys)
    assert not shot.written()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (["--reference", "1002={}.png"], "Reference 1002 ("),
        (["--reference", "{}.png"], "The reference "),
        (["--reference-mask", f"{FIRST}={{}}.png"], f"The mask of reference {FIRST} ("),
        (["--still", "{}.png"], "The still ("),
        (["--matte", "1002={}.png"], "The matte of frame 1002 ("),
        (["--matte", "{}.png"], "The matte of frame "),
        (["--plate", "{}.png"], "The plate "),
        (["--plate", "{}.mov"], ".mov "),
        (["--ocio", "{}.ocio"], "The OpenColorIO config "),
    ],
)
def test_a_name_that_is_too_long_for_the_system_is_told_in_one_line(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str], given: list[str], named: str
) -> None:
    shot = make_shot()
    options = [option.replace("{}", str(shot.folder / ("a" * 300))) for option in given]
    reference = [f"{FIRST}={shot.reference(FIRST)}"]
    assert main(["colorize", *shot.pictures(), "--reference", *reference, *options]) != 0
    line = last_message(capsys)
    assert named in line
    if os.name != "nt":  # where nothing is found at such a path
        assert "(File name too long). " in line
    assert not shot.written()
