from __future__ import annotations

import builtins
import subprocess
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from movie_clips import decode_with_ffmpeg, fill, grey_planes, needs_ffmpeg, ramp, write_clip

from stcolor_core.errors import BadRequest, PlateError
from stcolor_core.images import plates
from stcolor_core.movies.color import tagged_space
from stcolor_core.movies.plate_frames import movie_frames, read_plate_frame, read_plate_header
from stcolor_core.movies.reader import Movie, open_movie
from stcolor_core.pipeline.inputs import ShotInputs
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Plate
from stcolor_core.shots.shot import Shot

LAYOUTS = {
    "yuv420p": (8, 2, 2),
    "yuv422p": (8, 1, 2),
    "yuv444p10le": (10, 1, 1),
    "yuv422p12le": (12, 1, 2),
    "yuv420p16le": (16, 2, 2),
}


@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_grey_movie_without_loss_gives_every_code_exactly(layout: str, full: bool, tmp_path: Path) -> None:
    bits, rows, columns = LAYOUTS[layout]
    planes = [grey_planes(ramp(35, 51, bits=bits, number=n), bits=bits, rows=rows, columns=columns) for n in range(3)]
    movie = Movie(write_clip(tmp_path / "a.mkv", planes, layout=layout, tags=(1, 1, 1, 2 if full else 1)))
    black, span = (0, (1 << bits) - 1) if full else (16 << (bits - 8), 219 << (bits - 8))
    for place in (2, 0, 1):
        pixels = movie.read(place, frame=1001 + place).pixels
        expected = (planes[place][0].astype(np.float64) - black) / span
        assert pixels.shape == (35, 51, 3)
        assert (pixels == pixels[..., :1]).all()
        assert np.abs(pixels[..., 0] - expected).max() < 1e-6


def test_codes_beyond_black_and_white_are_kept(tmp_path: Path) -> None:
    movie = Movie(write_clip(tmp_path / "a.mkv", [grey_planes(ramp(32, 64, bits=10), bits=10)]))
    pixels = movie.read(0, frame=1).pixels
    assert pixels.min() < -0.01
    assert pixels.max() > 1.05


@pytest.mark.parametrize(("layout", "bits"), [("gbrp10le", 10), ("gbrp16le", 16), ("bgr0", 8), ("gray10le", 10)])
def test_movies_of_rgb_and_of_grey_give_every_code_exactly(layout: str, bits: int, tmp_path: Path) -> None:
    full = np.asarray(np.linspace(0, (1 << bits) - 1, 33 * 47).reshape(33, 47), np.uint8 if bits == 8 else np.uint16)
    count = 1 if "gray" in layout else 3
    planes = [full, full[::-1], full[:, ::-1]][:count]
    if layout == "bgr0":
        packed = np.stack([planes[1], planes[0], planes[2], np.zeros_like(full)], axis=-1)
        stored = [packed.reshape(33, -1)]
    else:
        stored = planes
    clip = write_packed(tmp_path / "a.mkv", stored, layout, width=47)
    pixels = Movie(clip).read(0, frame=1).pixels
    order = [0] if count == 1 else [2, 0, 1]
    for channel, place in enumerate(order):
        expected = planes[place] / ((1 << bits) - 1)
        assert np.abs(pixels[..., channel] - expected).max() < 1e-6


def write_packed(path: Path, stored: list[Any], layout: str, *, width: int) -> Path:
    if layout != "bgr0":
        return write_clip(path, [stored], layout=layout)
    import av
    from movie_clips import fill

    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = width, len(stored[0]), layout
        frame = av.VideoFrame(width, len(stored[0]), layout)
        fill(frame.planes[0], stored[0])
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return path


