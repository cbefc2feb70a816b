"""Results of other tools: found, read and measured as ours are."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from scenes import pan

from stcolor_core.errors import BadRequest, PlateError
from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.dataset import read_dataset
from stcolor_core.evaluation.other_tools import read_display
from stcolor_core.evaluation.run import evaluate
from stcolor_core.evaluation.scoring import color_pictures
from stcolor_core.evaluation.stored_pictures import StoredPicture
from stcolor_core.images.color import lab_to_srgb, srgb_decode

CPU = torch.device("cpu")
COUNT = 12


def save(path: Path, rgb: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.rint(255 * rgb.astype(np.float64)).astype(np.uint8)).save(path)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    scene = pan(COUNT, height=54, width=96, step=1)
    for index, (lightness, ab) in enumerate(zip(scene.lightnesses, scene.ab, strict=True)):
        save(folder / "wall" / f"{index:05d}.png", lab_to_srgb(np.dstack([lightness, ab])))
    return folder


@pytest.fixture(scope="module")
def results(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `chained` gives, as a tool of others that keeps no reference."""
    folder = tmp_path_factory.mktemp("results") / "theirs"
    clip = Clip.load(read_dataset(clips)[0], None)
    for index, picture, _, _ in color_pictures(clip, (0,), "chained", device=CPU):
        save(folder / "wall" / f"{index:05d}.png", picture)
    return folder


def test_another_tools_pictures_have_the_scores_that_ours_have(clips: Path, results: Path) -> None:
    row = evaluate(clips, protocols=["first"], variants=["chained"], against=[results], device=CPU)["first"]
    ours, theirs = (dataclasses.asdict(row[name]["wall"].score) for name in ("chained", "theirs"))
    assert np.isnan(theirs.pop("seconds"))
    for name, value in theirs.items():
        assert value == pytest.approx(ours[name], rel=1e-6, nan_ok=True), name
    alone = evaluate(clips, protocols=["first"], variants=["chained"], device=CPU)["first"]["chained"]["wall"].score
    assert alone.full == ours["full"]
    assert alone.flicker < 0.1 < ours["flicker"], (
        "8 bits flicker, so a table with pictures of others has 8 bits for all"
    )


def test_frames_are_found_by_name_or_by_place(clips: Path, results: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"  # no folder for the only clip, other names, and a picture for the reference too
    save(alone / "frame_0.png", np.zeros((216, 384, 3)))
    for index, path in enumerate(sorted((results / "wall").iterdir()), 1):
        (alone / f"frame_{chr(ord('a') + index)}.png").write_bytes(path.read_bytes())
    row = evaluate(clips, protocols=["first"], variants=["grey"], against=[results, alone], device=CPU)["first"]
    assert row["alone"]["wall"].score.full == row["theirs"]["wall"].score.full


def write_movie(path: Path, pictures: list[Path], *, lossless: bool = True) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    codec, layout, options = ("ffv1", "bgr0", {}) if lossless else ("libx264", "yuv444p", {"qp": "1"})
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.pix_fmt = layout
        frames = [cv2.imread(str(picture)) for picture in pictures]
        stream.height, stream.width = frames[0].shape[:2]
        for bgr in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(bgr, format="bgr24").reformat(format=layout)))
        container.mux(stream.encode(None))


def test_a_movie_has_the_scores_of_its_pictures(clips: Path, results: Path, tmp_path: Path) -> None:
    own = sorted((results / "wall").iterdir())
    pictures = [own[0], *own]  # a movie has no gaps: it has a frame for the reference too, which is not looked at
    write_movie(tmp_path / "named" / "wall.mkv", pictures)
    write_movie(tmp_path / "inside" / "wall" / "result.mkv", pictures)
    write_movie(tmp_path / "alone" / "result.mkv", pictures)
    write_movie(tmp_path / "lossy" / "wall.mp4", pictures, lossless=False)
    folders = [results, *(tmp_path / name for name in ("named", "inside", "alone", "lossy"))]
    row = evaluate(clips, protocols=["first"], variants=["grey"], against=folders, device=CPU)["first"]
    scores = {name: row[name]["wall"].score.full for name in ("theirs", "named", "inside", "alone", "lossy")}
    assert scores["named"] == scores["inside"] == scores["alone"] == scores["theirs"]
    assert scores["lossy"] == pytest.approx(scores["theirs"], abs=0.5)


