"""The report on the inputs at the start of a run: colour spaces with reasons, the layer, and colour in the plate."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import PyOpenColorIO as ocio
import pytest
from conftest import FIRST, ShotOnDisk, channels, write_reference
from icc_profiles import ADOBE_RGB, make_profile
from PIL import Image

from stcolor_core.cli import main
from stcolor_core.images import plates
from stcolor_core.images.color import srgb_encode
from stcolor_core.images.frame_files import write_frame
from stcolor_core.images.ocio import BUILTIN_CONFIG, open_profile

MakeShot = Callable[..., ShotOnDisk]


def messages(capsys: pytest.CaptureFixture[str], kind: str) -> list[str]:
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [event["message"] for event in events if event["kind"] == kind]


def converted(rgb: np.ndarray, space: str) -> np.ndarray:
    config = ocio.Config.CreateFromFile(BUILTIN_CONFIG)
    pixels = np.ascontiguousarray(rgb, np.float32)
    config.getProcessor("lin_rec709", space).getDefaultCPUProcessor().applyRGB(pixels)
    return pixels


def in_space(shot: ShotOnDisk, space: str, suffix: str) -> None:
    """Write plate and references again in another colour space and file type."""
    for frame in shot.frames:
        y = channels(shot.plate(frame))["Y"]
        save(shot.folder / f"plate.{frame}.{suffix}", converted(np.repeat(y[..., None], 3, axis=-1), space))
    for frame in shot.references:
        pixels = channels(shot.reference(frame))
        save(shot.folder / f"ref.{frame}.{suffix}", converted(np.dstack([pixels[name] for name in "RGB"]), space))


def save(path: Path, rgb: np.ndarray, *, profile: bytes = b"") -> None:
    if path.suffix == ".exr":
        write_frame(path, {name: (rgb[..., index].copy(), "float") for index, name in enumerate("RGB")})
        return
    file = oiio.ImageOutput.create(str(path))
    spec = oiio.ImageSpec(rgb.shape[1], rgb.shape[0], 3, "uint16")
    if profile:
        spec.attribute("ICCProfile", oiio.TypeDesc(f"uint8[{len(profile)}]"), np.frombuffer(profile, np.uint8))
    assert file.open(str(path), spec)
    assert file.write_image(np.ascontiguousarray(rgb))
    file.close()


@pytest.mark.parametrize(("space", "suffix"), [("ACEScg", "exr"), ("ACEScct", "dpx"), ("ACEScct", "tif")])
def test_the_colour_space_of_the_plate_applies_to_references_of_the_same_type(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str], space: str, suffix: str
) -> None:
    shot = make_shot()
    in_space(shot, space, suffix)
    pictures = ["--plate", str(shot.folder / f"plate.####.{suffix}")]
    pictures += ["--reference", str(shot.folder / f"ref.####.{suffix}"), "--colorspace", space]
    assert shot.colorize(*pictures, "--json", references=False) == 0
    plate, references = messages(capsys, "input")
    assert plate == f"Plate {shot.folder / f'plate.####.{suffix}'}: {space} (as given)"
    assert f"References 1001, 1005 {shot.folder / f'ref.####.{suffix}'}: {space} (the plate's" in references
    layers = channels(shot.output(FIRST))
    error = np.dstack([layers["rc_ab.u"], layers["rc_ab.v"]]) - shot.scene.ab[0]
    assert np.percentile(np.abs(error), 85) < 0.6  # integers clip values outside of the gamut
    metadata = plates.read_header(shot.output(1003)).metadata
    assert metadata["stcolor/inputs"] == (
        f"Plate plate.1001.{suffix}: {space} (as given); "
        f"Reference 1001,1005 ref.1001.{suffix}: {space} (the plate's, as it is of the same file type)"
    )
    assert metadata["colorInteropID"] == {"ACEScg": "lin_ap1_scene", "ACEScct": "ocio:acescct_ap1_scene"}[space]


@pytest.mark.parametrize("options", [(), ("--colorspace", "ACEScct")], ids=["", "where the plate's type has another"])
def test_a_keyframe_is_read_by_its_icc_profile(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    shot = make_shot(references=(FIRST,))
    plate = shot.folder / "plate.####.exr"
    if options:
        in_space(shot, "ACEScct", "tif")
        plate = shot.folder / "plate.####.tif"
    profile = make_profile("Adobe RGB (1998)", ADOBE_RGB)
    rgb = np.dstack([channels(shot.reference(FIRST))[name] for name in "RGB"])
    key = shot.folder / "key.1001.tif"
    save(key, open_profile(profile, name="", identity="adobe").encode(rgb), profile=profile)
    pictures = ("--plate", str(plate), "--reference", f"{FIRST}={key}", *options)
    assert shot.colorize(*pictures, "--json", references=False) == 0
    lines = messages(capsys, "input")
    assert lines[1] == f"Reference 1001 {key}: Adobe RGB (1998) (its ICC profile)"
    layers = channels(shot.output(FIRST))
    error = np.dstack([layers["rc_ab.u"], layers["rc_ab.v"]]) - shot.scene.ab[0]
    inside = (rgb > 0.02).all(axis=-1)  # in sRGB, and so in Adobe RGB too
    assert np.percentile(np.abs(error[inside]), 95) < 0.6


def test_a_keyframe_without_a_tag_has_the_space_of_a_plate_of_its_type(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    """An EXR plate whose header says ACEScg, and a keyframe that was painted on it and says nothing."""
    shot = make_shot(references=(FIRST,))
    in_space(shot, "ACEScg", "exr")
    ap1 = (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767)
    for frame in shot.frames:
        pixels = channels(shot.plate(frame))
        spec = oiio.ImageSpec(96, 64, 3, "float")
        spec.attribute("chromaticities", oiio.TypeDesc("float[8]"), ap1)
        file = oiio.ImageOutput.create(str(shot.plate(frame)))
        assert file.open(str(shot.plate(frame)), spec)
        assert file.write_image(np.dstack([pixels[name] for name in "RGB"]).astype(np.float32))
        file.close()
    assert shot.colorize("--json") == 0
    plate, reference = messages(capsys, "input")
    assert plate.endswith(": linear, in the primaries of its header (its header, chromaticities)")
    assert reference.endswith(": linear, in the primaries of its header (the plate's, as it is of the same file type)")
    layers = channels(shot.output(FIRST))
    error = np.dstack([layers["rc_ab.u"], layers["rc_ab.v"]]) - shot.scene.ab[0]
    assert np.percentile(np.abs(error), 85) < 0.6
    assert plates.read_header(shot.output(FIRST)).metadata["colorInteropID"] == "lin_ap1_scene"
    write_frame(shot.reference(FIRST), {name: (pixels[name], "float") for name in "RGB"}, interop_id="lin_rec709_scene")
    assert shot.colorize("--json", "--only", f"{FIRST}") == 0
    assert messages(capsys, "input")[1].endswith(": linear Rec.709 (its header, colorInteropID lin_rec709_scene)")


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        ((9, 8), "Rec. 2020, linear (its cICP)"),
        ((1, 13), "sRGB (its cICP)"),
        ((9, 16), "sRGB (the default of PNG files; its cICP, primaries 9 and transfer 16 of H.273, cannot be used)"),
    ],
)
def test_a_keyframe_is_read_by_its_cicp(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str], numbers: tuple[int, int], told: str
) -> None:
    shot = make_shot(references=(FIRST,))
    key = shot.folder / "key.1001.png"
    Image.fromarray(np.full((64, 96, 3), (90, 120, 60), np.uint8)).save(key)
    data, chunk = key.read_bytes(), b"cICP" + bytes([*numbers, 0, 1])
    head = data.index(b"IDAT") - 4  # between the header and the pixels
    chunk = struct.pack(">I", 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    key.write_bytes(data[:head] + chunk + data[head:])
    assert shot.colorize("--reference", f"{FIRST}={key}", "--json", references=False) == 0
    assert messages(capsys, "input")[1] == f"Reference 1001 {key}: {told}"


@pytest.mark.parametrize("orientation", [1, 3])
def test_a_keyframe_that_viewers_turn_is_told(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str], orientation: int
) -> None:
    shot = make_shot(references=(FIRST,))
    rgb = np.dstack([channels(shot.reference(FIRST))[name] for name in "RGB"])
    key = shot.folder / "key.1001.jpg"
    exif = Image.Exif()
    exif[0x112] = orientation
    Image.fromarray(np.rint(np.clip(srgb_encode(rgb), 0, 1) * 255).astype(np.uint8)).save(key, exif=exif, quality=95)
    assert shot.colorize("--reference", f"{FIRST}={key}", "--json", references=False) == 0
    told = [line for line in messages(capsys, "warning") if "Exif orientation 3" in line]
    assert len(told) == (orientation == 3)
    assert all(line.startswith(f"Reference 1001 ({key})") and "save it turned" in line for line in told)


def test_each_input_is_reported_with_its_colour_space_and_the_reason(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot(references=(FIRST,))
    still = shot.folder / "look.png"
    file = oiio.ImageOutput.create(str(still))
    assert file.open(str(still), oiio.ImageSpec(96, 64, 3, "uint8"))
    assert file.write_image(np.random.RandomState(0).uniform(0, 1, (64, 96, 3)).astype(np.float32))
    file.close()
    assert shot.colorize("--still", str(still), "--json") == 0
    lines = messages(capsys, "input")
    assert lines == [
        f"Plate {shot.folder / 'plate.####.exr'}: linear Rec.709 (the default of EXR files)",
        f"Reference 1001 {shot.folder / 'ref.####.exr'}: linear Rec.709 (the default of EXR files)",
        f"Still {still}: sRGB (the default of PNG files)",
    ]
    assert shot.colorize("--still", str(still)) == 0
    printed = capsys.readouterr().err
    assert all(line in printed for line in lines)


@pytest.mark.parametrize("is_folder", [False, True])
def test_a_config_of_the_environment_that_cannot_be_read_is_named_though_nothing_needs_it(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, is_folder: bool
) -> None:
    shot = make_shot()
    config = shot.folder / "studio"
    if is_folder:
        config.mkdir()
    monkeypatch.setenv("OCIO", str(config))
    assert shot.colorize("--json") == 0
    found = messages(capsys, "warning")
    lines = [line for line in found if "studio (from $OCIO) cannot be used" in line]
    assert len(lines) == 1, found
    assert lines[0].endswith("Correct --ocio or $OCIO. No picture of this shot needs it.")
    monkeypatch.setenv("OCIO", BUILTIN_CONFIG)
    assert shot.colorize("--json") == 0
    assert not any("OpenColorIO" in line for line in messages(capsys, "warning"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param(["--ocio", BUILTIN_CONFIG], [BUILTIN_CONFIG, "decides nothing"], id="a config that nothing uses"),
        pytest.param(["--reuse", "missing/o.####.exr"], ["missing/o.####.exr", "--reuse"], id="nothing to reuse"),
        pytest.param(["--cuts", "1004-1005"], ["1004-1005", "1001-1005", "--cuts"], id="a dissolve without an end"),
    ],
)
def test_a_setting_without_effect_is_reported(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str], options: list[str], words: list[str]
) -> None:
    assert make_shot().colorize(*options, "--json") == 0
    warnings = messages(capsys, "warning")
    assert any(all(word in line for word in words) for line in warnings), warnings


@pytest.mark.parametrize("cuts", ["40", "1003,2000", "1000", "1003,1020-1030", "900-1000", "1004-1010", "990-1002"])
def test_a_cut_outside_of_the_plate_is_refused_before_anything_is_coloured(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str], cuts: str
) -> None:
    shot = make_shot()
    assert shot.colorize("--cuts", cuts) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    outside = f"{'dissolve' if '-' in cuts else 'frame'} {cuts.removeprefix('1003,')} "
    assert all(word in line for word in (outside, "plate.####.exr", "1001-1005", "--cuts"))
    assert not shot.written()


@pytest.mark.parametrize("cuts", ["1001,1004", "1004", "1004-1004", "1002,1004"])
def test_a_part_of_a_plate_is_coloured_with_the_cuts_of_all_of_it(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str], cuts: str
) -> None:
    """A list of cuts may begin with the plate's first frame. What is in no frame that is used needs no word."""
    shot = make_shot(references=(FIRST,))
    assert shot.colorize("--cuts", cuts, "--frames", f"{FIRST}-{FIRST + 2}", "--json") == 0
    assert not [line for line in messages(capsys, "warning") if "--cuts" in line]
    assert len(shot.written()) == 3