@needs_ffmpeg
@pytest.mark.parametrize("tagged_full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize(
    ("suffix", "codec", "layout", "options"),
    [
        (".mov", "prores_ks", "yuv422p10le", {"profile": "3"}),
        (".mov", "prores_ks", "yuv444p10le", {"profile": "4"}),
        (".mov", "dnxhd", "yuv422p10le", {"profile": "dnxhr_hqx"}),
        (".mxf", "dnxhd", "yuv422p10le", {"profile": "dnxhr_hqx"}),
        (".mp4", "libx264", "yuv420p", {"crf": "12"}),
        (".mov", "libx264", "yuv420p10le", {"crf": "12"}),
        (".mkv", "ffv1", "yuv422p12le", {}),
    ],
)
def test_colour_is_decoded_as_ffmpeg_decodes_it(
    suffix: str, codec: str, layout: str, options: dict[str, str], tagged_full: bool, tmp_path: Path
) -> None:
    bits = 8 if layout.endswith("p") else int(layout.removesuffix("le").rpartition("p")[2])
    rows, columns = (2, 2) if "420" in layout else (1, 2) if "422" in layout else (1, 1)
    height, width = 128, 256
    clip = write_clip(
        tmp_path / f"a{suffix}",
        [colour_planes(height, width, bits=bits, rows=rows, columns=columns, number=n) for n in range(4)],
        codec=codec,
        layout=layout,
        options=options,
        tags=(1, 1, 1, 2 if tagged_full else 1),
    )
    movie = open_movie(clip)
    # ProRes has no flag for full range, so it stays limited
    white = ((1 << bits) - 1) << (16 - bits) if movie.info.tags.full_range else 255 << 8
    code = 1 / ((1 << bits) - 1)
    for place in (3, 1):
        ours = np.clip(movie.read(place, frame=place).pixels, 0, 1)
        theirs = decode_with_ffmpeg(clip, place=place, width=width, height=height, white=white)
        assert np.abs(ours - theirs).max() <= code


@pytest.mark.parametrize(("layout", "bits"), [("rgb24", 8), ("rgb48be", 16), ("gray16be", 16)])
def test_pictures_in_a_movie_are_read_as_openimageio_reads_them(layout: str, bits: int, tmp_path: Path) -> None:
    import av

    codes = np.random.default_rng(4).integers(0, 1 << bits, (3, 33, 3 * 47)).astype(np.uint8 if bits == 8 else ">u2")
    if "gray" in layout:
        codes = codes[:, :, :47]
    clip = tmp_path / "pictures.mov"
    with av.open(str(clip), "w") as container:
        stream: Any = container.add_stream("png", rate=24)
        stream.width, stream.height, stream.pix_fmt = 47, 33, layout
        for number, values in enumerate(codes):
            frame = av.VideoFrame(47, 33, layout)
            fill(frame.planes[0], values)
            frame.pts = number
            for packet in stream.encode(frame):
                (tmp_path / f"picture.{number}.png").write_bytes(bytes(packet))
                container.mux(packet)
    movie = open_movie(clip)
    for place in (2, 0, 1):
        theirs = plates.read_plate(tmp_path / f"picture.{place}.png").pixels
        ours = movie.read(place, frame=place).pixels
        assert ours.shape == theirs.shape
        assert np.abs(ours - theirs).max() < 1e-6


def colour_planes(
    height: int, width: int, *, bits: int, rows: int, columns: int, number: int
) -> tuple[np.ndarray[Any, Any], ...]:
    """Return smooth planes of colour: how chroma is interpolated at edges is each program's own choice."""
    kind, scale = (np.uint8 if bits == 8 else np.uint16), 1 << (bits - 8)
    y, x = np.mgrid[0:height, 0:width]
    luma = 120 + 60 * np.sin(x / 40 + number / 3) * np.cos(y / 30)
    cy, cx = np.mgrid[0:height:rows, 0:width:columns]
    cb, cr = 128 + 30 * np.sin(cx / 60 + number / 5), 128 + 25 * np.cos(cy / 50)
    return tuple(np.asarray(np.rint(plane * scale), kind) for plane in (luma, cb, cr))


