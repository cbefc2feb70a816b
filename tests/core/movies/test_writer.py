from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from movie_clips import ffprobe, grey_planes, needs_ffmpeg, ramp, write_clip

from stcolor_core.arrays import Pixels
from stcolor_core.errors import BadRequest, OutputError
from stcolor_core.movies.color import ColorTags
from stcolor_core.movies.formats import FORMATS, choose_format, layout_of
from stcolor_core.movies.names import MOVIE_FORMATS
from stcolor_core.movies.planes import PixelFormat
from stcolor_core.movies.reader import Movie
from stcolor_core.movies.writer import MovieSettings, Sound, check_sound, write_movie

HEIGHT, WIDTH = 128, 256


def pictures(count: int = 4, *, height: int = HEIGHT, width: int = WIDTH) -> list[Pixels]:
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    shades = [(x / 40, 0.5), (y / 30, 0.4), ((x + y) / 50, 0.45)]
    return [
        np.stack([0.5 + 0.35 * share * np.sin(place + number / 3) for place, share in shades], axis=-1)
        for number in range(count)
    ]


def settings(name: str, *, height: int = HEIGHT, width: int = WIDTH, **others: object) -> MovieSettings:
    chosen = FORMATS[name]
    layout = layout_of(chosen, like=PixelFormat.parse("yuv420p"))
    tags = ColorTags(1, 1, 0 if layout.kind == "rgb" else 1, layout.kind == "rgb")
    given: dict[str, object] = {"rate": Fraction(24), "tags": tags, **others}
    return MovieSettings(format=chosen, layout=layout, width=width, height=height, **given)  # type: ignore[arg-type]


def test_the_names_for_the_command_line_are_the_formats() -> None:
    assert tuple(FORMATS) == MOVIE_FORMATS


@pytest.mark.parametrize(
    ("name", "codes"), [("ffv1", 0.9), ("prores-4444", 6), ("prores-hq", 8), ("dnxhr", 8), ("h264", 24)]
)
def test_a_movie_holds_what_was_written(name: str, codes: float, tmp_path: Path) -> None:
    path = tmp_path / f"a{FORMATS[name].suffixes[0]}"
    write_movie(path, pictures(), settings(name))
    movie = Movie(path)
    assert movie.info.count == 4
    assert movie.info.rate == 24
    assert (movie.info.tags.primaries, movie.info.tags.transfer, movie.info.tags.matrix) == (1, 1, 1)
    for place, expected in enumerate(pictures()):
        difference = np.abs(movie.read(place, frame=place).pixels - expected)
        assert difference.max() * 1023 <= codes * 2
        assert difference.mean() * 1023 <= codes


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_lossless_movies_give_the_codes_of_the_plate_back(bits: int, tmp_path: Path) -> None:
    layout = {8: "yuv422p", 10: "yuv444p10le", 12: "yuv420p12le", 16: "yuv444p16le"}[bits]
    rows, columns = {8: (1, 2), 10: (1, 1), 12: (2, 2), 16: (1, 1)}[bits]
    planes = [grey_planes(ramp(35, 51, bits=bits, number=n), bits=bits, rows=rows, columns=columns) for n in range(2)]
    plate = Movie(write_clip(tmp_path / "plate.mkv", planes, layout=layout, tags=(1, 1, 1, 1)))
    chosen = FORMATS["ffv1"]
    written = MovieSettings(
        format=chosen,
        layout=layout_of(chosen, like=plate.info.layout),
        width=51,
        height=35,
        rate=plate.info.rate,
        tags=plate.info.tags,
    )
    write_movie(tmp_path / "out.mkv", (plate.read(place, frame=1).pixels for place in range(2)), written)
    again = Movie(tmp_path / "out.mkv")
    for place in range(2):
        assert np.abs(again.read(place, frame=1).pixels - plate.read(place, frame=1).pixels).max() < 1e-6


