"""DeepRemaster's colour network against vectors of the published one, with seeded weights."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from real_footage import golden

from stcolor_core.models.deepremaster import DeepRemasterColorNet

DATA = Path(__file__).parents[1] / "data"
SEEDED = runpy.run_path(str(DATA / "deepremaster_fixture.py"))


@pytest.fixture(scope="module")
def network() -> DeepRemasterColorNet:
    return SEEDED["seeded"]()


@pytest.mark.slow
def test_the_network_gives_the_vectors_in_this_repository(network: DeepRemasterColorNet) -> None:
    expected = np.load(SEEDED["FIXTURE"])
    for name, values in SEEDED["outputs"](network).items():
        assert np.ptp(expected[name]) > 0.1, "the outputs differ from place to place"
        np.testing.assert_allclose(values, expected[name], atol=2e-5)


@pytest.mark.slow
def test_the_network_gives_the_vectors_of_the_published_code(network: DeepRemasterColorNet) -> None:
    expected = np.load(golden("golden_deepremaster.npz"))
    luminance, references = SEEDED["pictures"](3, 2, size=(48, 80), reference_size=(64, 64))
    result = network(luminance, references).numpy()
    np.testing.assert_allclose(result, expected["fp64_with_references"], atol=2e-5)
    np.testing.assert_allclose(network(luminance).numpy(), expected["without_references"], atol=2e-5)


@pytest.mark.slow
def test_each_frame_may_look_at_every_reference_whatever_their_order(network: DeepRemasterColorNet) -> None:
    luminance, references = SEEDED["pictures"](2, 2, size=(16, 32), reference_size=(32, 16))
    one, other = network(luminance, references), network(luminance, references.flip(2))
    torch.testing.assert_close(one, other, atol=1e-4, rtol=0)
    assert (one - network(luminance, references[:, :, :1])).abs().max() > 1e-3
