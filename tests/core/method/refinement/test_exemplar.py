"""The exemplar refinement against the published colour net's golden vectors, and against our own small fixture."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import real_footage
import torch
import torch.nn.functional as F
from skimage.color import rgb2lab

from stcolor_core.method import sharing
from stcolor_core.method.features.exemplar import VGG19, CorrespondenceNet, ExemplarFeatures
from stcolor_core.method.refinement import Evidence, FlowColor, WalkState, exemplar
from stcolor_core.method.refinement.exemplar import ColorNet, ExemplarRefinement
from stcolor_core.method.warping import GridWarp

SEEDED = runpy.run_path(str(Path(__file__).parents[2] / "data" / "exemplar_fixture.py"))


@pytest.fixture(scope="module")
def network():
    return SEEDED["seeded"](ColorNet)


@pytest.fixture(scope="module")
def refinement(network):
    return ExemplarRefinement(network)


@pytest.fixture(scope="module", params=["64x112", "72x128"])
def golden(request):
    with np.load(real_footage.golden(f"golden_{request.param}.npz")) as arrays:
        return {name: torch.from_numpy(values) for name, values in arrays.items()}


def enlarged(values):
    return F.interpolate(values[None], scale_factor=4)[0]


@pytest.mark.parametrize("temperature", ["0.01", "1e-10"])
def test_a_frame_agrees_with_the_published_network_given_its_warp(golden, refinement, temperature):
    target, reference = golden["f1_lab"][0], golden["ref_lab"][0]
    given = {
        "lightness": target[0] + 50,
        "warped_ab": enlarged(golden[f"warped_lab_f1_T{temperature}"][0, 1:]),
        "similarity": golden["similarity_map"][0, 0],
    }
    first = refinement(**given)
    torch.testing.assert_close(first, golden[f"color_ab_f1_T{temperature}"][0], rtol=0, atol=2e-3)
    again = refinement(**given, previous_lightness=reference[0] + 50, previous_ab=reference[1:])
    torch.testing.assert_close(again, golden[f"color_ab_f1_lastref_T{temperature}"][0], rtol=0, atol=0.01)


def test_the_network_alone_agrees_with_the_published_one(golden, network):
    torch.testing.assert_close(network(golden["probe_color_in"]), golden["probe_color_out"], rtol=0, atol=5e-3)


def lab_of(rgb_u8, dtype):
    """The golden pictures as their README makes them, (3, H, W), at half size; L* in 0..100."""
    lab = rgb2lab(rgb_u8.numpy()).astype(np.float32)
    lab[..., 0] -= 50
    halved = F.avg_pool2d(torch.from_numpy(lab).permute(2, 0, 1).to(dtype), 2)
    halved[0] += 50
    return halved


@pytest.fixture(scope="module", params=[torch.float32, torch.float64], ids=["float32", "float64"])
def chain(request):
    """(dtype, features, refinement), all in that precision."""
    vgg, net, color = (SEEDED["seeded"](kind, request.param) for kind in (VGG19, CorrespondenceNet, ColorNet))
    return request.param, ExemplarFeatures(vgg, net), ExemplarRefinement(color)


# Temperature: differences allowed in the first and in the second frame. In float32 the random weights amplify the
# rounding of a layout, and the second frame amplifies the first. In float64 what is left at 0.01 are the
# constants of the public code, which it holds in float32.
CHAIN_TOLERANCES = {
    torch.float32: {"0.01": (0.05, 2.0), "1e-10": (0.02, 0.02)},
    torch.float64: {"0.01": (5e-3, 0.1), "1e-10": (2e-5, 2e-4)},
}


@pytest.mark.slow
def test_two_frames_from_their_pictures_agree_with_the_published_networks(golden, chain):
    dtype, features, refinement = chain
    prefix = "fp64_" if dtype == torch.float64 else ""
    reference, *frames = (lab_of(golden[f"{name}_rgb_u8"], dtype) for name in ("ref", "f1", "f2"))
    phi = features.reference(reference[0], reference[1:]).flatten(1)
    values = F.avg_pool2d(reference[1:], 4).flatten(1)
    correlations = [features.target(frame[0]).flatten(1).T @ phi for frame in frames]
    grid = (reference.shape[1] // 4, reference.shape[2] // 4)
    for temperature, allowed in CHAIN_TOLERANCES[dtype].items():
        previous = {}
        for name, frame, correlation, atol in zip(("f1", "f2"), frames, correlations, allowed, strict=True):
            warped = (values @ torch.softmax(correlation / float(temperature), 1).T).view(2, *grid)
            found = refinement(
                lightness=frame[0],
                warped_ab=enlarged(warped),
                similarity=enlarged(correlation.amax(1).view(1, *grid))[0],
                **previous,
            )
            expected = golden[f"{prefix}color_ab_{name}_T{temperature}"][0]
            torch.testing.assert_close(found, expected, rtol=0, atol=atol)
            previous = {"previous_lightness": frame[0], "previous_ab": found}


def test_seeded_weights_are_those_of_the_golden_vectors():
    assert SEEDED["sha256"](SEEDED["seeded_state"](ColorNet)) == SEEDED["SHA256"][ColorNet]


def test_the_recorded_values_are_reproduced_in_a_fresh_clone(network):
    tolerances = {"first_ab": 5e-3, "second_ab": 0.05}
    found = SEEDED["refined"](network)
    assert found.keys() == tolerances.keys()
    with np.load(SEEDED["FIXTURE"]) as recorded:
        for name, values in found.items():
            np.testing.assert_allclose(values.numpy(), recorded[name], rtol=0, atol=tolerances[name], err_msg=name)


def test_strips_of_the_last_layers_give_the_same_as_the_whole(network, monkeypatch):
    x = torch.randn(1, 7, 72, 64, generator=torch.Generator().manual_seed(3))
    whole = network(x)
    monkeypatch.setattr(exemplar, "_ELEMENTS", 128 * 64 * 11)
    torch.testing.assert_close(network(x), whole, rtol=0, atol=1e-3)


@pytest.mark.usefixtures("one_torch_thread")
def test_a_second_thread_changes_no_bit(refinement, monkeypatch):
    picture = SEEDED["pictures"]()[0].float()
    given = {"lightness": picture[0], "warped_ab": picture[1:], "similarity": picture[0] / 100}
    found = refinement(**given)
    monkeypatch.setattr(sharing, "_helper", None)  # nobody may ask for it
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert torch.equal(refinement(**given), found)


def test_a_walk_starts_from_ab_0_on_middle_grey(refinement):
    picture = SEEDED["pictures"]()[0].float()
    given = {"lightness": picture[0], "warped_ab": picture[1:], "similarity": picture[0] / 100}
    grey = {"previous_lightness": torch.full((40, 48), 50.0), "previous_ab": torch.zeros(2, 40, 48)}
    assert torch.equal(refinement(**given), refinement(**given, **grey))


def continued(x, below, right):
    return torch.from_numpy(np.pad(x.numpy(), ((0, 0),) * (x.ndim - 2) + ((0, below), (0, right)), mode="edge"))


def test_other_sizes_equal_the_padded_picture_cropped_back(refinement):
    target, reference = (picture[:, :37, :45].float() for picture in SEEDED["pictures"]())
    given = {
        "lightness": target[0],
        "warped_ab": reference[1:],
        "similarity": reference[0] / 100,
        "previous_lightness": reference[0],
        "previous_ab": target[1:],
    }
    whole = refinement(**{name: continued(values, 3, 3) for name, values in given.items()})
    torch.testing.assert_close(refinement(**given), whole[:, :37, :45], rtol=0, atol=1e-3)


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (17, 9)])
def test_the_result_has_the_size_of_the_input(refinement, size):
    flat = torch.full(size, 60.0)
    found = refinement(lightness=flat, warped_ab=torch.ones(2, *size), similarity=torch.zeros(size))
    assert found.shape == (2, *size)
    assert found.isfinite().all()


def test_evidence_is_upsampled_from_its_grid_and_flow_is_ignored(refinement):
    lightness, before = (picture[0, :37, :45].float().numpy() for picture in SEEDED["pictures"]())
    stream = torch.Generator().manual_seed(2)
    ab, free_ab = (torch.rand(2, 120, generator=stream) * 60 - 30 for _ in range(2))
    similarity, support = (torch.rand(120, generator=stream) for _ in range(2))
    nowhere = torch.zeros(120, dtype=torch.int64)
    level = torch.zeros(2, 120)
    warp = GridWarp(
        ab,
        free_ab,
        level,
        level,
        support,
        support,
        similarity,
        similarity,
        support,
        nowhere,
        nowhere,
        nowhere > 0,
    )
    ones, colour = np.ones((37, 45)), np.full((37, 45, 2), 50.0, np.float32)
    flow = FlowColor(0, False, 3, 0 * colour, colour, ones, ones, 0 * ones, torch.ones(120), temporal_weight=1.0)
    evidence = Evidence(lightness, np.zeros((10, 12), np.float32), 4, warp, restricted=False, flows=(flow,))
    previous = WalkState(before, np.full((37, 45, 2), 7.0, np.float32), np.ones((37, 45), np.float32))
    refined = refinement.refine(evidence, previous)

    expected = refinement(
        lightness=torch.from_numpy(lightness),
        warped_ab=enlarged(ab.view(2, 10, 12))[:, :37, :45],
        similarity=enlarged(similarity.view(1, 10, 12))[0, :37, :45],
        previous_lightness=torch.from_numpy(before),
        previous_ab=torch.full((2, 37, 45), 7.0),
    )
    np.testing.assert_array_equal(refined.ab, expected.permute(1, 2, 0).numpy())
    # in the middle of a cell, between its four middle pixels, stands the cell's own value
    for found, cells in ((refined.confidence, similarity), (refined.tracked, support)):
        middle = (found[1:36:4, 1:44:4] + found[2:36:4, 2:44:4] + found[1:36:4, 2:44:4] + found[2:36:4, 1:44:4]) / 4
        assert np.corrcoef(middle.ravel(), cells.view(10, 12)[:9, :11].numpy().ravel())[0, 1] > 0.95
        assert found.min() >= 0 and found.max() <= 1
    lowered = refinement.refine(replace(evidence, restricted=True), previous).confidence
    np.testing.assert_allclose(lowered, refined.confidence * (0.5 + 0.5 * refined.tracked), rtol=1e-6)
    assert np.all(refined.flow_source == -1)
    assert not np.array_equal(refined.ab, refinement.refine(evidence, None).ab)


def test_an_array_that_is_not_a_picture_is_refused(refinement):
    with pytest.raises(ValueError, match=r"must be \(H, W\)"):
        refinement(lightness=torch.zeros(0, 8), warped_ab=torch.zeros(2, 0, 8), similarity=torch.zeros(0, 8))
