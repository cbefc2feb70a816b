"""Registration of a keyframe with a small shot that the test knows."""

from __future__ import annotations

import re

import cv2
import numpy as np
import pytest
from scenes import crossing, pan, texture

from stcolor_core.images.color import lab_to_srgb, linear_to_lab, luminance_of, srgb_decode, srgb_encode
from stcolor_core.method.registration import Registration, describe_moves, find_neighbours, find_registration
from stcolor_core.method.registration.alignment import Alignment
from stcolor_core.method.registration.exactness import find_grey_paint

SCENE = pan(12, height=108, width=192, step=2)
FRAME = 5


def keyframe(frame: int = FRAME) -> np.ndarray:
    return np.dstack([SCENE.lightnesses[frame], SCENE.ab[frame]])


def find(lab: np.ndarray, known: np.ndarray | None = None, *, frame: int = FRAME) -> Registration:
    others = find_neighbours(frame, range(12))
    return find_registration(lab, known, frame=frame, others=others, lightness_of=lambda at: SCENE.lightnesses[at])


def shift(lab: np.ndarray, x: float, y: float) -> np.ndarray:
    matrix = np.array([[1, 0, x], [0, 1, y]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(lab, matrix, lab.shape[1::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)


def test_an_exact_keyframe_is_returned_as_the_same_arrays_and_reads_no_other_frame() -> None:
    lab, read = keyframe(), []

    def lightness_of(frame: int) -> np.ndarray:
        read.append(frame)
        return SCENE.lightnesses[frame]

    found = find_registration(lab, None, frame=FRAME, others=[4, 6], lightness_of=lightness_of)
    assert found == Registration(FRAME)
    assert found.apply(lab, None, SCENE.lightnesses[FRAME]) == (lab, None)
    assert found.describe(FRAME, lines=108) == ""
    assert set(read) == {FRAME}


def test_a_small_part_of_another_lightness_counts_less_and_is_told() -> None:
    lab = keyframe()
    logo = np.s_[8:16, 8:24]
    lab[logo] = (40 + SCENE.lightnesses[FRAME][logo].mean()) % 100, 60, 40
    found = find(lab)
    assert found.certainty is not None and not found.changes_pixels
    assert (found.certainty[10:14, 11:21] < 0.8).all()
    assert (found.certainty[30:] == 1).all()
    assert re.fullmatch(
        r"[01]\.\d % of it has another lightness than the plate, and counts less there",
        found.describe(FRAME, lines=108),
    )


def test_rounding_to_8_bits_keeps_a_keyframe_exact() -> None:
    lab = keyframe()
    lab[..., 0] = np.rint(lab[..., 0] * 2.55) / 2.55
    assert find(lab) == Registration(FRAME)


def test_a_shifted_keyframe_is_moved_back() -> None:
    lab = shift(keyframe(), 4.4, -2.3)
    found = find(lab)
    registered, known = found.apply(lab, None, SCENE.lightnesses[FRAME])
    assert found.frame == FRAME and known is not None
    assert 0.9 < known.mean() < 1
    apart = np.abs(registered[..., 1:] - SCENE.ab[FRAME])[known]
    assert apart.mean() < 0.5
    assert np.abs(lab[..., 1:] - SCENE.ab[FRAME]).mean() > 3
    text = found.describe(FRAME, lines=1080)
    assert "moved by 49" in text or "moved by 50" in text  # 5 px of 108 lines are 50 of 1080
    assert "% of it does not fit and is not used" in text


def test_a_part_of_the_frame_that_was_enlarged_is_told_with_its_share_and_all_of_it_fits() -> None:
    height, width = SCENE.lightnesses[FRAME].shape
    matrix = np.array([[0.85, 0, 0.075 * width], [0, 0.85, 0.075 * height]])  # from the enlarged part to the frame
    part = cv2.warpAffine(keyframe(), matrix, (width, height), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
    text = find(part).describe(FRAME, lines=108)
    assert re.search(r"scaled by 0\.8[45]\d to fit, where it shows 7[123] % of the frame", text), text
    assert "does not fit" not in text


@pytest.mark.parametrize("size", [0.0, 0.8])  # px: sigma of the grain's own size
def test_grain_is_not_taken_for_motion(size: float) -> None:
    rng = np.random.default_rng(1)
    grain = rng.normal(0, 7, SCENE.lightnesses[FRAME].shape)
    if size:
        grain = 2.5 * cv2.GaussianBlur(grain, (0, 0), size)
    lab = keyframe()
    lab[..., 0] = np.clip(lab[..., 0] + grain, 0, 100)
    found = find(lab)
    assert found.frame == FRAME and found.alignment is None
    assert found.describe(FRAME, lines=1080) == "its compression or grain cleaned"


@pytest.mark.parametrize("shown", [4, 6, 8, 2])
def test_the_frame_that_a_keyframe_shows_is_found(shown: int) -> None:
    found = find(keyframe(shown))
    assert found == Registration(shown)
    assert f"looks like frame {shown}" in found.describe(FRAME, lines=108)


def test_a_neighbours_keyframe_in_another_light_is_found() -> None:
    scene = crossing(8)  # in a pan, a neighbour is the same picture at another place
    lab = np.dstack([100 * (scene.lightnesses[5] / 100) ** 1.5, scene.ab[5]]).astype(np.float32)
    others = find_neighbours(3, range(8))
    found = find_registration(lab, None, frame=3, others=others, lightness_of=lambda at: scene.lightnesses[at])
    assert found.frame == 5 and found.tones


def test_a_picture_of_something_else_is_a_still() -> None:
    lab = np.dstack([texture(108, 192, seed=77, mean=50, contrast=45), SCENE.ab[0]])
    found = find(lab)
    assert found.frame is None
    assert "still" in found.describe(FRAME, lines=108)


@pytest.mark.parametrize("level", [0.0, 60.0])
def test_a_plate_without_texture_takes_any_keyframe_as_it_is(level: float) -> None:
    flat = np.full((108, 192), level, np.float32)
    found = find_registration(keyframe(), None, frame=5, others=[4, 6], lightness_of=lambda _: flat)
    assert found == Registration(5)


def test_bars_of_a_film_format_lend_no_colour_and_leave_the_rest_exact() -> None:
    lab = keyframe()
    lab[:14], lab[-14:] = 0, 0
    found = find(lab)
    assert (found.frame, found.alignment, found.tones, found.clean) == (FRAME, None, (), False)
    assert found.describe(FRAME, lines=108) == "its bars are left out"
    registered, known = found.apply(lab, None, SCENE.lightnesses[FRAME])
    assert known is not None and not known[:14].any() and not known[-14:].any() and known[16:-16].all()
    assert np.array_equal(registered[known], lab[known])


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ((90, 160), ["lies between bars, which are left out"]),
        ((58, 103), ["shows the whole frame smaller", "its bars are left out"]),
    ],
)
def test_a_picture_fitted_between_bars_is_said_to_lie_there(size: tuple[int, int], words: list[str]) -> None:
    whole = keyframe()
    lab = np.zeros_like(whole)
    top, left = (108 - size[0]) // 2, (192 - size[1]) // 2
    lab[top : top + size[0], left : left + size[1]] = cv2.resize(whole, size[::-1], interpolation=cv2.INTER_AREA)
    found = find(lab)
    assert found.frame == FRAME
    line = found.describe(FRAME, lines=108)
    assert all(part in line for part in words)
    registered, known = found.apply(lab, None, SCENE.lightnesses[FRAME])
    assert known is not None and known.mean() > 0.85
    assert np.abs(registered[..., 1:] - SCENE.ab[FRAME])[known].mean() < 2.5


def cut_out(level: float, lab: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the keyframe flattened onto white or black but for an ellipse of it, and that ellipse."""
    lab = keyframe() if lab is None else lab.copy()
    y, x = np.mgrid[:108, :192]
    inside = np.hypot((x - 100) / 70, (y - 50) / 40) < 1
    lab[~inside] = level, 0, 0
    return lab, inside


@pytest.mark.parametrize(("level", "color"), [(100.0, "white"), (0.0, "black")])
def test_what_surrounds_a_cut_out_lends_no_colour_and_leaves_the_rest_exact(level: float, color: str) -> None:
    lab, inside = cut_out(level)
    found = find(lab)
    assert (found.frame, found.alignment, found.tones, found.clean) == (FRAME, None, (), False)
    assert found.describe(FRAME, lines=108) == f"what surrounds it is {color} and is left out"
    registered, known = found.apply(lab, None, SCENE.lightnesses[FRAME])
    assert known is not None and not (known & ~inside).any()
    assert known.sum() > 0.85 * inside.sum()
    assert np.array_equal(registered[known], lab[known])


def test_a_cut_out_of_another_light_and_place_is_put_right_without_what_surrounds_it() -> None:
    lab, _ = cut_out(100.0, shift(keyframe(), 3.0, -2.0))
    found = find(lab)
    assert found.surround == "white" and found.alignment is not None
    assert found.alignment.shift == pytest.approx(np.hypot(3, 2), abs=0.4)
    assert "bars" not in found.describe(FRAME, lines=108)


def test_white_and_black_that_surround_no_cut_out_stay() -> None:
    within = keyframe()
    within[20:90, 30:170] = 100, 0, 0  # painted inside of the picture
    assert find(within).bars is None
    corner, _ = cut_out(100.0)
    corner[:, 60:], corner[40:] = keyframe()[:, 60:], keyframe()[40:]  # on less than a half of the border
    assert find(corner).bars is None
    grey, _ = cut_out(97.0)  # paint
    assert not find(grey).surround


def test_what_is_white_or_black_in_the_plate_or_was_clipped_surrounds_no_cut_out() -> None:
    y, x = np.mgrid[:108, :192].astype(np.float32)
    slope = 95 - 60 * np.exp(-((x - 100) ** 2 + (y - 50) ** 2) / 900) + 4 * np.sin(x / 3) * np.sin(y / 3)
    for plate, level in ((slope, 100.0), (100 - slope, 0.0)):
        key = np.zeros((108, 192, 3), np.float32)
        key[..., 0] = np.where(slope > 80, level, plate)
        own = np.ascontiguousarray(plate, np.float32)
        found = find_registration(key, None, frame=5, others=[], lightness_of=lambda _, own=own: own)
        assert (slope > 80).mean() > 0.5 and not found.surround
        shown, inside = own.copy(), slope < 80
        shown[~inside] = level
        same = np.where(inside[..., None], np.dstack([own, own / 3, own / 4]), np.float32([level, 0, 0]))
        found = find_registration(same, None, frame=5, others=[], lightness_of=lambda _, own=shown: own)
        assert found == Registration(5)


def test_a_flat_colour_shows_nothing_of_a_plate_with_texture_and_is_a_still() -> None:
    red = np.full((*SCENE.lightnesses[FRAME].shape, 3), (50, 60, 40), np.float32)
    assert find(red).frame is None


def test_an_enlarged_part_of_the_frame_is_used_where_it_belongs() -> None:
    whole = keyframe()
    large = cv2.resize(whole[20:74, 30:126], (192, 108), interpolation=cv2.INTER_CUBIC)
    found = find(large)
    assert found.frame == FRAME and found.place is not None
    assert found.place.share == pytest.approx(0.25, abs=0.01)
    assert found.describe(FRAME, lines=108).startswith("shows 25 % of the frame, and is used there")
    registered, known = found.apply(large, None, SCENE.lightnesses[FRAME])
    assert known is not None and known.mean() == pytest.approx(0.25, abs=0.02)
    assert np.abs(registered[..., 1:] - SCENE.ab[FRAME])[known].mean() < 1.5


def test_a_painted_object_of_other_lightness_keeps_its_colour() -> None:
    lab = keyframe()
    lab[40:70, 60:100, 0] += 9
    found = find(lab)
    registered, known = found.apply(lab, None, SCENE.lightnesses[FRAME])
    assert known is None
    np.testing.assert_array_equal(registered[..., 1:], lab[..., 1:])


def filled(areas: list[tuple[int, int, int, int]], greys: list[float]) -> np.ndarray:
    """The keyframe, with boxes of it (top, left, height, width) filled with a grey each."""
    lab = keyframe()
    for (top, left, height, width), grey in zip(areas, greys, strict=True):
        lab[top : top + height, left : left + width] = (grey, 1, -1)
    return lab


BOXES = [(10, 20, 60, 50), (30, 90, 50, 60), (70, 30, 30, 90)]


@pytest.mark.parametrize("greys", [[4, 4, 4], [20, 50, 80], [95, 5, 60]])
def test_objects_painted_grey_tell_nothing_of_light_and_place(greys: list[float]) -> None:
    found = find(filled(BOXES, greys))
    assert found == Registration(FRAME, grey=found.grey) and 0.2 < found.grey < 0.5
    assert not found.describe(FRAME, lines=108)


def test_a_keyframe_filled_with_greys_all_over_is_used_as_it_is() -> None:
    bands = [(0, 0, 60, 100), (0, 100, 40, 92), (40, 100, 68, 92), (60, 0, 48, 100)]
    found = find(filled(bands, [10, 80, 35, 60]))
    assert found == Registration(FRAME, grey=1.0)
    assert found.describe(FRAME, lines=108) == "100 % of it is filled with grey, black or white, and used so"


@pytest.mark.parametrize("grey", [3, 97])
def test_grey_paint_around_a_small_picture_is_no_bar_of_a_film_format(grey: float) -> None:
    lab = keyframe()
    filled_in = np.full_like(lab, (grey, 0, 0))
    filled_in[36:72, 64:128] = lab[36:72, 64:128]
    found = find(filled_in)
    assert found.bars is None and found.alignment is None and found.grey > 0.8
    side = np.full_like(lab, (grey, 0, 0))
    side[:, 120:] = lab[:, 120:]
    assert find(side).bars is None


def test_beside_grey_paint_the_rest_tells_the_place_and_the_light() -> None:
    lab = filled(BOXES[:1], [30])
    moved = find(shift(lab, 3.0, -2.0))
    assert moved.alignment is not None and moved.alignment.shift == pytest.approx(np.hypot(3, 2), abs=0.3)
    assert moved.alignment.bend < 0.5 and moved.unused < 0.02 and not moved.few_levels
    darker = linear_to_lab(srgb_decode(lab_to_srgb(lab) ** np.float32(1.5))).astype(np.float32)
    relit = find(darker)
    assert relit.alignment is None and "its tone curve matched" in relit.describe(FRAME, lines=108)


@pytest.mark.parametrize("levels", [3, 4, 5])
def test_shades_in_few_tones_are_no_grey_paint(levels: int) -> None:
    grey = lab_to_srgb(keyframe() * np.array([1, 0.3, 0.3], np.float32))
    lab = linear_to_lab(srgb_decode(np.rint(grey * (levels - 1)) / (levels - 1))).astype(np.float32)
    assert find_grey_paint(lab, SCENE.lightnesses[FRAME], np.ones(lab.shape[:2], bool)).mean() > 0.1
    found = find(lab)
    assert found.few_levels and found.alignment is None and not found.tones
    assert found.certainty is not None and found.certainty.mean() < 0.9


def test_colour_that_keeps_another_luma_than_the_plates_is_left_alone() -> None:
    pale = keyframe() * np.array([1, 0.4, 0.4], np.float32)
    encoded = lab_to_srgb(pale)
    grey = srgb_encode(luminance_of(SCENE.lightnesses[FRAME]))
    painted = np.clip(encoded + (grey - encoded @ (0.299, 0.587, 0.114))[..., None], 0, 1)
    lab = np.asarray(linear_to_lab(srgb_decode(painted)), np.float32)
    apart = np.abs(lab[..., 0] - SCENE.lightnesses[FRAME])
    assert np.median(apart) > 0.4 and np.percentile(apart, 99) > 2  # it is not exact
    found = find(lab)
    registered, known = found.apply(lab, None, SCENE.lightnesses[FRAME])
    assert known is None and found.describe(FRAME, lines=108) == ""
    np.testing.assert_array_equal(registered, lab)


def test_certainty_is_low_where_a_moved_keyframe_shows_something_else() -> None:
    lab = shift(keyframe(), 3.0, 0.0)
    lab[30:70, 60:110, 0] = texture(40, 50, seed=9, mean=15, contrast=10)
    found = find(lab)
    assert found.certainty is not None
    inside, outside = found.certainty[35:65, 70:100].mean(), found.certainty[80:, 20:150].mean()
    assert outside > 0.97 and inside < 0.85
    registered, known = found.apply(lab, None, SCENE.lightnesses[FRAME])
    assert known is not None and known[40:60, 75:95].mean() < 0.2  # what cannot be right is not used
    assert np.isfinite(registered).all()


def test_the_known_part_moves_with_the_colour() -> None:
    known = np.zeros((108, 192), bool)
    known[20:90, 30:160] = True
    lab = shift(keyframe(), 5.0, 0.0)  # what is at x was at x + 5
    spoiled = np.where(known[..., None], lab, np.nan).astype(np.float32)
    found = find(np.where(known[..., None], lab, 0).astype(np.float32), known)
    registered, covered = found.apply(spoiled, known, SCENE.lightnesses[FRAME])
    assert covered is not None and np.isfinite(registered[covered]).all()
    columns = np.flatnonzero(covered[50])
    assert abs(columns[0] - 35) <= 3 and abs(columns[-1] - 164) <= 3
    assert np.abs(registered[..., 1:] - SCENE.ab[FRAME])[covered].mean() < 1


def test_a_small_patch_is_used_as_it_is() -> None:
    known = np.zeros((108, 192), bool)
    known[40:60, 60:90] = True
    assert find(shift(keyframe(), 4.0, 0.0), known) == Registration(FRAME)


def test_neighbours_are_frames_of_the_plate_within_reach() -> None:
    assert find_neighbours(3, [1, 2, 3, 5, 8, 9]) == (2, 1, 5, 8)


def test_moves_are_enumerated_in_words() -> None:
    turn = np.deg2rad(0.5)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    shifts = np.array([[3.0], [0.0]])
    both = Alignment(np.hstack([1.01 * np.eye(2), shifts]), (108, 192))
    assert describe_moves(both, 108).count(" and ") == 1
    every = describe_moves(Alignment(np.hstack([1.01 * rotation, shifts]), (108, 192)), 108)
    assert re.fullmatch(r"moved by [\d.]+ px, scaled by [\d.]+ and turned by 0\.5 degrees", every), every
    assert describe_moves(Alignment(np.eye(2, 3), (108, 192)), 108) == "moved slightly"