@pytest.mark.parametrize(
    "options",
    [
        {"g": "12", "bf": "3"},
        {"g": "12", "bf": "3", "x264-params": "open-gop=1"},
        {"g": "250", "bf": "0"},
    ],
    ids=["closed groups", "open groups", "one group"],
)
def test_frames_are_the_same_in_any_order_and_from_threads(options: dict[str, str], tmp_path: Path) -> None:
    frames = [grey_planes(ramp(64, 96, bits=8, number=n), bits=8, rows=2, columns=2) for n in range(40)]
    clip = write_clip(tmp_path / "a.mp4", frames, codec="libx264", layout="yuv420p", options=options)
    straight = Movie(clip)
    expected = [straight.read(place, frame=place).pixels for place in range(40)]
    assert len({picture.tobytes() for picture in expected}) == 40
    mixed = Movie(clip)
    mixed._most_cached = 4
    order = [int(place) for place in np.random.default_rng(3).permutation(40)] + list(range(39, -1, -1))
    with ThreadPoolExecutor(4) as threads:
        for place, picture in zip(order, threads.map(lambda place: mixed.read(place, frame=place), order), strict=True):
            assert np.array_equal(picture.pixels, expected[place]), place
            assert len(mixed._cache) <= 4


def test_stepping_backwards_decodes_a_group_once(tmp_path: Path) -> None:
    frames = [grey_planes(ramp(64, 96, bits=8, number=n), bits=8, rows=2, columns=2) for n in range(40)]
    clip = write_clip(tmp_path / "a.mp4", frames, codec="libx264", layout="yuv420p", options={"g": "250"})
    movie = Movie(clip)
    seeks: list[int] = []
    seek = movie._seek
    movie._seek = lambda time: (seeks.append(time), seek(time))[1]  # type: ignore[method-assign,assignment]
    for place in range(39, -1, -1):
        movie.read(place, frame=place)
    assert len(seeks) == 1


@pytest.mark.parametrize(
    ("timecode", "rate", "first"),
    [
        ("01:00:00:00", 24, 86400),
        ("00:01:00;02", Fraction(30000, 1001), 1800),
        ("10:00:00;00", Fraction(30000, 1001), 1078920),
        ("00:00:10:12", 25, 262),
        (None, 24, 1),
    ],
)
def test_frame_numbers_come_from_the_timecode(
    timecode: str | None, rate: Fraction | int, first: int, tmp_path: Path
) -> None:
    frames = [grey_planes(ramp(32, 48, bits=10, number=n), bits=10, columns=2) for n in range(5)]
    clip = write_clip(tmp_path / "a.mov", frames, codec="prores_ks", layout="yuv422p10le", rate=rate, timecode=timecode)
    assert movie_frames(clip, first_frame=None) == range(first, first + 5)
    assert movie_frames(clip, first_frame=1001) == range(1001, 1006)
    assert open_movie(clip).info.rate == rate


def test_a_frame_carries_its_timecode_and_rate(tmp_path: Path) -> None:
    frames = [grey_planes(ramp(32, 48, bits=10, number=n), bits=10, columns=2) for n in range(5)]
    clip = write_clip(
        tmp_path / "a.mov", frames, codec="prores_ks", layout="yuv422p10le", rate=24, timecode="12:34:56:22"
    )
    header = read_plate_header(clip, frame=1002, first_frame=1000)
    assert header.metadata["FramesPerSecond"] == (24, 1)
    assert header.metadata["smpte:TimeCode"][0] == 0x12345700  # two frames after 12:34:56:22


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_variable_frame_rate_is_refused(suffix: str, tmp_path: Path) -> None:
    frames = [grey_planes(ramp(32, 48, bits=8, number=n), bits=8, rows=2, columns=2) for n in range(6)]
    times = [0, 10, 20, 45, 55, 65]  # the fourth frame comes one and a half frames late
    clip = write_clip(tmp_path / f"a{suffix}", frames, codec="libx264", layout="yuv420p", times=times)
    with pytest.raises(PlateError, match=r"a\.m.*variable frame rate.*ffmpeg"):
        open_movie(clip)