def test_a_cut_outside_of_the_plate_is_refused_by_every_command_that_reads_the_shot(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot()
    wish = shot.folder / "shot.json"
    assert shot.colorize("--write-shot", str(wish)) == 0
    asked = json.loads(wish.read_text())
    asked["method"]["cuts"] = "40"
    wish.write_text(json.dumps(asked))
    assert shot.colorize() == 0
    capsys.readouterr()
    for command in (
        ["colorize", "--shot", str(wish)],
        ["plan", "--shot", str(wish)],
        ["suggest", "--shot", str(wish)],
        ["farm", "openjd", "--shot", str(wish), "--output", str(shot.folder / "bundle")],
    ):
        assert main(command) == 2, command
        assert "frame 40 " in capsys.readouterr().err, command
    assert not (shot.folder / "bundle").exists()


def with_passes(shot: ShotOnDisk) -> None:
    """Write the plate as a render whose albedo pass comes before the beauty."""
    for frame in shot.frames:
        y = channels(shot.plate(frame))["Y"]
        albedo = {f"albedo.{name}": (np.full_like(y, 0.5), "half") for name in "RGB"}
        write_frame(shot.plate(frame), {**albedo, **{f"beauty.{name}": (y, "half") for name in "RGB"}})


def test_the_layer_in_use_is_reported_and_can_be_chosen(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot()
    whole = [channels(shot.plate(frame))["Y"] for frame in shot.frames]
    with_passes(shot)
    assert shot.colorize("--json") == 0
    assert "layer beauty" in messages(capsys, "input")[0]
    weights = [0.2126390, 0.7151687, 0.0721923]
    y = np.dstack([channels(shot.output(1003))[name] for name in "RGB"]) @ weights
    np.testing.assert_allclose(y, whole[2], rtol=3e-3)
    assert shot.colorize("--json", "--plate-layer", "albedo", "--output", str(shot.folder / "two/shot.####.exr")) == 0
    assert "layer albedo" in messages(capsys, "input")[0]
    assert shot.colorize("--plate-layer", "diffuse") == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert "diffuse" in line and "albedo" in line and "beauty" in line


def test_colour_that_begins_in_the_middle_of_a_plate_is_reported(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot()
    for frame in (1003, 1004):
        write_reference(shot.plate(frame), shot.scene.lightnesses[frame - FIRST], shot.scene.ab[frame - FIRST])
    assert shot.colorize("--json") == 0
    warnings = messages(capsys, "warning")
    assert any("Frame 1003" in line and "plate.1003.exr" in line and "luminance" in line for line in warnings)
    assert any("1003-1004" in line and "grey" in line for line in warnings)


def test_a_frame_of_another_file_type_within_the_plate_is_named(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot()
    file = oiio.ImageOutput.create("png")
    assert file.open(str(shot.folder / "a.png"), oiio.ImageSpec(96, 64, 3, "uint8"))
    assert file.write_image(np.zeros((64, 96, 3), np.float32))
    file.close()
    (shot.folder / "a.png").replace(shot.plate(1003))
    assert shot.colorize() == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert "1003" in line and "png" in line and "openexr" in line


def test_a_keyframe_of_another_file_type_without_a_colour_space_is_named(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot(references=(FIRST,))
    key = shot.folder / "key.dpx"
    save(key, np.full((64, 96, 3), 0.5, np.float32))
    assert shot.colorize("--reference", f"{FIRST}={key}", "--colorspace", "ACEScct", references=False) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert "key.dpx" in line and "shot file" in line
