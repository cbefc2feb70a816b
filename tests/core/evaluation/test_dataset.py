"""DAVIS-like folders, written here with real pictures, and the real DAVIS if it is available."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from real_footage import footage

from stcolor_core.errors import BadRequest, PlateError
from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.dataset import read_dataset

FRAME = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)  # RGB
MASK = np.zeros((8, 12), np.uint8)
MASK[:, 6:] = 255


def write(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)


@pytest.fixture
def davis(tmp_path: Path) -> Path:
    """Two sequences of three frames, the first with masks."""
    for name in ("bear", "camel"):
        for index in range(3):
            write(tmp_path / "davis" / name / f"{index:05}.png", FRAME)
    for index in range(3):
        write(tmp_path / "davis_masks" / "bear" / f"{index:05}.png", MASK)
    return tmp_path / "davis"


def test_sequences_are_sorted_by_name_with_their_frames_in_order(davis: Path) -> None:
    (davis / "readme.txt").write_text("not a sequence")
    (davis / "empty").mkdir()
    sequences = read_dataset(davis)
    assert [sequence.name for sequence in sequences] == ["bear", "camel"]
    assert [path.name for path in sequences[0].files] == ["00000.png", "00001.png", "00002.png"]
    assert len(sequences[0]) == 3
    assert [sequence.name for sequence in read_dataset(davis, names=["camel"])] == ["camel"]


def test_a_frame_is_read_as_rgb_code_values(davis: Path) -> None:
    rgb = read_dataset(davis, width=12, height=8)[0].rgb(1)
    assert rgb.dtype == np.float32
    np.testing.assert_array_equal(rgb, FRAME.astype(np.float32) / 255)


def test_a_smaller_frame_is_the_mean_over_the_pixels_it_covers(davis: Path) -> None:
    expected = FRAME.reshape(4, 2, 6, 2, 3).mean((1, 3)) / 255
    np.testing.assert_allclose(read_dataset(davis, width=6, height=4)[0].rgb(0), expected, atol=1e-6)


def test_the_size_is_the_papers_by_default(davis: Path) -> None:
    sequence = read_dataset(davis)[0]
    assert sequence.rgb(0).shape == (216, 384, 3)
    assert sequence.mask(0).shape == (216, 384)


@pytest.mark.parametrize("kind", ["white", "ids", "palette", "alpha"])
def test_any_mask_value_other_than_background_is_object(davis: Path, kind: str) -> None:
    path = davis.parent / "davis_masks" / "bear" / "00001.png"
    picture = Image.fromarray(MASK if kind == "white" else (MASK > 0).astype(np.uint8) * 2)
    if kind == "palette":
        picture.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])  # as DAVIS 2017 has them
        assert picture.mode == "P"
    elif kind == "alpha":
        picture = Image.merge("RGBA", [picture] * 3 + [Image.new("L", picture.size, 255)])
    picture.save(path)
    mask = read_dataset(davis, width=6, height=4)[0].mask(1)
    assert mask.dtype == bool
    np.testing.assert_array_equal(mask, np.tile([False, False, False, True, True, True], (4, 1)))


def test_each_id_or_colour_of_a_mask_is_an_instance(davis: Path) -> None:
    ids = np.zeros((8, 12), np.uint8)
    ids[:, 2:4], ids[:, 8:] = 1, 2
    picture = Image.fromarray(ids)
    picture.save(davis.parent / "davis_masks" / "bear" / "00000.png")
    picture.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    picture.save(davis.parent / "davis_masks" / "bear" / "00001.png")
    clip = Clip.load(read_dataset(davis, width=12, height=8)[0], 3)
    for frame, names in ((0, ("1", "2")), (1, ("0-0-128", "0-128-0"))):  # OpenCV's order, blue first
        instances = clip.instances(frame)
        assert set(instances.names) == set(names)
        by_name = dict(zip(instances.names, instances.masks, strict=True))
        areas = sorted(int(mask.sum()) for mask in by_name.values())
        assert areas == [16, 32]
        np.testing.assert_array_equal(instances.masks.any(axis=0), clip.masks[frame])
    assert clip.instances(2).names == ("foreground",), "black and white is one object"


def test_frames_are_opened_only_when_asked_for(davis: Path) -> None:
    (davis / "bear" / "00001.png").write_bytes(b"no picture")
    (davis / "bear" / "00002.png").write_bytes(b"")
    bear = read_dataset(davis)[0]
    bear.rgb(0)
    for index in (1, 2):
        with pytest.raises(PlateError, match=rf"0000{index}\.png"):
            bear.rgb(index)


def test_folders_may_have_any_name(davis: Path) -> None:
    odd = davis.rename(davis.with_name("séquences 日本"))
    davis.with_name("davis_masks").rename(odd.with_name(f"{odd.name}_masks"))
    sequence = read_dataset(odd)[0]
    assert sequence.rgb(0).shape == (216, 384, 3)
    assert sequence.mask(0).any()


def test_a_sequence_without_masks_reports_it(davis: Path) -> None:
    camel = read_dataset(davis)[1]
    assert camel.masks is None
    with pytest.raises(BadRequest, match="camel has no masks"):
        camel.mask(0)


def test_a_missing_mask_is_named(davis: Path) -> None:
    (davis.parent / "davis_masks" / "bear" / "00001.png").unlink()
    with pytest.raises(BadRequest, match="lack frame 00001"):
        read_dataset(davis)


def test_a_folder_that_is_not_a_data_set_is_refused_in_one_line(davis: Path, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    for ask, message in [
        (lambda: read_dataset(tmp_path / "gone"), "not a folder"),
        (lambda: read_dataset(tmp_path / "nothing"), "holds no sequence"),
        (lambda: read_dataset(davis, names=["zebra"]), "no sequence 'zebra'.*bear, camel"),
        (lambda: read_dataset(davis, width=0), "0x216"),
    ]:
        with pytest.raises(BadRequest, match=message) as refusal:
            ask()
        assert "\n" not in str(refusal.value)


def test_the_real_davis_is_read() -> None:
    sequences = read_dataset(footage("davis"))
    assert len(sequences) == 8
    assert all(len(sequence) == 50 for sequence in sequences)
    swan = sequences[0]
    bgr = cv2.resize(cv2.imread(str(swan.files[9])), (384, 216), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(swan.rgb(9), bgr[..., ::-1] / 255, atol=1 / 255)
    assert 0.05 < swan.mask(9).mean() < 0.5