@pytest.mark.parametrize("name", ["prores-4444", "ffv1"])
def test_odd_sizes_are_written(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{FORMATS[name].suffixes[0]}"
    write_movie(path, pictures(2, height=121, width=257), settings(name, height=121, width=257))
    assert Movie(path).read(1, frame=1).pixels.shape == (121, 257, 3)


@pytest.mark.parametrize("name", ["prores-hq", "h264", "dnxhr"])
def test_a_size_that_a_codec_cannot_hold_is_refused(name: str) -> None:
    with pytest.raises(BadRequest, match=r"a\.mov would have 257 x 121.*--movie-format"):
        FORMATS[name].check_size(Path("a.mov"), 257, 121)


@pytest.mark.parametrize("suffix", [".mov", ".mp4", ".m4v", ".mxf", ".mkv"])
@pytest.mark.parametrize("size", [(121, 257), (120, 258), (100, 200), (95, 133)])
def test_what_the_refusal_of_a_size_says_to_do_can_be_done(suffix: str, size: tuple[int, int], tmp_path: Path) -> None:
    height, width = size
    path = tmp_path / f"a{suffix}"
    for name, each in FORMATS.items():
        if suffix not in each.suffixes:
            continue
        try:
            each.check_size(path, width, height)
        except BadRequest as error:
            advice = re.search(r"Give --movie (\S+) --movie-format (\S+)\.$", str(error))
            assert advice is not None, f"{name}: {error}"
            other = choose_format(Path(advice[1]), advice[2])  # the file type can hold the codec
            other.check_size(Path(advice[1]), width, height)
            write_movie(
                Path(advice[1]),
                pictures(1, height=height, width=width),
                settings(advice[2], height=height, width=width),
            )
            assert Movie(Path(advice[1])).info.count == 1


@needs_ffmpeg
@pytest.mark.parametrize(
    ("suffix", "name"), [(".mov", "prores-hq"), (".mp4", "h264"), (".mxf", "dnxhr"), (".mkv", "ffv1")]
)
def test_ffprobe_finds_timecode_and_the_same_sound(suffix: str, name: str, tmp_path: Path) -> None:
    planes = [grey_planes(ramp(HEIGHT, WIDTH, bits=10, number=n), bits=10) for n in range(24)]
    source = write_clip(tmp_path / "plate.mkv", planes, sound=True, timecode="01:00:00:00")
    path = tmp_path / f"a{suffix}"
    sound = Sound(path=source, start=Fraction(0), seconds=Fraction(1))
    write_movie(path, pictures(24), settings(name, timecode="01:00:00:00", sound=sound))
    answer = ffprobe(path)
    tags = [answer["format"].get("tags", {}), *(stream.get("tags", {}) for stream in answer["streams"])]
    assert "01:00:00:00" in {tag.get("timecode") or tag.get("TIMECODE") for tag in tags}
    assert [stream["codec_name"] for stream in answer["streams"][:2]][1] == "pcm_s16le"
    assert samples(path).tobytes() == samples(source).tobytes()


def samples(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    with av.open(str(path)) as container:
        heard = [frame.to_ndarray().ravel() for frame in container.decode(container.streams.audio[0])]
    return np.concatenate(heard)


@pytest.mark.parametrize("packet_samples", [1024, 7000, 10**6])
def test_the_sound_of_a_part_begins_and_ends_with_its_picture(packet_samples: int, tmp_path: Path) -> None:
    planes = [grey_planes(ramp(64, 96, bits=10, number=n), bits=10) for n in range(48)]
    source = write_clip(tmp_path / "plate.mkv", planes, sound=True, packet_samples=packet_samples)
    sound = Sound(path=source, start=Fraction(1, 2), seconds=Fraction(1))
    write_movie(tmp_path / "a.mov", pictures(24), settings("prores-hq", sound=sound))
    whole, part = samples(source), samples(tmp_path / "a.mov")
    assert np.abs(len(part) - 48000) <= 48  # Matroska counts milliseconds
    first = min(range(24000 - 48, 24000 + 49), key=lambda at: np.abs(whole[at:][:2000].astype(int) - part[:2000]).sum())
    assert np.array_equal(whole[first:][: len(part)], part)


def test_sound_that_mxf_cannot_hold_is_refused_with_the_remedy(tmp_path: Path) -> None:
    source = tmp_path / "plate.mov"
    with av.open(str(source), "w") as container:
        tone = container.add_stream("aac", rate=48000, layout="mono")
        heard = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
        heard.sample_rate, heard.pts = 48000, 0
        container.mux([*tone.encode(heard), *tone.encode(None)])
    sound = Sound(path=source, start=Fraction(0), seconds=Fraction(1))
    check_sound(tmp_path / "a.mov", sound)
    with pytest.raises(BadRequest, match=r"a\.mxf.*plate\.mov.*aac.*--no-movie-sound"):
        check_sound(tmp_path / "a.mxf", sound)


def test_a_movie_that_cannot_be_finished_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.mov"
    path.write_bytes(b"an earlier movie")

    def broken() -> Iterator[Pixels]:
        yield pictures(1)[0]
        raise OutputError("the second frame is not there")

    with pytest.raises(OutputError, match="second frame"):
        write_movie(path, broken(), settings("prores-hq"))
    assert path.read_bytes() == b"an earlier movie"
    assert [file.name for file in tmp_path.iterdir()] == ["a.mov"]


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("a file")
    with pytest.raises(OutputError, match=r"a\.mov cannot be written"):
        write_movie(tmp_path / "folder" / "a.mov", pictures(1), settings("prores-hq"))


@pytest.mark.parametrize(
    ("path", "name", "remedy"),
    [("a.exr", None, "Name it"), ("a.mxf", "h264", r"Name it \.mp4"), ("a", None, "Name it")],
)
def test_a_file_type_that_does_not_fit_is_refused(path: str, name: str | None, remedy: str) -> None:
    with pytest.raises(BadRequest, match=f"{path}.*{remedy}"):
        choose_format(Path(path), name)
