"""The artist's work is never overwritten: scans, keyframes, painted frames and versions."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import FIRST, ShotOnDisk, channels, write_reference
from scenes import pan

from stcolor_core.cli import main
from stcolor_core.files.links import copy_or_link
from stcolor_core.images import plates
from stcolor_core.images.frame_files import frame_state, write_frame

MakeShot = Callable[..., ShotOnDisk]


def standard_error(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def kept_and_made(capsys: pytest.CaptureFixture[str]) -> tuple[list[int], list[int], str]:
    """Run with --json; return the frames that it kept, those that it made, and its warnings."""
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    frames = [event for event in events if event["kind"] == "frame"]
    warnings = "\n".join(event["message"] for event in events if event["kind"] == "warning")
    kept, made = (sorted(event["frame"] for event in frames if event["kept"] == which) for which in (True, False))
    return kept, made, warnings


# Inputs are never overwritten


def through_a_link(shot: ShotOnDisk) -> str:
    (shot.folder / "other").symlink_to(shot.folder, target_is_directory=True)
    return str(shot.folder / "other" / "plate.####.exr")


def links_to_the_plate(shot: ShotOnDisk) -> str:
    (shot.folder / "out").mkdir()
    for frame in shot.frames:
        shot.output(frame).symlink_to(shot.plate(frame))
    return str(shot.folder / "out/shot.####.exr")


SPELLINGS: dict[str, Callable[[ShotOnDisk], str]] = {
    "the plate": lambda shot: str(shot.folder / "plate.####.exr"),
    "the plate as printf": lambda shot: str(shot.folder / "plate.%04d.exr"),
    "the plate with another padding": lambda shot: str(shot.folder / "plate.#.exr"),
    "the plate with more digits": lambda shot: str(shot.folder / "plate.######.exr"),
    "the plate by dots": lambda shot: str(shot.folder / "out" / ".." / "plate.####.exr"),
    "the plate through a link to its folder": through_a_link,
    "links to the plate": links_to_the_plate,
    "the references": lambda shot: str(shot.folder / "ref.####.exr"),
    "one still": lambda shot: str(shot.folder / "still.####.exr"),
    "one matte": lambda shot: str(shot.folder / "roto.####.exr"),
    "the version to reuse": lambda shot: str(shot.folder / "earlier.####.exr"),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_input_of_the_shot_is_overwritten(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str], spelling: str
) -> None:
    shot = make_shot()
    for name in (f"still.{FIRST}.exr", f"roto.{FIRST}.exr", f"earlier.{FIRST}.exr"):
        shutil.copy(shot.reference(FIRST), shot.folder / name)
    output = SPELLINGS[spelling](shot)
    before = contents(shot.folder)
    options = ["--still", str(shot.folder / f"still.{FIRST}.exr"), "--matte", str(shot.folder / "roto.####.exr")]
    options += ["--reuse", str(shot.folder / "earlier.####.exr")]
    assert shot.colorize(*options, "--output", output) == 2
    line = standard_error(capsys).splitlines()[-1]
    assert "--output" in line and str(FIRST) in line
    assert contents(shot.folder) == before


def test_no_result_joins_the_file_sequence_of_a_keyframe(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot(references=(FIRST,))
    keyed = ["--reference", f"{FIRST}={shot.reference(FIRST)}", "--output", str(shot.folder / "ref.######.exr")]
    before = contents(shot.folder)
    assert main(["colorize", *shot.pictures(), *keyed]) == 2
    assert f"ref.{FIRST}.exr" in standard_error(capsys)
    assert contents(shot.folder) == before


@pytest.mark.skipif(sys.platform not in ("win32", "darwin"), reason="here upper and lower case are different files")
def test_names_that_differ_only_in_case_are_the_same_file(make_shot: MakeShot) -> None:
    shot = make_shot()
    before = contents(shot.folder)
    assert shot.colorize("--output", str(shot.folder / "PLATE.####.exr")) == 2
    assert contents(shot.folder) == before


def test_a_sequence_of_keyframes_is_protected_together_with_a_single_one(make_shot: MakeShot) -> None:
    shot = make_shot(pan(2, height=64, width=96, step=2), references=(FIRST, FIRST + 1))
    for frame in shot.frames:  # frames 1 and 2, so that the numbers of references and frames are equal
        shot.plate(frame).rename(shot.folder / f"p.{frame - 1000}.exr")
        shot.reference(frame).rename(shot.folder / f"{'one' if frame == FIRST else 'other'}.{frame - 1000}.exr")
    before = contents(shot.folder)
    references = ["--reference", str(shot.folder / "other.#.exr"), "--reference", f"1={shot.folder / 'one.1.exr'}"]
    for name in ("one.#.exr", "other.#.exr"):
        asked = ["--plate", str(shot.folder / "p.#.exr"), *references, "--output", str(shot.folder / name)]
        assert main(["colorize", *asked, "--working-height", "64"]) == 2
    assert contents(shot.folder) == before


@pytest.mark.parametrize("victim", ["plate.1001.exr", "ref.1001.exr", "config.ocio", "asked.json"])
def test_no_input_of_the_shot_is_overwritten_by_a_shot_file(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str], victim: str
) -> None:
    shot = make_shot()
    asked = shot.folder / "asked.json"
    (shot.folder / "config.ocio").write_text("ocio_profile_version: 2\n")
    assert shot.colorize("--ocio", str(shot.folder / "config.ocio"), "--write-shot", str(asked)) == 0
    before = contents(shot.folder)
    assert main(["colorize", "--shot", str(asked), "--write-shot", str(shot.folder / victim)]) == 2
    assert victim in standard_error(capsys)
    assert contents(shot.folder) == before


@pytest.mark.parametrize("command", ["openjd", "deadline", "opencue", "verify"])
def test_a_farm_job_does_not_overwrite_an_input_of_the_shot(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    shot = make_shot()
    asked = shot.folder / "shot.json"
    assert shot.colorize("--write-shot", str(asked)) == 0
    before = contents(shot.folder)
    option = ["--report", str(shot.reference(FIRST))] if command == "verify" else ["--output", str(shot.folder)]
    assert main(["farm", command, "--shot", str(asked), *option]) == 2
    assert option[0] in standard_error(capsys)
    assert contents(shot.folder) == before


def test_a_shot_file_does_not_overwrite_any_other_file(make_shot: MakeShot, capsys: pytest.CaptureFixture[str]) -> None:
    shot = make_shot()
    notes = shot.folder / "notes.txt"
    notes.write_text("of the lighter")
    assert shot.colorize("--write-shot", str(notes)) == 2
    assert "notes.txt" in standard_error(capsys)
    assert notes.read_text() == "of the lighter"
    assert shot.colorize("--write-shot", str(shot.folder / "shot.json")) == 0
    assert shot.colorize("--write-shot", str(shot.folder / "shot.json"), "--chroma", "0.5") == 0


def test_results_among_the_references_are_not_used_as_keyframes(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot()
    assert shot.colorize() == 0
    shutil.copy(shot.output(1003), shot.reference(1003))
    capsys.readouterr()
    assert shot.colorize("--output", str(shot.folder / "second/shot.####.exr")) == 2
    assert "1003" in (line := standard_error(capsys)) and "ref.####.exr" in line and "FRAME=PATH" in line
    picture = plates.read(shot.reference(1003))
    painted = {name: (picture.pixels[..., i] * 0.9, "half") for i, name in enumerate(picture.channels) if name in "RGB"}
    write_frame(shot.reference(1003), painted)  # painted in a program that drops our metadata
    assert shot.colorize("--output", str(shot.folder / "second/shot.####.exr")) == 0


# Painted frames are kept


def paint(path: Path) -> None:
    """Change the pixels of a frame but keep all of its metadata, as an EXR editor does."""
    import OpenImageIO as oiio

    picture = oiio.ImageBuf(str(path))
    spec, pixels = picture.spec(), picture.get_pixels(oiio.FLOAT)
    pixels[2:9, 2:9, :3] = 0.75
    file = oiio.ImageOutput.create("exr")
    assert file.open(str(path), spec)
    assert file.write_image(pixels)
    file.close()


def foreign(path: Path) -> None:
    write_frame(path, {name: (np.full((64, 96), 0.5, np.float32), "half") for name in "RGB"})


def no_picture(path: Path) -> None:
    path.write_text("notes of the lighter")


@pytest.mark.parametrize("change", [paint, foreign, no_picture])
@pytest.mark.parametrize("repainted_key", [False, True], ids=["nothing else changed", "a keyframe changed"])
def test_a_frame_changed_by_hand_is_kept_and_named_unless_forced(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str], change: Callable[[Path], None], repainted_key: bool
) -> None:
    shot = make_shot()
    assert shot.colorize() == 0
    change(shot.output(1003))
    theirs = shot.output(1003).read_bytes()
    if repainted_key:
        write_reference(shot.reference(FIRST), shot.scene.lightnesses[0], -shot.scene.ab[0])
    capsys.readouterr()
    assert shot.colorize("--json") == 0
    kept, made, warnings = kept_and_made(capsys)
    assert shot.output(1003).read_bytes() == theirs
    assert "1003" in warnings and "shot.####.exr" in warnings and "--force" in warnings
    assert 1003 in kept
    assert made == ([1001, 1002, 1004] if repainted_key else [])
    assert shot.colorize("--json", "--force") == 0
    assert shot.output(1003).read_bytes() != theirs
    assert "stcolor/settings" in frame_state(shot.output(1003)).metadata


def test_a_locked_frame_is_kept(make_shot: MakeShot, capsys: pytest.CaptureFixture[str]) -> None:
    shot = make_shot()
    assert shot.colorize() == 0
    shot.output(1003).chmod(0o444)
    approved = shot.output(1003).read_bytes()
    capsys.readouterr()
    assert shot.colorize("--chroma", "0.5", "--json") == 0
    kept, _, warnings = kept_and_made(capsys)
    assert kept == [1003] and "1003" in warnings
    assert shot.output(1003).read_bytes() == approved


@pytest.mark.parametrize("copy", [shutil.copy, shutil.copy2])
def test_a_copy_of_a_result_does_not_count_as_a_change(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str], copy: Callable[[Path, Path], Path]
) -> None:
    shot = make_shot()
    assert shot.colorize() == 0
    aside = shot.folder / "aside.exr"
    copy(shot.output(1003), aside)
    os.utime(aside, ns=(10**18, 10**18)) if copy is shutil.copy else None
    aside.replace(shot.output(1003))
    write_reference(shot.reference(FIRST), shot.scene.lightnesses[0], -shot.scene.ab[0])
    capsys.readouterr()
    assert shot.colorize("--json") == 0
    _, made, warnings = kept_and_made(capsys)
    assert 1003 in made and "1003" not in warnings


@pytest.mark.parametrize("copy", [shutil.copy, shutil.copy2])
def test_a_frame_that_was_copied_over_another_is_named_and_kept(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str], copy: Callable[[Path, Path], Path]
) -> None:
    shot = make_shot()
    assert shot.colorize() == 0
    copy(shot.output(1003), shot.output(1004))
    capsys.readouterr()
    assert shot.colorize("--json") == 0
    kept, _, warnings = kept_and_made(capsys)
    assert 1004 in kept
    assert f"Frame 1004 of {shot.folder / 'out' / 'shot.####.exr'} is a copy of frame 1003" in warnings
    assert shot.output(1004).read_bytes() == shot.output(1003).read_bytes()
    assert shot.colorize("--json", "--force", "--only", "1004") == 0
    capsys.readouterr()
    assert shot.colorize("--json") == 0
    assert kept_and_made(capsys)[2].find("copy") == -1


def test_a_frame_that_was_copied_over_another_is_not_reused(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot()
    assert shot.colorize() == 0
    shutil.copy2(shot.output(1003), shot.output(1004))
    earlier, new = shot.folder / "out" / "shot.####.exr", shot.folder / "v2" / "shot.####.exr"
    capsys.readouterr()
    assert shot.colorize("--json", "--reuse", str(earlier), "--output", str(new)) == 0
    _, made, warnings = kept_and_made(capsys)
    assert made == [1004] and "1004" in warnings


def test_a_frame_painted_while_the_shot_is_coloured_is_kept(make_shot: MakeShot) -> None:
    from stcolor_core.pipeline.run import colorize
    from stcolor_core.shots.shot import Shot

    shot = make_shot()
    assert shot.colorize() == 0
    wish = shot.folder / "shot.json"
    assert shot.colorize("--write-shot", str(wish)) == 0
    write_reference(shot.reference(FIRST), shot.scene.lightnesses[0], -shot.scene.ab[0])
    warnings: list[str] = []
    kept = {}
    for result in colorize(
        Shot.load(wish), device="cpu", report=lambda e: warnings.append(e.message) if e.kind == "warning" else None
    ):
        if result.frame == 1001:  # the first frame written; 1004 is the last one
            paint(shot.output(1004))
            theirs = shot.output(1004).read_bytes()
        kept[result.frame] = result.kept
    assert kept[1004] and not kept[1003]
    assert shot.output(1004).read_bytes() == theirs
    assert any("1004" in warning for warning in warnings)


def test_a_painted_frame_of_an_earlier_version_is_not_reused(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot()
    assert shot.colorize() == 0
    paint(shot.output(1003))
    capsys.readouterr()
    second = shot.folder / "second" / "shot.####.exr"
    assert shot.colorize("--json", "--output", str(second), "--reuse", str(shot.folder / "out/shot.####.exr")) == 0
    kept, made, warnings = kept_and_made(capsys)
    assert (kept, made) == ([1001, 1002, 1004, 1005], [1003])
    assert "Frame 1003" in warnings and "was changed after it was written" in warnings
    assert shot.colorize("--json", "--output", str(second), "--reuse", str(shot.folder / "out/shot.####.exr")) == 0
    assert "1003" not in kept_and_made(capsys)[2], "said when it is coloured, not again"


def test_links_are_made_only_on_request(make_shot: MakeShot) -> None:
    shot = make_shot()
    assert shot.colorize() == 0
    earlier = str(shot.folder / "out/shot.####.exr")
    for name, options in (("copied", []), ("linked", ["--link-reused"])):
        output = shot.folder / name / "shot.####.exr"
        assert shot.colorize("--output", str(output), "--reuse", earlier, *options) == 0
        assert output.with_name("shot.1003.exr").samefile(shot.output(1003)) == (name == "linked")


@pytest.mark.skipif(not sys.platform.startswith("linux") or os.geteuid() != 0, reason="needs root to mount a disk")
def test_a_copy_shares_its_blocks_if_the_disk_can(tmp_path: Path) -> None:
    image, disk = tmp_path / "image", tmp_path / "disk"
    disk.mkdir()
    with image.open("wb") as file:
        file.truncate(400 << 20)
    made = shutil.which("mkfs.btrfs") and subprocess.run(["mkfs.btrfs", "-q", image], check=False).returncode == 0
    if not made or subprocess.run(["mount", "-o", "loop", image, disk], capture_output=True, check=False).returncode:
        pytest.skip("no disk with shared blocks can be mounted here")
    try:
        (disk / "one").write_bytes(os.urandom(150 << 20))
        for number in range(5):
            copy_or_link(disk / "one", disk / f"copy{number}")  # five real copies would not fit
        with (disk / "copy0").open("r+b") as file:
            file.write(b"changed")
        assert (disk / "copy1").read_bytes() == (disk / "one").read_bytes() != (disk / "copy0").read_bytes()
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_shot_of_one_frame_keeps_the_changed_frame(make_shot: MakeShot) -> None:
    shot = make_shot(pan(1, height=64, width=96, step=1), references=(FIRST,))
    output = ["--output", str(shot.folder / "out" / "still.exr")]
    assert shot.colorize(*output) == 0
    paint(shot.folder / "out" / "still.exr")
    theirs = (shot.folder / "out" / "still.exr").read_bytes()
    assert shot.colorize(*output) == 0
    assert (shot.folder / "out" / "still.exr").read_bytes() == theirs
    assert set(channels(shot.folder / "out" / "still.exr")) >= {"R", "G", "B"}