@pytest.mark.parametrize("rate", [24, Fraction(24000, 1001), 25, Fraction(60000, 1001)])
def test_a_constant_rate_is_found_although_the_clock_of_the_file_is_coarse(
    rate: Fraction | int, tmp_path: Path
) -> None:
    frames = [grey_planes(ramp(32, 48, bits=10, number=n), bits=10) for n in range(30)]
    clip = write_clip(tmp_path / "a.mkv", frames, rate=rate)  # Matroska counts milliseconds
    assert open_movie(clip).info.rate == rate


@needs_ffmpeg
def test_an_interlaced_movie_is_flagged(tmp_path: Path) -> None:
    for name, flags in (("i.mov", ["-flags", "+ildct", "-top", "1"]), ("p.mov", [])):
        source = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=0.2"]
        filters = ["-vf", "setfield=tff"] if flags else []
        command = ["ffmpeg", "-v", "error", *source, *filters, "-c:v", "prores_ks", *flags, str(tmp_path / name)]
        subprocess.run(command, check=True)
    assert open_movie(tmp_path / "i.mov").info.interlaced
    assert not open_movie(tmp_path / "p.mov").info.interlaced
    for name, expected in (("i.mov", 1), ("p.mov", 0)):
        told: list[str] = []
        shot = Shot(plate=Plate(path=str(tmp_path / name)), output=Output(path=str(tmp_path / "out.####.exr")))
        ShotInputs(shot, warn=told.append)
        assert len([line for line in told if "interlaced" in line and name in line]) == expected