def test_a_movie_that_does_not_fit_is_named_before_anything_is_computed(
    clips: Path, results: Path, tmp_path: Path
) -> None:
    pictures = sorted((results / "wall").iterdir())
    write_movie(tmp_path / "short" / "wall.mkv", pictures)
    with pytest.raises(BadRequest, match=rf"wall\.mkv has {COUNT - 1} frames, and wall has {COUNT}\. Export"):
        evaluate(clips, protocols=["first"], variants=["grey"], against=[tmp_path / "short"], device=CPU)
    write_movie(tmp_path / "two" / "wall" / "a.mkv", pictures)
    write_movie(tmp_path / "two" / "wall" / "b.mkv", pictures)
    with pytest.raises(BadRequest, match=r"several movies for wall \(a\.mkv, b\.mkv\)"):
        evaluate(clips, protocols=["first"], variants=["grey"], against=[tmp_path / "two"], device=CPU)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "wall.mp4").write_bytes(b"no movie")
    with pytest.raises(PlateError, match=r"wall\.mp4"):
        evaluate(clips, protocols=["first"], variants=["grey"], against=[tmp_path / "bad"], device=CPU)


def test_an_exr_is_linear_and_other_files_are_srgb(tmp_path: Path) -> None:
    import OpenImageIO as oiio

    rgb = np.random.default_rng(0).random((20, 30, 3)).astype(np.float32)
    save(tmp_path / "a.png", rgb)
    cv2.imwrite(str(tmp_path / "deep.png"), np.rint(65535 * rgb[..., ::-1]).astype(np.uint16))
    spec = oiio.ImageSpec(30, 20, 3, "float")
    file = oiio.ImageOutput.create(str(tmp_path / "a.exr"))
    file.open(str(tmp_path / "a.exr"), spec)
    file.write_image(srgb_decode(rgb))
    file.close()
    np.testing.assert_allclose(read_display(StoredPicture(tmp_path / "a.png"), (30, 20)), rgb, atol=0.5 / 255 + 1e-6)
    np.testing.assert_allclose(read_display(StoredPicture(tmp_path / "deep.png"), (30, 20)), rgb, atol=1e-5)
    np.testing.assert_allclose(read_display(StoredPicture(tmp_path / "a.exr"), (30, 20)), rgb, atol=1e-5)
    half = read_display(StoredPicture(tmp_path / "deep.png"), (15, 10))
    np.testing.assert_allclose(half, rgb.reshape(10, 2, 15, 2, 3).mean((1, 3)), atol=1e-5)


def test_results_that_are_not_there_are_named_before_anything_is_computed(
    clips: Path, results: Path, tmp_path: Path
) -> None:
    def refused(*folders: Path, variants: tuple[str, ...] = ("grey",)) -> str:
        with pytest.raises(BadRequest) as refusal:
            evaluate(clips, protocols=["first"], variants=variants, against=folders, device=CPU)
        return str(refusal.value)

    assert "not a folder" in refused(tmp_path / "gone")
    assert "named 'theirs'" in refused(results, results)
    grey = tmp_path / "grey"
    grey.mkdir()
    assert "named 'grey'" in refused(grey)
    few = tmp_path / "few" / "wall"
    few.mkdir(parents=True)
    for path in sorted((results / "wall").iterdir())[:3]:
        (few / path.name).write_bytes(path.read_bytes())
    assert "lack frame 00004" in refused(tmp_path / "few")


def test_a_damaged_result_is_named(clips: Path, results: Path, tmp_path: Path) -> None:
    for path in (results / "wall").iterdir():
        (tmp_path / "bad" / "wall").mkdir(parents=True, exist_ok=True)
        (tmp_path / "bad" / "wall" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "bad" / "wall" / "00007.png").write_bytes(b"no picture")
    with pytest.raises(PlateError, match=r"00007\.png"):
        evaluate(clips, protocols=["first"], variants=["grey"], against=[tmp_path / "bad"], device=CPU)
