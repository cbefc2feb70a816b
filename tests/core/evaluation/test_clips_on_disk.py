"""Clips as movies and as pictures of every type: found, read by the right colour, and measured as the same pictures."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import OpenImageIO as oiio
import psutil
import pytest
import torch
from movie_clips import ramp, write_clip
from scenes import pan

from stcolor_core.cli import main
from stcolor_core.errors import BadRequest, ColorError, PlateError
from stcolor_core.evaluation import tasks
from stcolor_core.evaluation.dataset import read_dataset, sequence_names
from stcolor_core.evaluation.run import evaluate
from stcolor_core.images.color import lab_to_srgb, srgb_decode
from stcolor_core.training.pictures import load_clips

CPU = torch.device("cpu")
COUNT = 12
SIZE = (96, 54)  # width, height
Codes = np.ndarray


def frames_of_a_wall(count: int = COUNT) -> list[Codes]:
    """Return 8-bit RGB, (54, 96, 3)."""
    scene = pan(count, height=SIZE[1], width=SIZE[0], step=1)
    pictures = [lab_to_srgb(np.dstack(pair)) for pair in zip(scene.lightnesses, scene.ab, strict=True)]
    return [np.rint(255 * picture).astype(np.uint8) for picture in pictures]


def write_pictures(folder: Path, frames: list[Codes], *, suffix: str = ".png", first: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(frames, first):
        codes = frame[..., ::-1] if frame.ndim == 3 else frame
        (folder / f"{number:05d}{suffix}").write_bytes(cv2.imencode(suffix, codes)[1].tobytes())
    return folder


def write_movie(path: Path, frames: list[Codes], *, codec: str = "ffv1", layout: str = "bgr0") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"qp": "1", "g": "5"} if codec == "libx264" else {}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = layout
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format=layout)))
        container.mux(stream.encode(None))
    return path


def write_masks(folder: Path, *, first: int, count: int = COUNT) -> Path:
    masks = [np.zeros(SIZE[::-1], np.uint8) for _ in range(count)]
    for number, mask in enumerate(masks):
        mask[10:30, 20 + number : 60] = 255
    return write_pictures(folder, masks, first=first)


def figures(directory: Path, **options: object) -> dict[str, dict[str, float | None]]:
    """Return every figure but the time, by variant; None for NaN."""
    options = {"protocols": ["first"], "variants": ["grey", "chained"], "lines": 54, "device": CPU, **options}
    (results,) = evaluate(directory, **options).values()
    scores = {variant: dataclasses.asdict(row["wall"].score) for variant, row in results.items()}
    return {
        variant: {name: None if np.isnan(value) else value for name, value in score.items() if name != "seconds"}
        for variant, score in scores.items()
    }


def write_exr(path: Path, pixels: np.ndarray, channels: tuple[str, ...] = ("R", "G", "B")) -> None:
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], "float")
    spec.channelnames = channels
    file = oiio.ImageOutput.create(str(path))
    assert file.open(str(path), spec)
    file.write_image(np.ascontiguousarray(pixels, np.float32))
    file.close()


@pytest.fixture(scope="module")
def frames() -> list[Codes]:
    return frames_of_a_wall()


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_lossless_movie_has_exactly_the_figures_of_its_pictures(
    suffix: str, frames: list[Codes], tmp_path: Path
) -> None:
    folder = write_pictures(tmp_path / "pictures" / "wall", frames, suffix=suffix)
    shown = [cv2.imread(str(path))[..., ::-1] for path in sorted(folder.iterdir())]
    write_movie(tmp_path / "movies" / "wall.mkv", shown)
    write_movie(tmp_path / "inside" / "wall" / "plate_v2.mkv", shown)
    write_masks(tmp_path / "pictures_masks" / "wall", first=0)
    write_masks(tmp_path / "movies_masks" / "wall", first=1)
    expected = figures(tmp_path / "pictures")
    assert expected["chained"]["inner"] != expected["chained"]["outer"], "the masks count"
    assert figures(tmp_path / "movies") == expected
    found = figures(tmp_path / "inside")
    for name in ("full", "ab_psnr", "flicker"):
        assert found["chained"][name] == expected["chained"][name], name
    for pictures, movie in zip(*(read_dataset(tmp_path / name) for name in ("pictures", "movies")), strict=True):
        for index in (7, 2, 11):
            np.testing.assert_array_equal(pictures.rgb(index), movie.rgb(index), strict=True)
        assert movie.native_size == pictures.native_size == SIZE


@pytest.mark.slow
def test_worker_processes_give_the_figures_of_a_movie_too(frames: list[Codes], tmp_path: Path) -> None:
    write_pictures(tmp_path / "pictures" / "wall", frames)
    write_movie(tmp_path / "movies" / "wall.mkv", frames)
    write_movie(tmp_path / "movies" / "other.mkv", frames[::-1])
    assert figures(tmp_path / "movies", workers=2) == figures(tmp_path / "pictures")


def test_movies_are_measured_by_the_protocols_of_others(frames: list[Codes], tmp_path: Path) -> None:
    write_movie(tmp_path / "set" / "wall.mp4", frames_of_a_wall(23), codec="libx264", layout="yuv420p")
    write_movie(tmp_path / "set" / "blackswan.mov", frames, codec="libx264", layout="yuv444p")
    (tmp_path / "set" / "unused.mp4").write_bytes(b"not opened: it is in neither list")
    only = tmp_path / "list.json"
    only.write_text('{"references": [0, -1], "frames": 8, "sequences": ["wall"]}')
    options = {"variants": ["grey"], "device": CPU, "lines": 54}
    msu = evaluate(tmp_path / "set", protocols=["msu-two-anchors"], names=["wall"], **options)["msu-two-anchors"]
    davis = evaluate(tmp_path / "set", protocols=["colormnet-davis"], **options)["colormnet-davis"]
    listed = evaluate(tmp_path / "set", protocols=[str(only)], **options)["list"]
    assert [set(table["grey"]) for table in (msu, davis, listed)] == [{"wall"}, {"blackswan"}, {"wall"}]
    with pytest.raises(BadRequest, match="needs 20 or more"):
        evaluate(tmp_path / "set", protocols=["msu"], names=["blackswan"], **options)
    with pytest.raises(PlateError, match=r"unused\.mp4 cannot be read as a movie"):
        evaluate(tmp_path / "set", protocols=["first"], **options)


def test_an_evaluation_of_a_movie_goes_on_until_the_movie_changes(
    frames: list[Codes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    movie = write_movie(tmp_path / "set" / "wall.mkv", frames)
    first = figures(tmp_path / "set", output=tmp_path / "out")
    with monkeypatch.context() as context:
        context.setattr(tasks, "_measure", lambda task: pytest.fail(f"{task} is measured again"))
        assert figures(tmp_path / "set", output=tmp_path / "out") == first
    write_movie(movie, frames[::-1])
    assert figures(tmp_path / "set", output=tmp_path / "out") != first


def test_a_movie_of_ten_bits_odd_size_or_alpha_is_read_by_its_codes(tmp_path: Path) -> None:
    height, width = 33, 47
    codes = [ramp(height, width, bits=10, number=number) for number in range(3)]
    write_clip(tmp_path / "deep.mkv", [(plane, plane, plane) for plane in codes], layout="gbrp10le")
    codes8 = ramp(height, width, bits=8)
    see_through = (codes[0], codes[0], codes[0], codes[0] // 2)
    write_clip(tmp_path / "alpha.mkv", [see_through], layout="gbrap10le")
    write_clip(tmp_path / "grey.mkv", [(codes8,)], layout="gray")
    clips = {clip.name: clip for clip in read_dataset(tmp_path, width=width, height=height)}
    np.testing.assert_allclose(clips["deep"].rgb(2), np.dstack([codes[2]] * 3) / 1023, atol=1e-6)
    np.testing.assert_allclose(clips["alpha"].rgb(0), np.dstack([codes[0]] * 3) / 1023, atol=1e-6)
    np.testing.assert_allclose(clips["grey"].rgb(0), np.dstack([codes8] * 3) / 255, atol=1e-6)
    assert {name: len(clip) for name, clip in clips.items()} == {"alpha": 1, "deep": 3, "grey": 1}


def test_the_codes_of_a_movie_count_as_srgb_unless_its_tags_say_that_they_are_something_else(tmp_path: Path) -> None:
    size = (8, 16)
    green, blue, red = (np.full(size, code, np.uint16) for code in (400, 200, 800))

    def read(name: str, primaries: int, transfer: int, planes: tuple[Codes, ...] = (green, blue, red)) -> np.ndarray:
        write_clip(tmp_path / name / "a.mkv", [planes], layout="gbrp10le", tags=(primaries, transfer, 0, 2))
        (clip,) = read_dataset(tmp_path / name, width=size[1], height=size[0])
        return clip.rgb(0)[0, 0]

    for name in ("709", "linear", "2020", "white", "pq"):
        (tmp_path / name).mkdir()
    encoded = np.array([800, 400, 200]) / 1023
    np.testing.assert_allclose(read("709", 1, 1), encoded, atol=1e-6)
    np.testing.assert_allclose(srgb_decode(read("linear", 1, 8)), encoded, atol=1e-5)
    assert np.abs(read("2020", 9, 14) - encoded).max() > 0.05, "colours of a wide gamut are converted"
    grey = np.full(size, 612, np.uint16)
    np.testing.assert_allclose(read("white", 9, 14, (grey,) * 3), 612 / 1023, atol=1e-4)
    with pytest.raises(ColorError, match=r"a\.mkv cannot be told.*--colorspace"):
        read("pq", 9, 16)


def test_pictures_of_every_type_are_read_by_its_colour_space(
    frames: list[Codes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = frames[0].astype(np.float32) / 255
    linear = srgb_decode(picture)
    for name in ("exr", "tiff", "png16", "dpx"):
        (tmp_path / name / name).mkdir(parents=True)
    alpha = np.full((*SIZE[::-1], 1), 0.25, np.float32)
    write_exr(tmp_path / "exr" / "exr" / "1001.exr", np.dstack([4 * linear, alpha]), ("R", "G", "B", "A"))
    write_exr(tmp_path / "exr" / "exr" / "1002.exr", linear)
    oiio.ImageBuf(linear).write(str(tmp_path / "tiff" / "tiff" / "a.tif"), "float")
    deep = np.rint(65535 * picture).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "png16" / "png16" / "a.png"), deep[..., ::-1] + np.uint16(0))
    oiio.ImageBuf(picture).write(str(tmp_path / "dpx" / "dpx" / "a.dpx"), "uint16")

    def read(name: str, index: int = 0, colorspace: str | None = None) -> np.ndarray:
        (clip,) = read_dataset(tmp_path / name, width=SIZE[0], height=SIZE[1], colorspace=colorspace)
        return clip.rgb(index)

    bright = read("exr")
    assert bright.max() == 1, "light above white is clipped"
    np.testing.assert_allclose(srgb_decode(bright), np.clip(4 * linear, 0, 1), atol=1e-5)
    for name, index in (("exr", 1), ("tiff", 0), ("png16", 0)):
        np.testing.assert_allclose(read(name, index), picture, atol=2e-5, err_msg=name)
    with pytest.raises(ColorError, match=r"a\.dpx cannot be told by its type\. Name it with `stcolor evaluate --color"):
        read("dpx")
    np.testing.assert_allclose(read("dpx", colorspace="sRGB - Texture"), picture, atol=1e-3)
    np.testing.assert_allclose(read("png16", colorspace="Linear Rec.709 (sRGB)"), lab_to_srgb_of(picture), atol=1e-3)
    call = ["evaluate", "--dataset", str(tmp_path / "dpx"), "--protocol", "first", "--colorspace", "nonsense"]
    write_pictures(tmp_path / "dpx" / "wall", frames)
    assert main([*call, "--variants", "grey", "--sequences", "wall"]) == 2
    assert "Colour space 'nonsense' is unknown" in capsys.readouterr().err


def lab_to_srgb_of(linear: np.ndarray) -> np.ndarray:
    """Return linear light as sRGB, by the formula of IEC 61966-2-1."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)