def test_a_frame_outside_the_movie_is_named_with_the_remedy(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mkv", [grey_planes(ramp(32, 48, bits=10), bits=10)])
    with pytest.raises(PlateError, match=r"a\.mkv.* frame 9.*1-1.*--first-frame"):
        read_plate_frame(clip, frame=9)
    with pytest.raises(PlateError, match="no layers"):
        read_plate_frame(clip, frame=1, layer="left")


def test_a_truncated_movie_is_refused_by_file_and_frame(tmp_path: Path) -> None:
    frames = [grey_planes(ramp(64, 96, bits=10, number=n), bits=10, columns=2) for n in range(12)]
    whole = write_clip(tmp_path / "a.mov", frames, codec="prores_ks", layout="yuv422p10le", options={"profile": "3"})
    faststart = tmp_path / "b.mov"
    import av

    with av.open(str(whole)) as source, av.open(str(faststart), "w", options={"movflags": "faststart"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    data = faststart.read_bytes()
    cut = tmp_path / "cut.mov"
    cut.write_bytes(data[: len(data) * 2 // 3])
    movie = open_movie(cut)
    assert movie.read(0, frame=1001).pixels.shape == (64, 96, 3)
    with pytest.raises(PlateError, match=r"Frame 1012.*cut\.mov"):
        movie.read(11, frame=1012)
    assert movie.read(0, frame=1001).pixels.shape == (64, 96, 3)  # an error does not spoil what can be read
    cut.write_bytes(whole.read_bytes()[:2000])
    with pytest.raises(PlateError, match=r"cut\.mov cannot be read as a movie"):
        open_movie(cut)


def test_a_movie_that_was_cut_behind_its_only_key_frame_is_refused_by_name(tmp_path: Path) -> None:
    """HEVC skips what it cannot decode without an error, so that such a movie gives no frame at all."""
    import av

    if "libx265" not in av.codecs_available:
        pytest.skip("needs x265")
    frames = [grey_planes(ramp(96, 128, bits=8, number=n), bits=8, rows=2, columns=2) for n in range(4)]
    options = {"x265-params": "bframes=0:keyint=1000:log-level=none"}
    whole = write_clip(tmp_path / "a.mp4", frames, codec="libx265", layout="yuv420p", options=options)
    cut = tmp_path / "cut.mp4"
    with av.open(str(whole)) as source, av.open(str(cut), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.size and not packet.is_keyframe:
                packet.stream = stream
                target.mux(packet)
    with pytest.raises(PlateError, match=r"cut\.mp4 .*key frame.*again"):
        open_movie(cut)


def test_a_movie_that_is_written_again_is_read_again(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mkv", [grey_planes(ramp(32, 48, bits=10), bits=10)])
    before = read_plate_frame(clip, frame=1).pixels
    write_clip(clip, [grey_planes(ramp(32, 48, bits=10, number=20), bits=10)] * 2)
    assert not np.array_equal(read_plate_frame(clip, frame=1).pixels, before)


def test_without_pyav_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = tmp_path / "never_opened.mov"
    clip.write_bytes(b"x")
    imported = builtins.__import__

    def refuse(name: str, *arguments: Any, **options: Any) -> Any:
        if name.split(".")[0] == "av":
            raise ImportError("No module named 'av'")
        return imported(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(BadRequest, match=r"stcolor\[movies\]"):
        open_movie(clip)


@needs_ffmpeg
@pytest.mark.parametrize(
    ("tags", "space"),
    [
        ((1, 1, 1, 1), "Camera Rec.709"),
        ((1, 1, 1, 2), "Camera Rec.709"),
        ((1, 13, 1, 1), "sRGB Encoded Rec.709 (sRGB)"),
        ((1, 4, 1, 2), "Gamma 2.2 Encoded Rec.709"),
        ((5, 6, 5, 1), None),  # PAL
        ((6, 6, 6, 2), None),  # NTSC
        ((9, 14, 9, 1), None),  # BT.2020
        ((9, 14, 9, 2), None),
        ((1, 1, 7, 1), None),  # SMPTE 240M
    ],
    ids=str,
)
def test_tags_mean_what_openimageio_reads_of_the_same_frame(
    tags: tuple[int, int, int, int], space: str | None, tmp_path: Path
) -> None:
    """OpenImageIO's wheel reads no movies: ffmpeg writes the frame as a PNG first, by the movie's matrix and range."""
    import OpenImageIO as oiio

    height, width = 64, 96
    clip = write_clip(
        tmp_path / "a.mkv",
        [colour_planes(height, width, bits=10, rows=1, columns=1, number=n) for n in range(2)],
        layout="yuv444p10le",
        tags=tags,
    )
    png = tmp_path / "a.png"
    command = ["ffmpeg", "-v", "error", "-i", str(clip), "-frames:v", "1", "-pix_fmt", "rgb48be"]
    scale = "scale=flags=accurate_rnd+full_chroma_int+full_chroma_inp+bitexact"
    subprocess.run([*command, "-vf", scale, str(png)], check=True)
    picture = oiio.ImageBuf(str(png))
    movie = open_movie(clip)
    assert movie.info.tags.to_text() == f"{tags[0]}/{tags[1]}" and movie.info.tags.full_range == (tags[3] == 2)
    # ffmpeg shifts codes of 10 bits up to 16 and does not stretch them
    white = np.float32(((1023 << 6) if tags[3] == 2 else 255 << 8) / 65535)
    theirs = np.asarray(picture.get_pixels(oiio.FLOAT))[..., :3] / white
    ours = movie.read(0, frame=1).pixels
    inside = (ours >= 0).all(axis=-1) & (ours <= 1).all(axis=-1)
    assert inside.mean() > 0.3
    assert np.abs(ours - theirs)[inside].max() <= 1 / 1023
    if space is not None:
        light = oiio.ImageBuf(oiio.ImageSpec(width, height, 3, oiio.FLOAT))
        light.set_pixels(oiio.ROI(), np.ascontiguousarray(ours, np.float32))
        light = oiio.ImageBufAlgo.colorconvert(
            light, space, "Linear Rec.709 (sRGB)", colorconfig="ocio://studio-config-latest"
        )
        assert not light.has_error, light.geterror()
        expected = np.asarray(light.get_pixels(oiio.FLOAT))
        decoded = tagged_space(movie.info.tags.to_text(), "a.mkv").decode(ours)
        assert np.abs(decoded - expected)[inside].max() < 2e-3
