"""`stcolor colorize` on real files: the behaviour that a compositor relies on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
from conftest import FIRST, ShotOnDisk, channels, write_reference
from scenes import pan

from stcolor_core.cli import main
from stcolor_core.images import frame_files, plates
from stcolor_core.images.color import linear_to_lab, luminance_of
from stcolor_core.pipeline.events import Event
from stcolor_core.pipeline.key_suggestions import report_next
from stcolor_core.shots.shot import Shot

MakeShot = Callable[..., ShotOnDisk]


def events(text: str, kind: str) -> list[dict[str, object]]:
    return [event for event in map(json.loads, text.splitlines()) if event["kind"] == kind]


def test_a_shot_is_coloured_with_every_layer(make_shot: MakeShot) -> None:
    shot = make_shot()
    assert shot.colorize() == 0
    assert [path.name for path in shot.written()] == [f"shot.{frame}.exr" for frame in shot.frames]
    header = plates.read_header(shot.output(1003))
    assert header.metadata["stcolor/model"] == "standard"
    assert header.metadata["stcolor/references"] == "1001,1005"
    spec = oiio.ImageInput.open(str(shot.output(1003))).spec()
    types = dict(zip(spec.channelnames, map(str, spec.channelformats), strict=True))
    assert types == {
        **dict.fromkeys(["R", "G", "B", "rc_ab.u", "rc_ab.v", "rc_conf.warp", "rc_conf.track"], "half"),
        **dict.fromkeys(["rc_st.u", "rc_st.v", "rc_source.ref"], "float"),
    }
    assert spec.get_string_attribute("compression") == "zips"
    layers, truth = channels(shot.output(1003)), shot.scene.ab[2]
    inside = (slice(8, -8), slice(8, -12))
    assert np.abs(layers["rc_ab.u"] - truth[..., 0])[inside].mean() < 2
    assert 0 <= layers["rc_conf.warp"].min() <= layers["rc_conf.warp"].max() <= 1
    assert set(np.unique(layers["rc_source.ref"])) <= {1001, 1005}


IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
PROVENANCE = {
    "Software",
    "Iptc4xmpExt:DigitalSourceType",
    "stcolor/version",
    "stcolor/model",
    "stcolor/references",
    "stcolor/inputs",
}


def test_frames_say_how_they_were_made_unless_they_shall_not(make_shot: MakeShot) -> None:
    shot = make_shot(pan(3, height=64, width=96, step=2), references=(1001,))
    assert shot.colorize() == 0
    told = {frame: plates.read_header(shot.output(frame)).metadata for frame in shot.frames}
    hashes = {frame: frame_files.pixel_hash(shot.output(frame)) for frame in shot.frames}
    for metadata in told.values():
        assert set(metadata) >= PROVENANCE
        assert metadata["Iptc4xmpExt:DigitalSourceType"] == IPTC
        assert metadata["Software"].startswith("RefColorize ")
    assert shot.colorize("--no-provenance") == 0  # takes effect on frames that are there
    for frame in shot.frames:
        metadata = plates.read_header(shot.output(frame)).metadata
        assert set(metadata) == set(told[frame]) - PROVENANCE
        assert not any("RefColorize" in str(value) for value in metadata.values())
        assert frame_files.pixel_hash(shot.output(frame)) == hashes[frame]
    written = {frame: shot.output(frame).stat().st_mtime_ns for frame in shot.frames}
    assert shot.colorize("--no-provenance") == 0  # and resumes
    assert {frame: shot.output(frame).stat().st_mtime_ns for frame in shot.frames} == written


def test_the_plates_luminance_is_kept_exactly(make_shot: MakeShot) -> None:
    shot = make_shot()
    shot.colorize()
    layers = channels(shot.output(1002))
    own = channels(shot.plate(1002))["Y"]
    y = np.dstack([layers[name] for name in "RGB"]) @ [0.2126390, 0.7151687, 0.0721923]
    np.testing.assert_allclose(y, own, rtol=2e-3)


def test_a_reference_frame_keeps_the_references_own_colour(make_shot: MakeShot) -> None:
    shot = make_shot()
    shot.colorize()
    layers = channels(shot.output(FIRST))
    lab = linear_to_lab(np.dstack([channels(shot.reference(FIRST))[name] for name in "RGB"]))
    np.testing.assert_allclose(layers["rc_ab.u"], lab[..., 1], atol=0.04)
    np.testing.assert_allclose(layers["rc_ab.v"], lab[..., 2], atol=0.04)
    assert (layers["rc_conf.warp"] == 1).all()


def test_windows_and_metadata_of_the_plate_are_carried_over(make_shot: MakeShot) -> None:
    shot = make_shot()
    for frame in shot.frames:  # overscan of 8 px around a display window of 80 x 48
        header = replace(
            plates.read_header(shot.plate(frame)), data_window=(-8, -8, 96, 64), display_window=(0, 0, 80, 48)
        )
        frame_files.write_frame(
            shot.plate(frame),
            {"Y": (channels(shot.plate(frame))["Y"], "half")},
            like=header,
            metadata={"studio/take": "7b"},
        )
    for frame in shot.references:  # the references cover only the format, without the overscan
        pixels = channels(shot.reference(frame))
        frame_files.write_frame(
            shot.reference(frame), {name: (pixels[name][8:-8, 8:-8].copy(), "half") for name in "RGB"}
        )
    assert shot.colorize() == 0
    header = plates.read_header(shot.output(1003))
    assert header.data_window == (-8, -8, 96, 64)
    assert header.display_window == (0, 0, 80, 48)
    assert header.metadata["studio/take"] == "7b"
    error = np.abs(channels(shot.output(1003))["rc_ab.u"] - shot.scene.ab[2][..., 0])
    assert error[10:-10, 10:-14].mean() < 2.5


def test_a_data_window_may_change_from_frame_to_frame(make_shot: MakeShot) -> None:
    shot = make_shot()
    pixels = channels(shot.plate(1003))["Y"]
    header = replace(plates.read_header(shot.plate(1003)), data_window=(10, 4, 60, 40), display_window=(0, 0, 96, 64))
    frame_files.write_frame(shot.plate(1003), {"Y": (pixels[4:44, 10:70].copy(), "half")}, like=header)
    assert shot.colorize() == 0
    assert plates.read_header(shot.output(1003)).data_window == (10, 4, 60, 40)
    assert plates.read_header(shot.output(1002)).data_window == (0, 0, 96, 64)


def test_values_below_zero_and_above_one_survive(make_shot: MakeShot) -> None:
    shot = make_shot()
    y = channels(shot.plate(1003))["Y"].copy()
    y[5, 5], y[6, 6] = -0.25, 12.5
    frame_files.write_frame(shot.plate(1003), {"Y": (y, "half")})
    shot.colorize()
    rgb = np.dstack([channels(shot.output(1003))[name] for name in "RGB"])
    weights = [0.2126390, 0.7151687, 0.0721923]
    np.testing.assert_allclose([rgb[5, 5] @ weights, rgb[6, 6] @ weights], [-0.25, 12.5], rtol=5e-3)


def test_a_scene_without_a_reference_stays_grey_bit_for_bit(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot(references=(FIRST,))
    assert shot.colorize("--cuts", "1004", "--json") == 0
    warning = events(capsys.readouterr().out, "warning")[-1]["message"]
    assert "1004-1005" in str(warning)
    layers, own = channels(shot.output(1005)), channels(shot.plate(1005))["Y"]
    for name in "RGB":
        np.testing.assert_array_equal(layers[name], own)
    assert (layers["rc_conf.warp"] == 0).all()


def test_a_cut_is_detected_and_respected(make_shot: MakeShot, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = pan(6, height=64, width=96, step=2), pan(6, height=64, width=96, step=2)
    other.lightnesses[:] = [np.ascontiguousarray(100 - lightness[::-1, ::-1]) for lightness in other.lightnesses]
    one.lightnesses += other.lightnesses
    one.ab += other.ab
    shot = make_shot(one, references=(FIRST,))
    assert shot.colorize("--json") == 0
    assert "1007" in str(events(capsys.readouterr().out, "warning")[0]["message"])
    assert (channels(shot.output(1008))["rc_conf.warp"] == 0).all()
    assert channels(shot.output(1006))["rc_conf.warp"].mean() > 0.5


def test_finished_frames_are_kept_and_a_changed_keyframe_only_affects_its_own_spans(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot(pan(9, height=64, width=96, step=2), references=(1001, 1004, 1009))
    assert shot.colorize("--json") == 0
    first = events(capsys.readouterr().out, "frame")
    assert shot.colorize("--json") == 0
    again = events(capsys.readouterr().out, "frame")
    assert all(event["kept"] for event in again)
    confidences = {event["frame"]: event["confidence"] for event in first}
    assert {event["frame"]: event["confidence"] for event in again} == pytest.approx(confidences, abs=0.02)
    write_reference(shot.reference(1009), shot.scene.lightnesses[8], -shot.scene.ab[8])
    assert shot.colorize("--json") == 0
    computed = [event["frame"] for event in events(capsys.readouterr().out, "frame") if not event["kept"]]
    assert sorted(computed) == [1005, 1006, 1007, 1008, 1009]  # type: ignore[type-var]
    assert shot.colorize("--json", "--force") == 0
    assert not any(event["kept"] for event in events(capsys.readouterr().out, "frame"))


@pytest.mark.parametrize("size", [2, 4, 300, 900, 0.5])
def test_a_truncated_result_is_rendered_again(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str], size: float
) -> None:
    shot = make_shot()
    shot.colorize()
    whole = shot.output(1003).read_bytes()
    shot.output(1003).write_bytes(whole[: int(size if size >= 1 else size * len(whole))])
    capsys.readouterr()
    shot.colorize("--json")
    computed = [event["frame"] for event in events(capsys.readouterr().out, "frame") if not event["kept"]]
    assert computed == [1003]
    assert channels(shot.output(1003)).keys() == channels(shot.output(1002)).keys()


def test_only_writes_these_frames_with_the_pixels_of_a_whole_run(make_shot: MakeShot, tmp_path: Path) -> None:
    shot = make_shot()
    shot.colorize()
    shutil.move(tmp_path / "out", tmp_path / "whole")
    assert shot.colorize("--only", "1003-1004") == 0
    assert [path.name for path in shot.written()] == ["shot.1003.exr", "shot.1004.exr"]
    for frame in (1003, 1004):
        whole = channels(tmp_path / "whole" / shot.output(frame).name)
        for name, values in channels(shot.output(frame)).items():
            np.testing.assert_array_equal(values, whole[name])


def test_a_shot_file_gives_the_same_result_as_the_options(make_shot: MakeShot, tmp_path: Path) -> None:
    shot = make_shot()
    assert shot.colorize("--write-shot", str(tmp_path / "shot.json")) == 0
    assert not shot.written()
    from stcolor_core.cli import main

    assert main(["colorize", "--shot", str(tmp_path / "shot.json")]) == 0
    assert len(shot.written()) == 5


@pytest.mark.parametrize("policy", ["skip", "hold"])
def test_missing_frames_are_left_out_or_held(make_shot: MakeShot, policy: str) -> None:
    shot = make_shot()
    shot.plate(1003).unlink()
    assert shot.colorize("--missing", policy) == 0
    assert shot.output(1003).exists() == (policy == "hold")
    if policy == "hold":
        weights = [0.2126390, 0.7151687, 0.0721923]
        y = np.dstack([channels(shot.output(1003))[name] for name in "RGB"]) @ weights
        np.testing.assert_allclose(y, channels(shot.plate(1002))["Y"], rtol=2e-3, atol=1e-5)


@pytest.mark.parametrize("tracking", ["none", "instance", "dense", "instance+dense"])
def test_every_tracking_runs_with_its_mattes(make_shot: MakeShot, tracking: str) -> None:
    shot = make_shot()
    for frame in shot.frames:
        matte = np.zeros((64, 96), np.float32)
        matte[16:48, 24:64] = 1
        frame_files.write_frame(shot.folder / f"roto.{frame}.exr", {"A": (matte, "half")})
    mattes = ["--matte", str(shot.folder / "roto.####.exr")] if "instance" in tracking else []
    assert shot.colorize("--tracking", tracking, *mattes) == 0
    header = plates.read_header(shot.output(1003))
    assert ("rc_id00.R" in header.channels) == ("instance" in tracking)


def test_a_matte_on_one_frame_is_written_on_every_frame_it_was_carried_to(make_shot: MakeShot) -> None:
    shot = make_shot()
    matte = np.zeros((64, 96), np.float32)
    matte[16:48, 24:64] = 1
    frame_files.write_frame(shot.folder / "roto.1003.exr", {"A": (matte, "half")})
    assert shot.colorize("--matte", f"1003={shot.folder / 'roto.1003.exr'}") == 0
    for frame in (1002, 1003, 1004):
        covered = channels(shot.output(frame))["rc_id00.G"]
        assert 0.6 < (covered > 0.5).sum() / (matte > 0.5).sum() < 1.6, frame


@pytest.mark.parametrize("suffix", ["dpx", "tif", "png", "jpg"])
def test_plates_may_have_other_file_types(make_shot: MakeShot, suffix: str) -> None:
    shot = make_shot()
    for frame in shot.frames:
        grey = np.repeat((channels(shot.plate(frame))["Y"] ** (1 / 2.2))[..., None], 3, axis=-1)
        pixels = np.clip(np.rint(grey * 255), 0, 255).astype(np.uint8)
        spec = oiio.ImageSpec(96, 64, 3, "uint8")
        file = oiio.ImageOutput.create(suffix)
        assert file.open(str(shot.folder / f"scan.{frame}.{suffix}"), spec)
        assert file.write_image(pixels)
        file.close()
    space = ["--colorspace", "sRGB - Texture"] if suffix == "dpx" else []
    assert shot.colorize("--plate", str(shot.folder / f"scan.####.{suffix}"), *space) == 0
    assert len(shot.written()) == 5


@pytest.mark.parametrize("size", [(1, 1), (37, 91), (90, 40)])
def test_any_size_and_aspect_is_coloured(make_shot: MakeShot, size: tuple[int, int]) -> None:
    shot = make_shot(pan(3, height=size[0], width=size[1], step=1), references=(FIRST,))
    assert shot.colorize() == 0
    assert channels(shot.output(1003))["R"].shape == size


def test_a_still_colours_frames_without_a_reference(make_shot: MakeShot) -> None:
    shot = make_shot()
    assert shot.colorize("--still", str(shot.reference(FIRST)), references=False) == 0
    layers = channels(shot.output(1002))
    assert (layers["rc_source.ref"] == -1).all()
    assert np.hypot(layers["rc_ab.u"], layers["rc_ab.v"]).mean() > 10


def test_a_reference_of_another_size_is_resampled(make_shot: MakeShot) -> None:
    shot = make_shot()
    write_reference(
        shot.reference(FIRST),
        np.kron(shot.scene.lightnesses[0], np.ones((2, 2), np.float32)),
        np.kron(shot.scene.ab[0], np.ones((2, 2, 1), np.float32)),
    )
    assert shot.colorize() == 0
    np.testing.assert_allclose(channels(shot.output(FIRST))["rc_ab.u"], shot.scene.ab[0][..., 0], atol=0.3)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for another process's console")
def test_ctrl_c_ends_with_130_and_leaves_nothing_half_written(make_shot: MakeShot) -> None:
    shot = make_shot(pan(40, height=64, width=96, step=1))
    command = [sys.executable, "-m", "stcolor_core.cli", "colorize", *shot.pictures(), "--json", "--cuts", "none"]
    command += ["--reference", str(shot.folder / "ref.####.exr"), "--working-height", "64"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        for line in process.stdout:
            event = json.loads(line)
            if event["kind"] == "frame" and event["done"] == 3:
                process.send_signal(signal.SIGINT)
        message = process.stderr.read()
    assert process.returncode == 130
    assert "Cancelled" in message
    assert 3 <= len(shot.written()) < 40
    assert all(plates.is_complete(path) for path in shot.written())
    assert not [path for path in shot.written() if "partial" in path.name]


def test_the_exposure_applies_to_a_plate_with_white_above_one(make_shot: MakeShot) -> None:
    shot = make_shot()
    for frame in shot.frames:
        frame_files.write_frame(
            shot.plate(frame), {"Y": (16 * luminance_of(shot.scene.lightnesses[frame - FIRST]), "half")}
        )
    for frame in shot.references:
        pixels = channels(shot.reference(frame))
        frame_files.write_frame(shot.reference(frame), {name: (16 * pixels[name], "half") for name in "RGB"})
    assert shot.colorize("--exposure", "-4") == 0
    layers = channels(shot.output(1003))
    error = np.abs(layers["rc_ab.u"] - shot.scene.ab[2][..., 0])[8:-8, 8:-12]
    assert error.mean() < 2
    assert layers["R"].max() > 2


def test_a_new_version_reuses_the_frames_that_a_new_keyframe_cannot_change(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot(pan(9, height=64, width=96, step=2), references=(FIRST, FIRST + 4))
    assert shot.colorize("--cuts", "none") == 0
    first = {path.name: channels(path) for path in shot.written()}
    write_reference(shot.reference(FIRST + 8), shot.scene.lightnesses[8], shot.scene.ab[8])
    second = shot.folder / "second" / "shot.####.exr"
    earlier = str(shot.folder / "out" / "shot.####.exr")
    capsys.readouterr()
    assert shot.colorize("--output", str(second), "--reuse", earlier, "--cuts", "none", "--json") == 0
    made = {event["frame"]: event["kept"] for event in events(capsys.readouterr().out, "frame")}
    assert made == {frame: frame <= FIRST + 4 for frame in shot.frames}
    for frame in shot.frames:
        path = second.with_name(f"shot.{frame}.exr")
        assert not path.samefile(shot.output(frame))
        with path.open("r+b") as file:  # as programs do that write files in place
            file.seek(-1, os.SEEK_END)
            file.write(b"\0")
    assert {path.name for path in second.parent.iterdir()} == set(first)
    for path in shot.written():
        for name, values in channels(path).items():
            np.testing.assert_array_equal(values, first[path.name][name])


def test_a_shot_with_a_frame_list_writes_only_these_frames(make_shot: MakeShot) -> None:
    shot = make_shot()
    wish = shot.folder / "shot.json"
    assert shot.colorize("--write-shot", str(wish)) == 0
    asked = json.loads(wish.read_text())
    asked["output"]["frames"] = "1002-1003"
    wish.write_text(json.dumps(asked))
    assert main(["colorize", "--shot", str(wish)]) == 0
    assert [path.name for path in shot.written()] == ["shot.1002.exr", "shot.1003.exr"]
    asked["output"]["frames"] = "1002-1009"
    wish.write_text(json.dumps(asked))
    assert main(["colorize", "--shot", str(wish)]) == 2


def test_suggest_names_the_next_keyframe_of_a_coloured_shot(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot(pan(16, height=64, width=96, step=5), references=(FIRST,))
    wish = shot.folder / "shot.json"
    assert shot.colorize("--write-shot", str(wish)) == 0
    assert main(["suggest", "--shot", str(wish)]) == 1
    assert "stcolor colorize --shot first" in capsys.readouterr().err
    assert main(["colorize", "--shot", str(wish)]) == 0
    run = capsys.readouterr().out
    assert main(["suggest", "--shot", str(wish), "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert found and FIRST + 4 <= found[0]["frame"] <= FIRST + 15
    assert 0 < found[0]["gain"] < 1
    best = f"{found[0]['frame']} would correct about {100 * found[0]['gain']:.1f} % of the"
    assert main(["suggest", "--shot", str(wish)]) == 0
    assert f"Frame {best}" in capsys.readouterr().out
    assert f"Next: a keyframe at {best}" in run
    assert main(["colorize", "--shot", str(wish), "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["suggestions"] for event in events if event["kind"] == "suggestions"] == [found]
    assert events[-1]["kind"] == "done"


def test_suggest_names_the_frames_that_an_interrupted_run_has_not_reached(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot(pan(16, height=64, width=96, step=5), references=(FIRST,))
    wish = shot.folder / "shot.json"
    assert shot.colorize("--write-shot", str(wish)) == 0
    assert main(["colorize", "--shot", str(wish), "--only", f"{FIRST}-{FIRST + 11}"]) == 0
    assert "lacks" not in capsys.readouterr().err, "the run itself was asked for these"
    assert main(["suggest", "--shot", str(wish), "--json"]) == 0
    printed = capsys.readouterr()
    assert all(json.loads(line)["frame"] for line in printed.out.splitlines()), "the lines stay JSON"
    assert f"lacks 4 frames that the run has not reached: {FIRST + 12}-{FIRST + 15}." in printed.err
    assert main(["colorize", "--shot", str(wish)]) == 0
    capsys.readouterr()
    assert main(["suggest", "--shot", str(wish)]) == 0
    assert "lacks" not in capsys.readouterr().err


def test_what_cannot_be_read_any_more_costs_no_run_and_only_its_own_suggestion(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot(pan(16, height=64, width=96, step=5), references=(FIRST,))
    wish = shot.folder / "shot.json"
    assert shot.colorize("--write-shot", str(wish)) == 0
    assert main(["colorize", "--shot", str(wish)]) == 0
    damaged = shot.output(FIRST + 9)
    damaged.write_bytes(damaged.read_bytes()[:-300])
    capsys.readouterr()
    assert main(["suggest", "--shot", str(wish), "--json"]) == 0
    printed = capsys.readouterr()
    assert printed.out and f"1 frame without a confidence that can be read: {FIRST + 9}." in printed.err
    plate = shot.plate(FIRST + 9)
    plate.write_bytes(plate.read_bytes()[:-300])
    reported: list[Event] = []
    assert report_next(Shot.load(wish), report=reported.append) is None
    assert "suggestions" not in [event.kind for event in reported]