def test_hidden_files_are_no_clips_and_numbers_count_by_their_value(frames: list[Codes], tmp_path: Path) -> None:
    write_movie(tmp_path / "wall.mkv", frames[:2])
    for name in ("._wall.mkv", ".wall.mp4", "notes.txt"):
        (tmp_path / name).write_bytes(b"no movie")
    write_pictures(tmp_path / ".thumbnails", frames[:2])
    for number in (9, 10, 100):
        write_pictures(tmp_path / "plate", [frames[0]], first=number)
        (tmp_path / "plate" / f"{number:05d}.png").rename(tmp_path / "plate" / f"plate_{number}.png")
    assert sequence_names(tmp_path) == ["plate", "wall"]
    plate = read_dataset(tmp_path, names=["plate"])[0]
    assert [path.stem for path in plate.files] == ["plate_9", "plate_10", "plate_100"]


def test_two_clips_of_one_name_are_refused(frames: list[Codes], tmp_path: Path) -> None:
    write_movie(tmp_path / "a" / "wall.mkv", frames[:2])
    write_pictures(tmp_path / "a" / "wall", frames[:2])
    with pytest.raises(BadRequest, match=r"two sequences 'wall': wall and wall\.mkv\. Rename one"):
        read_dataset(tmp_path / "a")
    for name in ("one.mkv", "two.mkv"):
        write_movie(tmp_path / "b" / "wall" / name, frames[:2])
    with pytest.raises(BadRequest, match=r"several movies for wall \(one\.mkv, two\.mkv\).*as the data set"):
        read_dataset(tmp_path / "b")
    write_pictures(tmp_path / "c" / "wall", frames[:2])
    write_pictures(tmp_path / "c" / "wall", frames[:2], suffix=".jpg")
    with pytest.raises(BadRequest, match=r"two pictures of frame 00000 \(00000\.jpg and 00000\.png\)"):
        read_dataset(tmp_path / "c")


