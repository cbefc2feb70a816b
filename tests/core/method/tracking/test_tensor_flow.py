"""Dense inverse search in tensors, on known motion and against OpenCV's."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from scenes import texture

from stcolor_core.method.tracking.flow import _create_fine_flow, _to_bytes
from stcolor_core.method.tracking.tensor_flow import COARSE, FINE, FlowSettings, dense_inverse_search


def pictures(*planes: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.stack(planes)) * 2.55


@pytest.mark.parametrize("settings", [FINE, COARSE])
@pytest.mark.parametrize("shift", [(0, 0), (3, 0), (-7, 5), (9, -6)])
def test_a_shift_is_found(settings: FlowSettings, shift: tuple[int, int]) -> None:
    scene = texture(180, 240, seed=3, mean=50)
    target = scene[30:150, 40:200]
    reference = scene[30 - shift[1] : 150 - shift[1], 40 - shift[0] : 200 - shift[0]]
    flow = dense_inverse_search(pictures(target), pictures(reference), settings=settings)[0]
    inner = flow[:, 24:-24, 32:-32]
    error = (inner - torch.tensor(shift)[:, None, None]).norm(dim=0)
    assert error.median() < 0.05
    assert error.quantile(0.9) < 0.3


def test_pictures_in_a_batch_do_not_influence_each_other() -> None:
    scene = texture(96, 140, seed=4, mean=50)
    targets = pictures(scene[:, 4:132], scene[:, 8:136])
    references = pictures(scene[:, :128], scene[:, 5:133])
    together = dense_inverse_search(targets, references, settings=FINE)
    for index in range(2):
        alone = dense_inverse_search(targets[[index]], references[[index]], settings=FINE)[0]
        torch.testing.assert_close(together[index], alone, atol=2e-3, rtol=0)


def test_an_initial_flow_leads_beyond_what_the_pyramid_reaches() -> None:
    scene = texture(96, 220, seed=6, mean=50)
    target, reference = pictures(scene[:, 60:188]), pictures(scene[:, 10:138])
    start = torch.zeros(1, 2, 96, 128)
    start[:, 0] = 47.0
    found = dense_inverse_search(target, reference, start, settings=FINE)[0]
    assert (found[0, 16:-16, 8:70] - 50).abs().median() < 0.2


def test_what_lies_outside_the_reference_keeps_as_much_of_its_start_as_with_opencv() -> None:
    start = torch.zeros(1, 2, 96, 128)
    start[:, 0] = 158.0
    ours, opencv = [], []
    for seed in (5, 11, 12, 13):
        scene = texture(96, 400, seed=seed, mean=50)
        target, reference = scene[:, 180:308], scene[:, 20:148]
        found = dense_inverse_search(pictures(target), pictures(reference), start, settings=FINE)
        ours.append(found[0, 0].median().item())
        told = start[0].permute(1, 2, 0).numpy().copy()
        opencv.append(np.median(_create_fine_flow(96)(_to_bytes(target), _to_bytes(reference), told)[..., 0]))
    assert np.mean(ours) > 0.9 * np.mean(opencv)


@pytest.mark.parametrize("size", [(16, 16), (17, 40), (64, 64), (45, 83)])
def test_any_size_from_16_pixels_gives_a_flow_of_its_own_size(size: tuple[int, int]) -> None:
    scene = pictures(texture(*size, seed=7, mean=50))
    flow = dense_inverse_search(scene, scene, settings=FINE)
    assert flow.shape == (1, 2, *size)
    assert flow.abs().max() < 0.1


def test_pictures_without_texture_do_not_move() -> None:
    flow = dense_inverse_search(torch.full((1, 48, 64), 80.0), torch.full((1, 48, 64), 120.0), settings=FINE)
    assert flow.isfinite().all()
    assert flow.abs().max() < 1e-3


def test_a_moving_square_is_followed_as_well_as_by_opencv() -> None:
    ground, thing = texture(120, 160, seed=8, mean=45), texture(50, 50, seed=9, mean=60)
    frames = []
    for x in (40, 46):
        frame = ground.copy()
        frame[35:85, x : x + 50] = thing
        frames.append(frame)
    truth = np.zeros((120, 160), np.float32)
    truth[35:85, 46:96] = -6
    bytes_ = [_to_bytes(frame) for frame in frames]
    opencv = _create_fine_flow(120)(bytes_[1], bytes_[0], None)[..., 0]
    smooth = [cv2.GaussianBlur(frame, (0, 0), 0.7) for frame in frames]
    ours = dense_inverse_search(pictures(smooth[1]), pictures(smooth[0]), settings=FINE)[0, 0].numpy()
    seen = np.ones_like(truth, bool)
    seen[35:85, 40:46] = False  # the ground that the square uncovers was not there before
    assert np.abs(ours - truth)[seen].mean() < 1.1 * np.abs(opencv - truth)[seen].mean()