def test_masks_that_do_not_fit_a_movie_are_named(frames: list[Codes], tmp_path: Path) -> None:
    write_movie(tmp_path / "set" / "wall.mkv", frames)
    folder = write_masks(tmp_path / "set_masks" / "wall", first=1001)
    (clip,) = read_dataset(tmp_path / "set", width=SIZE[0], height=SIZE[1])
    assert [int(clip.mask(index).sum()) for index in (0, 11)] == [20 * 40, 20 * 29]
    (folder / "01005.png").rename(folder / "01020.png")
    with pytest.raises(BadRequest, match=r"lack number 1005\. Number them"):
        read_dataset(tmp_path / "set")
    (folder / "01020.png").unlink()
    with pytest.raises(BadRequest, match=r"are 11 numbered pictures, and .*wall\.mkv has 12 frames"):
        read_dataset(tmp_path / "set")


def test_a_damaged_movie_is_named_with_its_frame_and_a_remedy(
    frames: list[Codes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "wall.mp4").write_bytes(b"no movie")
    with pytest.raises(PlateError, match=r"wall\.mp4 cannot be read as a movie.*copy it again"):
        read_dataset(tmp_path / "bad")
    movie = write_movie(tmp_path / "cut" / "wall.avi", frames, codec="mjpeg", layout="yuvj420p")
    data = bytearray(movie.read_bytes())
    starts = [place for place in range(len(data)) if data[place : place + 3] == b"\xff\xd8\xff"]
    assert len(starts) == COUNT
    data[starts[7] : starts[8] - 8] = bytes(starts[8] - 8 - starts[7])
    movie.write_bytes(data)
    call = ["evaluate", "--dataset", str(tmp_path / "cut"), "--protocol", "first", "--variants", "grey"]
    assert main([*call, "--output", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert f"Frame 7 of {movie} is truncated or damaged" in error and "export the movie again" in error
    assert "Traceback" not in error
    assert not (tmp_path / "out" / "results.json").exists()


@pytest.mark.parametrize("name", ["wall.mkv", "wall.avi", "wall.mxf"])
def test_a_movie_that_was_cut_short_is_refused(name: str, frames: list[Codes], tmp_path: Path) -> None:
    layouts = {"ffv1": "bgr0", "mpeg2video": "yuv420p"}
    codec = "mpeg2video" if name.endswith("mxf") else "ffv1"
    movie = write_movie(tmp_path / name, frames, codec=codec, layout=layouts[codec])
    (clip,) = read_dataset(tmp_path)
    assert len(clip) == COUNT
    data = movie.read_bytes()
    movie.write_bytes(data[: len(data) // 2])
    with pytest.raises(PlateError, match=rf"{name} holds \d of the 12 frames .*cut short\. Copy or export it again"):
        read_dataset(tmp_path)


def test_a_movie_whose_sound_is_longer_is_not_taken_for_one_that_was_cut_short(
    frames: list[Codes], tmp_path: Path
) -> None:
    with av.open(str(tmp_path / "wall.mkv"), "w") as container:
        stream, sound = container.add_stream("ffv1", rate=25), container.add_stream("pcm_s16le", rate=8000)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, sound.layout = "bgr0", "mono"
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format="bgr0")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.int16), format="s16", layout="mono")
        samples.sample_rate = 8000
        container.mux(sound.encode(samples))
    (clip,) = read_dataset(tmp_path)
    assert len(clip) == COUNT


def test_a_picture_of_another_size_is_named_and_not_stretched(
    frames: list[Codes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_pictures(tmp_path / "set" / "wall", frames)
    write_pictures(folder, [frames[4][:, :50]], first=4)
    call = ["evaluate", "--dataset", str(tmp_path / "set"), "--protocol", "first", "--variants", "grey"]
    assert main([*call, "--output", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert "00004.png has 50 x 54 px, but the first picture of its clip has 96 x 54. Give all frames" in error
    assert not (tmp_path / "out" / "results.json").exists()


def test_frames_that_a_clip_lacks_and_folders_without_frames_are_said(
    frames: list[Codes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, numbers in (("wall", (0, 1, 2, 4, 5, 9, 10)), ("fifth", (0, 5, 10, 15)), ("all", (7, 8, 9))):
        for number in numbers:
            write_pictures(tmp_path / name, [frames[number % COUNT]], first=number)
    (tmp_path / "empty").mkdir()
    evaluate(tmp_path, protocols=["first", "first-whole"], variants=["grey"], lines=54, device=CPU)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("stcolor: ")]
    assert len([line for line in lines if "The clip wall lacks frames 3, 6-8 in " in line]) == 1
    assert len([line for line in lines if f"{tmp_path / 'empty'} holds neither a picture nor a movie" in line]) == 1
    assert not any("fifth" in line or "The clip all" in line for line in lines)
    only = tmp_path / "list.json"
    only.write_text('{"references": [0], "frames": 3}')
    evaluate(tmp_path, protocols=[str(only)], variants=["grey"], names=["wall"], lines=54, device=CPU)
    assert "lacks frames" not in capsys.readouterr().err, "the first three are used, and none is missing there"


def test_a_movie_without_a_constant_rate_is_refused_with_a_remedy(tmp_path: Path) -> None:
    plane = ramp(16, 32, bits=10)
    times = [0, 10, 35, 41, 80]
    write_clip(tmp_path / "wall.mkv", [(plane, plane, plane)] * 5, layout="gbrp10le", times=times)
    with pytest.raises(PlateError, match="variable frame rate"):
        read_dataset(tmp_path)


def test_movies_without_pyav_say_how_to_install_it(
    frames: list[Codes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_movie(tmp_path / "wall.mkv", frames[:2])
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(BadRequest, match="Movies need PyAV"):
        read_dataset(tmp_path)


def test_a_truncated_picture_is_refused_and_not_filled_up_with_grey(frames: list[Codes], tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "wall", frames[:2], suffix=".jpg")
    data = (folder / "00001.jpg").read_bytes()
    (folder / "00001.jpg").write_bytes(data[: len(data) // 2])
    (clip,) = read_dataset(tmp_path)
    clip.rgb(0)
    with pytest.raises(PlateError, match=r"00001\.jpg is truncated"):
        clip.rgb(1)


def test_a_clip_that_memory_cannot_hold_is_refused_before_it_is_read(
    frames: list[Codes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_movie(tmp_path / "wall.mkv", frames)
    memory = psutil.virtual_memory()._replace(total=12 * 384 * 216 * 24 - 1)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    with pytest.raises(BadRequest, match=r"12 frames of the clip wall at 384 x 216 take .* Lower --lines"):
        evaluate(tmp_path, protocols=["first"], variants=["grey"], device=CPU)
    evaluate(tmp_path, protocols=["first"], variants=["grey"], device=CPU, lines=54)


def test_training_reads_movies_as_it_reads_pictures(frames: list[Codes], tmp_path: Path) -> None:
    for name, own in (("a", frames), ("b", frames[::-1]), ("c", frames[3:9])):
        write_pictures(tmp_path / "pictures" / name, own)
        write_movie(tmp_path / "movies" / f"{name}.mkv", own)
    pictures, movies = (load_clips(read_dataset(tmp_path / kind), CPU) for kind in ("pictures", "movies"))
    assert [len(clip) for clip in movies] == [12, 12, 6]
    for picture, movie in zip(pictures, movies, strict=True):
        assert torch.equal(picture, movie)


def test_results_that_are_numbered_from_another_frame_on_are_taken_in_their_order(
    frames: list[Codes], tmp_path: Path
) -> None:
    """ffmpeg numbers pictures from 1: frame 1 of the results is frame 0 of the clip."""
    write_pictures(tmp_path / "set" / "wall", frames)
    write_pictures(tmp_path / "results" / "theirs" / "wall", frames, first=1)
    row = figures(tmp_path / "set", variants=["grey"], against=[tmp_path / "results" / "theirs"])
    assert row["theirs"]["full"] == np.inf


def test_results_for_a_movie_are_found_by_number_or_place(frames: list[Codes], tmp_path: Path) -> None:
    write_movie(tmp_path / "set" / "wall.mkv", frames)
    for name, own, first in (("all", frames, 1), ("inner", frames[1:], 1)):
        write_pictures(tmp_path / "results" / name / "wall", own, first=first)
    write_movie(tmp_path / "results" / "movie" / "wall.mkv", frames)
    folders = [tmp_path / "results" / name for name in ("all", "inner", "movie")]
    row = figures(tmp_path / "set", variants=["grey"], against=folders, output=tmp_path / "out")
    assert {row[name]["full"] for name in ("all", "inner", "movie")} == {np.inf}
    assert json.loads((tmp_path / "out" / "results.json").read_text())["first"]["inner"]["wall"]["full"] == "inf"
